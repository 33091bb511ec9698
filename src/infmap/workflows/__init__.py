"""What a verb does, apart from parsing and printing."""
