"""What differs between two snapshots or catalogs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.catalog.schema import MASKS, PIXELS, make_frame, polars
from infmap.catalog.snapshot import TABLES, read_about, read_tables
from infmap.catalog.splits import is_lateral
from infmap.catalog.store import Catalog
from infmap.catalog.truth import TRUTHS
from infmap.core.errors import SnapshotError

if TYPE_CHECKING:
    import polars as pl

COLUMNS: dict[str, tuple[str, ...]] = {
    "relabelled": ("covid19", "pneumonia", "normal"),
    "mask changed": (*MASKS, *PIXELS),
    "truth changed": TRUTHS,
    "moved": ("official_split", "split", "fold"),
    "picture changed": ("pixel_hash",),
}
"""Kind of change to the columns it is seen in; any other column is "described otherwise"."""
KINDS = (
    "added",
    "removed",
    *COLUMNS,
    "cluster changed",
    "described otherwise",
    "readings changed",
    "boxes changed",
)
SCHEMA = ("film_id", "source", "kind", "column", "before", "after")
_IGNORED = ("film_id", "source", "modified", "drawn", "duplicate_group")
"""Compared elsewhere, or telling when a file was touched and not what it holds."""


@dataclass(frozen=True, eq=False)
class SnapshotDiff:
    """Films that differ.

    Attributes:
        a: the first folder.
        b: the second folder.
        films: how many each holds.
        changes: one row per film and column that differs: film_id, source, kind (see ``KINDS``),
            column, before, after, as texts, null where absent or unknown.
    """

    a: Path
    b: Path
    films: tuple[int, int]
    changes: pl.DataFrame

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return not self.changes.is_empty()

    def __str__(self) -> str:
        """Counts by source, and examples."""
        return self.to_text()

    def films_of(self, kind: str) -> list[str]:
        """Names of the films of a kind of change, sorted."""
        column = polars().col
        found = self.changes.filter(column("kind") == kind)["film_id"].unique()
        return [str(name) for name in found.sort()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind of change to source to its number of films; kinds that do not occur are left out."""
        column = polars().col
        table = self.changes.group_by("kind", "source").agg(column("film_id").n_unique())
        found = {(kind, source): int(films) for kind, source, films in table.rows()}
        return {
            kind: {source: films for (k, source), films in sorted(found.items()) if k == kind}
            for kind in KINDS
            if any(k == kind for k, _ in found)
        }

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "a": str(self.a),
            "b": str(self.b),
            "films": list(self.films),
            "counts": self.counts(),
            "changes": self.changes.to_dicts(),
        }

    def to_text(self, examples: int = 3) -> str:
        """Counts by source, and the first films of each kind.

        Args:
            examples: changes shown of each kind.
        """
        lines = [f"{self.a}: {self.films[0]} films", f"{self.b}: {self.films[1]} films"]
        if not self:
            return "\n".join([*lines, "no difference"])
        column = polars().col
        for kind, sources in self.counts().items():
            by_source = ", ".join(f"{name} {films}" for name, films in sources.items())
            lines.append(f"{kind}: {sum(sources.values())} films ({by_source})")
            shown = self.changes.filter(column("kind") == kind).head(examples)
            lines += [f"  {_line(*row)}" for row in shown.rows()]
        return "\n".join(lines)


def diff(a: Path, b: Path) -> SnapshotDiff:
    """Compare two snapshots, two catalogs, or one with the other.

    Of a catalog that is compared with a snapshot the frontal films count, which are those that a
    snapshot takes. A film changed its cluster where its cluster's first film is another one,
    counting the films that both hold; the name of a cluster does not count. When a file was last
    touched does not count, and neither does a column that one of the two was written without.

    Args:
        a: folder of a snapshot or catalog, the state before.
        b: the same, the state after.

    Raises:
        SnapshotError: one is neither, or damaged.
    """
    (kind_a, before, skip_a), (kind_b, after, skip_b) = _load(a), _load(b)
    # A snapshot never holds lateral films; leaving them in would count each as removed.
    if kind_a != kind_b:
        before, after = _frontal(before), _frontal(after)
    found = [
        *_only(after["films"], before["films"], "added"),
        *_only(before["films"], after["films"], "removed"),
        *_columns(before["films"], after["films"], skip_a | skip_b),
        *_clusters(before["films"], after["films"]),
        *_readings(before["scores"], after["scores"]),
        *_boxes(before["boxes"], after["boxes"]),
    ]
    module = polars()
    empty = module.DataFrame(schema=dict.fromkeys(SCHEMA, module.String))
    sources = module.concat([t["films"].select("film_id", "source") for t in (before, after)])
    parts = [
        part.join(sources.unique("film_id"), on="film_id", how="left").select(
            module.col(SCHEMA).cast(module.String)
        )
        for part in found
    ]
    changes = module.concat([empty, *parts]).sort("kind", "film_id", "column")
    return SnapshotDiff(a, b, (len(before["films"]), len(after["films"])), changes)


def _load(folder: Path) -> tuple[str, dict[str, pl.DataFrame], frozenset[str]]:
    """What a folder is, its tables, and the columns of films that it was written without."""
    if (folder / "snapshot.json").exists():
        about = read_about(folder)
        tables = read_tables(folder)
        films = tables["films"]
        young = films.columns if about["version"] == 1 else (*PIXELS, "mask_note")
        return "snapshot", tables, frozenset(n for n in young if _unwritten(films, n))
    if (folder / "catalog.json").exists():
        catalog = Catalog(folder)
        return "catalog", {name: catalog.frame(name) for name in TABLES}, frozenset()
    raise SnapshotError(f"{folder}: expected a snapshot or a catalog, found neither")


def _frontal(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """What a snapshot takes of the tables."""
    films = tables["films"].filter(~is_lateral())
    names = films.select("film_id")
    others = {n: t.join(names, on="film_id", how="semi") for n, t in tables.items() if n != "films"}
    return {"films": films} | others


def _unwritten(films: pl.DataFrame, name: str) -> bool:
    return films[name].null_count() == len(films)


def _only(these: pl.DataFrame, those: pl.DataFrame, kind: str) -> Iterable[pl.DataFrame]:
    """Films that only the first has."""
    lit = polars().lit
    alone = these.join(those, on="film_id", how="anti")
    nothing = lit(None, polars().String)
    yield alone.select(
        "film_id", lit(kind).alias("kind"), lit("film_id").alias("column"),
        (nothing if kind == "added" else polars().col("path")).alias("before"),
        (polars().col("path") if kind == "added" else nothing).alias("after"),
    )  # fmt: skip


def _columns(
    before: pl.DataFrame, after: pl.DataFrame, skip: frozenset[str]
) -> Iterable[pl.DataFrame]:
    """Films that both have, where a column differs."""
    both = before.join(after, on="film_id", suffix=":after")
    kinds = {name: kind for kind, names in COLUMNS.items() for name in names}
    for name in make_frame("films", []).columns:
        if name not in _IGNORED and name not in skip:
            yield _differing(both, name, kinds.get(name, "described otherwise"))


def _differing(both: pl.DataFrame, name: str, kind: str) -> pl.DataFrame:
    column, lit = polars().col, polars().lit
    other = column(f"{name}:after")
    return both.filter(column(name).ne_missing(other)).select(
        "film_id", lit(kind).alias("kind"), lit(name).alias("column"),
        column(name).cast(polars().String).alias("before"),
        other.cast(polars().String).alias("after"),
    )  # fmt: skip


def _clusters(before: pl.DataFrame, after: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """Films whose cluster begins with another film, of those that both have."""
    column = polars().col
    sides = []
    for these, those in ((before, after), (after, before)):
        kept = these.join(those, on="film_id", how="semi").select("film_id", "duplicate_group")
        # Clusters are named after a film; adding an earlier one renames it without changing who is
        # in it.
        first = column("film_id").min().over("duplicate_group")
        named = polars().when(column("duplicate_group").is_not_null()).then(first)
        sides.append(kept.select("film_id", named.alias("duplicate_group")))
    both = sides[0].join(sides[1], on="film_id", suffix=":after")
    yield _differing(both, "duplicate_group", "cluster changed")


def _readings(before: pl.DataFrame, after: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """Readings that are new, gone, or of another value."""
    column, lit = polars().col, polars().lit
    keys = ["film_id", "name", "reader"]
    sides = [frame.unique(keys, keep="first", maintain_order=True) for frame in (before, after)]
    both = sides[0].join(
        sides[1], on=keys, how="full", coalesce=True, nulls_equal=True, suffix=":after"
    )
    name = column("name") + "/" + column("reader").fill_null("")
    yield both.filter(column("value").ne_missing(column("value:after"))).select(
        "film_id", lit("readings changed").alias("kind"), name.alias("column"),
        column("value").cast(polars().String).alias("before"),
        column("value:after").cast(polars().String).alias("after"),
    )  # fmt: skip


def _boxes(before: pl.DataFrame, after: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """Rectangles that are new or gone."""
    column, lit = polars().col, polars().lit
    nothing = lit(None, polars().String)
    place = polars().concat_str(["left", "top", "width", "height"], separator=" ")
    for these, those, gone in ((before, after, True), (after, before, False)):
        alone = these.join(those, on=these.columns, how="anti", nulls_equal=True)
        yield alone.select(
            "film_id", lit("boxes changed").alias("kind"), column("label").alias("column"),
            (place if gone else nothing).alias("before"),
            (nothing if gone else place).alias("after"),
        )  # fmt: skip


def _line(
    film_id: str, _source: str, kind: str, name: str, before: str | None, after: str | None
) -> str:
    if kind in ("added", "removed"):
        return film_id
    old, new = ("unknown" if value is None else value for value in (before, after))
    return f"{film_id}: {name} {old} -> {new}"
