"""Near-duplicates: thumbnails, an embedding, alignment, groups of films of one exposure."""
