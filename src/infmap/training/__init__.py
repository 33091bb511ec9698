"""Training: configuration, films, augmentation, the loop, export."""
