"""Steps from one version of the station's tables to the next."""
