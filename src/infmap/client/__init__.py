"""A client of the server, typed; it needs httpx alone."""
