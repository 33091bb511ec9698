"""Masks drawn by readers and networks together: store, queue, proposals, agreement, the page."""
