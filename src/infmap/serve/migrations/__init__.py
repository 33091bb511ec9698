"""Steps from one version of the server's tables to the next."""
