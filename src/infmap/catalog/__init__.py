"""Films of several sources compiled into one snapshot: ingest, duplicates, splits, snapshot."""
