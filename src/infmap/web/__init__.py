"""What pages share: sessions, headers, films and masks on their way to a browser, page modules."""
