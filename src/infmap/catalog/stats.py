"""How much a catalog holds: films by source, class and split, masks, views, sizes, licences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from infmap.catalog.schema import MASKS, polars
from infmap.catalog.store import Catalog
from infmap.catalog.truth import STATES, TRUTHS

if TYPE_CHECKING:
    import polars as pl

CLASSES = ("covid19", "pneumonia", "normal")
UNKNOWN, NONE = "unknown", "none"
MAPS = dict(zip(TRUTHS, ("infection", "opacity", "lungs"), strict=True))
"""Column of a state to what it is the truth of."""
Count = dict[str, str | int | None]
"""One row of a table of counts: column to value."""


@dataclass(frozen=True)
class Statistics:
    """Counts of a catalog. Each table is a list of rows, column to value.

    Attributes:
        films: films in all.
        patients: distinct patients; films of unknown patients count for none.
        without_patient: films whose patient is unknown.
        clusters: distinct duplicate groups of more than one film.
        clustered: films in them.
        failures: films that could not be read.
        by_class: source, class, split, films. A film with no class known is "unknown", one that is
            known to be none of the three is "other"; without a split it is in "none".
        masks: source, films, and how many have a known infection, opacity and lung mask.
        truth: source, map (infection, opacity, lungs), and how many films have each state of truth:
            mask, empty, somewhere, unknown (see ``infmap.catalog.truth``).
        views: source, view as stated and as guessed ("unknown" where neither), films.
        sizes: source, least, median and greatest width and height, in pixels; films.
        licences: source, licence ("unknown" where not stated), films.
        by_patient: source, patients, films whose patient is unknown, most films of one patient.
        duplicates: kind, verdict ("none" where not looked at), pairs.
        scores: name, reader, films.
        boxes: label, reader, films, boxes.
        unreadable: source, failures.
        unreadable_masks: source, failures: masks of films that are in, which are unknown therefore.
    """

    films: int
    patients: int
    without_patient: int
    clusters: int
    clustered: int
    failures: int
    by_class: list[Count]
    masks: list[Count]
    truth: list[Count]
    views: list[Count]
    sizes: list[Count]
    licences: list[Count]
    by_patient: list[Count]
    duplicates: list[Count]
    scores: list[Count]
    boxes: list[Count]
    unreadable: list[Count]
    unreadable_masks: list[Count]

    def to_dict(self) -> dict[str, object]:
        """All of it, as JSON holds it."""
        return asdict(self)

    @property
    def tables(self) -> dict[str, list[Count]]:
        """Title to rows, in the order shown; tables without rows are left out."""
        found = {
            "Films by source, class and split": self.by_class,
            "Known masks": self.masks,
            "Truth by map": self.truth,
            "Views": self.views,
            "Sizes in pixels": self.sizes,
            "Licences": self.licences,
            "Patients": self.by_patient,
            "Duplicate pairs": self.duplicates,
            "Scores": self.scores,
            "Boxes": self.boxes,
            "Films that could not be read": self.unreadable,
            "Masks that could not be read": self.unreadable_masks,
        }
        return {title: rows for title, rows in found.items() if rows}


def statistics(catalog: Catalog) -> Statistics:
    """Count what a catalog holds.

    Raises:
        SnapshotError: nothing was ingested yet, or a table is damaged.
        MissingExtra: polars is not installed.
    """
    pl = polars()
    films = catalog.film_frame()
    clusters = (
        films.drop_nulls("duplicate_group").group_by("duplicate_group").len().filter(pl.col.len > 1)
    )
    failed = catalog.frame("failures")
    failures, masks = (failed.filter(pl.col("film_id").is_null() == of) for of in (True, False))
    labelled = films.select(
        "source", film_class().alias("class"), pl.col("split").fill_null(NONE).alias("split")
    )
    return Statistics(
        films=films.height,
        patients=films["patient_id"].drop_nulls().n_unique(),
        without_patient=films["patient_id"].null_count(),
        clusters=clusters.height,
        clustered=int(clusters["len"].sum()),
        failures=failures.height,
        by_class=_count(labelled, "source", "class", "split"),
        masks=_masks(films),
        truth=truth_counts(films),
        views=_count(films, "source", "view", "view_guess"),
        sizes=_sizes(films),
        licences=_count(films, "source", "licence"),
        by_patient=_patients(films),
        duplicates=_count(catalog.frame("duplicates"), "kind", "verdict", of="pairs", null=NONE),
        scores=_count(catalog.frame("scores"), "name", "reader"),
        boxes=_boxes(catalog.frame("boxes")),
        unreadable=_count(failures, "source", of="failures"),
        unreadable_masks=_count(masks, "source", of="failures"),
    )


def film_class() -> pl.Expr:
    """Polars expression of a film's class: one of ``CLASSES``, "other", or "unknown"."""
    module = polars()
    chosen = module.when(module.col("covid19")).then(module.lit("covid19"))
    for name in CLASSES[1:]:
        chosen = chosen.when(module.col(name)).then(module.lit(name))
    # Known to be none of the three; a label that is unknown leaves the class unknown.
    ruled_out = module.all_horizontal(
        module.col(name).eq(False).fill_null(False) for name in CLASSES
    )
    found: pl.Expr = chosen.when(ruled_out).then(module.lit("other")).otherwise(module.lit(UNKNOWN))
    return found


def _count(
    frame: pl.DataFrame, *columns: str, of: str = "films", null: str = UNKNOWN
) -> list[Count]:
    pl = polars()
    filled = frame.select(pl.col(name).fill_null(null) for name in columns)
    return filled.group_by(columns).len(of).sort(columns).to_dicts()


def _masks(films: pl.DataFrame) -> list[Count]:
    pl = polars()
    known = [pl.col(name).is_not_null().sum() for name in MASKS]
    return films.group_by("source").agg(pl.len().alias("films"), *known).sort("source").to_dicts()


def truth_counts(films: pl.DataFrame) -> list[Count]:
    """Films by source, map and state of truth, see ``Statistics.truth``."""
    pl = polars()
    parts = []
    for column in TRUTHS:
        states = [(pl.col(column) == state).sum().alias(state) for state in STATES]
        parts.append(
            films.group_by("source").agg(pl.lit(MAPS[column]).first().alias("map"), *states)
        )
    rows: list[Count] = pl.concat(parts).sort("source", maintain_order=True).to_dicts()
    return rows


def _sizes(films: pl.DataFrame) -> list[Count]:
    pl = polars()
    figures = [
        getattr(pl.col(side), how)().cast(pl.Int32).alias(f"{side}_{how}")
        for side in ("width", "height")
        for how in ("min", "median", "max")
    ]
    return films.group_by("source").agg(*figures, pl.len().alias("films")).sort("source").to_dicts()


def _patients(films: pl.DataFrame) -> list[Count]:
    pl = polars()
    patient = pl.col("patient_id")
    return (
        films.group_by("source")
        .agg(
            patient.drop_nulls().n_unique().alias("patients"),
            patient.drop_nulls().unique_counts().max().fill_null(0).alias("most_films_of_one"),
            patient.null_count().alias("films_of_unknown_patients"),
        )
        .sort("source")
        .to_dicts()
    )


def _boxes(boxes: pl.DataFrame) -> list[Count]:
    pl = polars()
    filled = boxes.with_columns(pl.col("label", "reader").fill_null(UNKNOWN))
    counts = [pl.col("film_id").n_unique().alias("films"), pl.len().alias("boxes")]
    return filled.group_by("label", "reader").agg(*counts).sort("label", "reader").to_dicts()
