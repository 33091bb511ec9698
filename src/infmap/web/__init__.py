"""What pages share: sessions, headers, how a film travels to a browser, the modules of pages."""
