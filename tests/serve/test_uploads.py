"""Films as they were received."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import func, select

from infmap.core.errors import UsageError
from infmap.serve import uploads
from infmap.serve.errors import UploadRefused
from infmap.serve.schema import uploads as table
from infmap.serve.store import Store

BYTES = b"a film"
DIGEST = hashlib.sha256(BYTES).hexdigest()


def left(store: Store) -> list[Path]:
    """Files below ``uploads``."""
    return sorted(path for path in store.uploads.rglob("*") if path.is_file())


def test_bytes_are_kept_once_by_their_checksum(store: Store) -> None:
    for chunks in ([BYTES], [BYTES[:2], BYTES[2:]]):
        assert uploads.put(store, chunks) == uploads.Upload(DIGEST, len(BYTES))
    assert left(store) == [uploads.path(store, DIGEST)]
    assert uploads.path(store, DIGEST).read_bytes() == BYTES
    with store.read() as c:
        assert c.execute(select(func.count()).select_from(table)).scalar() == 1
        assert uploads.known(c, [DIGEST, "0" * 64]) == {DIGEST}


def test_it_is_said_whether_bytes_are_new(store: Store) -> None:
    upload = uploads.put(store, [BYTES])
    other = uploads.put(store, [b"another"])
    with store.begin() as c:
        c.execute(table.delete().where(table.c.sha256 == DIGEST))
        assert uploads.note(c, store, upload)
        assert not uploads.note(c, store, upload)
        c.execute(table.delete().where(table.c.sha256 == DIGEST))
        assert not uploads.note(c, store, upload, other)


@pytest.mark.parametrize(
    ("chunks", "sha256", "too_large"),
    [
        ([BYTES], "0" * 64, False),
        ([], None, False),
        ([b""], DIGEST, False),
        ([BYTES, b"x" * 100], None, True),
    ],
)
def test_what_is_refused_leaves_nothing(
    store: Store, chunks: list[bytes], sha256: str | None, too_large: bool
) -> None:
    with pytest.raises(UploadRefused, match="upload: expected") as error:
        uploads.put(store, chunks, sha256, most=50)
    assert error.value.too_large == too_large
    assert left(store) == []
    with store.read() as c:
        assert c.execute(select(table)).all() == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_checksum_that_is_none_never_becomes_a_path(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal"):
        uploads.path(store, name)
    with pytest.raises(UsageError, match="64 hexadecimal"):
        uploads.put(store, [BYTES], name)


def test_an_upload_that_is_broken_off_leaves_nothing(store: Store) -> None:
    def broken() -> list[bytes]:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError), uploads.Receiving(store) as receiving:
        receiving.write(BYTES)
        broken()
    assert left(store) == []


def test_archives_are_known_by_their_content(store: Store) -> None:
    zip_file = uploads.put(store, [b"PK\x03\x04rest"]).sha256
    assert uploads.is_archive(store, zip_file)
    assert not uploads.is_archive(store, uploads.put(store, [BYTES]).sha256)
