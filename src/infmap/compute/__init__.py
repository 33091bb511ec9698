"""Where work runs: worker processes, Ray, and locks on folders."""
