"""What the pages share: sessions, headers, how a film travels to a browser, and the page's modules."""
