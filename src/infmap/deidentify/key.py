"""The secret that makes pseudonyms: the same key gives a patient the same ones at every run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.dicom.uids import uid_from

_BYTES = 32
"""Of the secret: as long as the digests that are made with it."""
_MOST_DAYS = 3650
"""Longest move of dates, in days: ten years hide the year and keep films within the era of digital
radiography."""


@dataclass(frozen=True)
class Key:
    """Pseudonyms, UIDs and moves of dates, each a keyed hash (HMAC-SHA-256, RFC 2104).

    Attributes:
        secret: 32 bytes; never printed.
    """

    secret: bytes = field(repr=False)

    @staticmethod
    def read_or_make(path: Path) -> Key:
        """The key in a file; made there, readable by its owner alone, where there is none.

        Raises:
            UsageError: the file is no key, or others may read it.
            OSError: it cannot be read or made.
        """
        try:
            # Exclusive: two first runs at once do not each make a key of their own.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return _read(path)

    def digest(self, kind: str, value: str) -> bytes:
        """32 bytes that stand for a value of one kind.

        Args:
            kind: "patient", "study", ...; the same value of another kind gives other bytes.
            value: as the film states it; padding does not count.
        """
        text = kind + "\0" + value.strip(" \0")
        return hmac.new(self.secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def pseudonym(self, kind: str, value: str, length: int = 12) -> str:
        """A short name in capitals and digits 2 to 7.

        Args:
            kind: as of ``digest``; its first letter begins the name.
            value: what it stands for.
            length: characters of the hash: 12 hold 60 bits, so that two of a million patients
                share one with a chance below one in a million.
        """
        return kind[0].upper() + base64.b32encode(self.digest(kind, value)).decode()[:length]

    def uid(self, value: str) -> str:
        """The UID that takes the place of another."""
        return uid_from(self.digest("uid", value))

    def days(self, patient: str) -> int:
        """By how many days the dates of one patient move: -3650 to -1."""
        number = int.from_bytes(self.digest("days", patient)[:8], "big")
        return -(number % _MOST_DAYS + 1)


def _read(path: Path) -> Key:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise UsageError(
            f"{path}: expected a key that its owner alone may read; run: chmod 600 {path}"
        )
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise UsageError(
            f"{path}: expected {2 * _BYTES} hexadecimal digits of a key; name the key's own file, "
            "or a new place for a new key"
        )
    return Key(secret)
