"""Names of films as clients give them: for people to read, never part of a path."""

from __future__ import annotations

MOST_LETTERS = 512
"""Of a name that are kept: a path within a folder that was sent."""


def shown(name: str) -> str:
    """A name as it is kept: printable, not too long, its end kept where the file's name is."""
    # Surrogates and control characters are no text to PostgreSQL, to JSON or to a terminal.
    plain = "".join(letter if letter.isprintable() else "_" for letter in name).strip()
    return plain[-MOST_LETTERS:] or "film"
