"""UIDs of derived objects: the same film, model and content give the same ones."""

from __future__ import annotations

import hashlib
import uuid


def uid_from(*parts: str | bytes) -> str:
    """A UID made of names, after PS3.5 B.2: "2.25." and a UUID as a decimal number.

    The UUID is the first 128 bits of SHA-256 with version and variant of a name-based one.

    Args:
        parts: what the UID stands for; the order counts, and so do the borders between parts.

    Returns:
        At most 44 characters.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=5).int}"
