"""The node of a PACS: films in by C-STORE, objects of results out, with a queue between."""
