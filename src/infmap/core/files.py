"""Files that are whole or absent, their checksums, and JSON without NaN.

Whatever is read by another process, or after a crash, is written beside its place and moved there:
a reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, cast, overload

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What a JSON file may hold. Whoever reads one says next what it expects, and checks it."""


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A path beside ``path`` to write to; the file there takes its place when the body ends.

    Args:
        path: the final place; its folder exists. An older file is replaced.
        durable: on the disk, not only in the system's memory, before it takes its place.

    Raises:
        OSError: the disk is full, read-only or forbidden; the older file is as it was.
    """
    # Process and thread are in the name: two writers of one file never share a temporary one.
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
        if durable:
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path`` to fill; it takes its place when the body ends, or is removed.

    Args:
        path: the final place: nothing, or an empty folder.

    Raises:
        OSError: the folder cannot be made, filled or moved.
    """
    target = path.absolute()
    # Beside its place, so that the last step is a rename within one file system.
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if target.exists():  # a rename does not replace a folder on every system
            target.rmdir()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file, all or nothing; see ``replacing``."""
    with replacing(path, durable=durable) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a UTF-8 file, line ends as they are, all or nothing; see ``replacing``."""
    write_bytes(path, text.encode("utf-8"), durable=durable)


def read_json(path: Path) -> Json:
    """What a UTF-8 JSON file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or no UTF-8.
    """
    return parse_json(path.read_text(encoding="utf-8"))


def read_json_object(path: Path) -> dict[str, Json]:
    """The JSON object that a UTF-8 file holds; see ``read_json``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or no object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def parse_json(text: str) -> Json:
    """What a JSON text holds.

    Raises:
        ValueError: it is no JSON.
    """
    # The one place where parsed JSON gets its type: the standard library promises nothing.
    return cast(Json, json.loads(text))


def write_json(path: Path, value: object, *, indent: int = 2, durable: bool = False) -> None:
    """Write a JSON file, all or nothing; see ``replacing``.

    Raises:
        ValueError: a number is not finite, which JSON does not have; see ``finite``.
    """
    text = json.dumps(value, indent=indent, allow_nan=False) + "\n"
    write_text(path, text, durable=durable)


@overload
def finite(value: Mapping[str, object]) -> dict[str, object]: ...
@overload
def finite(value: object) -> object: ...
def finite(value: object) -> object:
    """The value with every number in it that is not finite replaced by None."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def without_paths(value: Json) -> Json:
    """The value with every absolute path in it replaced by its last part.

    What is published says which file was used, and nothing of the machine that it lay on.
    """
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
