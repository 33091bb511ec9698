"""From raw folders to a training-ready snapshot, with one configuration file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from pydantic import Field, model_validator

from infmap.audit import audit
from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.pairs import read_decisions
from infmap.catalog.renamed import SourceName
from infmap.catalog.snapshot import write_snapshot
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.yaml_file import Strict, read_yaml
from infmap.core.errors import UsageError
from infmap.sources import SOURCES
from infmap.training.pack import write_pack


class Figures(TypedDict, total=False):
    """What a step has to say of itself: the fields of ``compile_catalog``'s step."""

    films: int
    failures: int
    notes: dict[str, list[str]]
    pairs: int
    folds: dict[int, int]
    parts: dict[str, int]
    leaks: int
    unused: int
    joined: int
    sha256: str
    verdict: list[str]
    folder: str


Say = Callable[[str, Figures], None]
"""Called with a step's name and figures."""


class SplitConfig(Strict):
    """How films are assigned to folds."""

    folds: int = Field(5, ge=2, description="number of folds; fold 0 is the part val")
    seed: int = Field(0, description="seed of the draw")
    fractions: dict[str, float] | None = Field(None, description="part to its share, for folds")
    official: bool = Field(False, description="keep the publisher's parts")
    by_source: bool = Field(False, description="a fold is a source")


class CatalogConfig(Strict):
    """Everything between raw folders and a snapshot."""

    catalog: Path = Field(description="folder of the catalog")
    sources: dict[SourceName, Path] = Field(description="source to its folder", min_length=1)
    workers: int | None = Field(None, ge=1, description="films decoded at a time")
    on: str = Field("local", description="local, ray or ray://HOST:PORT")
    decisions: Path | None = Field(None, description="verdicts on duplicates, from their page")
    split: SplitConfig = SplitConfig()
    snapshot: Path = Field(description="folder of the snapshot")
    pack: tuple[int, ...] = Field((), description="sizes to pack the films at, in pixels")
    audit: Path | None = Field(None, description="folder of the audit")

    @model_validator(mode="after")
    def _named(self) -> CatalogConfig:
        for source in self.sources:
            if source not in SOURCES:
                raise ValueError(
                    f"unknown source {source!r}; expected one of: {', '.join(SOURCES)}"
                )
        return self


def read_catalog_config(path: Path) -> CatalogConfig:
    """Read a configuration; its paths are relative to its own folder.

    Raises:
        UsageError: the file is missing, is not YAML, or a field is wrong.
    """
    config, here = read_yaml(path, CatalogConfig), path.parent
    paths = {
        name: here / value
        for name in ("catalog", "decisions", "snapshot", "audit")
        if (value := getattr(config, name)) is not None
    }
    sources = {name: here / root for name, root in config.sources.items()}
    return config.model_copy(update=paths | {"sources": sources})


def compile_catalog(config: CatalogConfig, say: Say) -> None:
    """Ingest, find duplicates, split, snapshot, audit and pack.

    Each step may be done again: what is done already is quick. A step that was stopped goes on.

    Args:
        config: what to do.
        say: called after each step with its name and figures.

    Raises:
        InfmapError: a step cannot be done.
    """
    catalog = Catalog(config.catalog)
    report = ingest(catalog, config.sources, config.workers, config.on)
    say("ingest", {"films": report.films, "failures": report.failures, "notes": report.notes})
    if not report.films:
        raise UsageError(f"{config.catalog}: expected films that can be read, got none")
    if config.decisions:
        read_decisions(catalog, config.decisions)
    pairs = deduplicate(catalog)
    say("dedup", {"pairs": len(pairs)})
    placed = split(catalog, **config.split.model_dump())
    say("split", {"folds": placed.folds, "parts": placed.parts, "leaks": len(placed.leaks),
                  "unused": placed.unused, "joined": placed.joined})  # fmt: skip
    about = write_snapshot(catalog, config.snapshot)
    say("snapshot", {"films": about["films"], "sha256": about["sha256"]})
    if config.audit:
        say("audit", {"verdict": audit(catalog, config.audit).verdict})
    for size in config.pack:
        say("pack", {"folder": str(write_pack(config.snapshot, size))})
