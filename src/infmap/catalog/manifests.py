"""What catalog.json and snapshot.json hold, checked where it comes from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Required

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict


class TableEntry(TypedDict):
    """One file of a catalog's tables."""

    file: str
    rows: int
    sha256: str


class CatalogManifest(TypedDict):
    """What catalog.json holds.

    Attributes:
        version: of the schema.
        generation: number of the commit.
        tables: table to its file.
        roots: source to its absolute folder.
        sources: source to what its check had to say when it was ingested.
        settings: step to the settings it was last done with.
    """

    version: int
    generation: int
    tables: dict[str, TableEntry]
    roots: dict[str, str]
    sources: dict[str, list[str]]
    settings: dict[str, Mapping[str, object]]


class FileEntry(TypedDict, total=False):
    """One file of a snapshot; a table also has its rows."""

    rows: int
    sha256: Required[str]


# Whoever writes a snapshot of their own may say more of it; that is kept.
@with_config(ConfigDict(extra="allow"))
class SnapshotAbout(TypedDict, total=False):
    """What snapshot.json holds; all but the required keys may be absent from older ones.

    Attributes:
        version: of the schema.
        infmap: version that wrote it.
        created: when, ISO 8601, UTC.
        films: how many it holds.
        sha256: of what its tables hold, see ``snapshot.content_sha256``.
        left_out: lateral films of the catalog.
        generation: of the catalog.
        split: settings of the catalog's split.
        parts: films by part, of one split of a study.
        made_from: absolute folder of the snapshot that a study made it from.
        catalog: absolute folder of derived masks.
        roots: source to its absolute folder.
        files: name to checksum.
    """

    version: Required[int]
    infmap: str
    created: str
    films: int
    sha256: Required[str]
    left_out: int
    generation: int
    split: Mapping[str, object] | None
    parts: dict[str, int]
    made_from: str
    catalog: Required[str]
    roots: Required[dict[str, str]]
    files: dict[str, FileEntry]


_MANIFEST = TypeAdapter(CatalogManifest)
_ABOUT = TypeAdapter(SnapshotAbout)


def version_in(value: Mapping[str, object]) -> int:
    """The version that a parsed file states; checked first, for a newer one may look otherwise.

    Raises:
        ValueError: it states none.
    """
    version = value.get("version")
    if not isinstance(version, int):
        raise ValueError(f"expected a version, got {version!r}")
    return version


def as_manifest(value: object) -> CatalogManifest:
    """The parsed catalog.json, checked.

    Raises:
        ValueError: a key is missing or of another type.
    """
    return _MANIFEST.validate_python(value)


def as_about(value: object) -> SnapshotAbout:
    """The parsed snapshot.json, checked.

    Raises:
        ValueError: a key is missing or of another type.
    """
    return _ABOUT.validate_python(value)
