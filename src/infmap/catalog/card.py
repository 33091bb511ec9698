"""The data card of a snapshot: card.md for people, croissant.json for machines.

card.md opens with the metadata block of a Hugging Face dataset card; croissant.json follows
Croissant 1.0 (MLCommons, http://mlcommons.org/croissant/1.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from infmap.catalog.schema import polars
from infmap.catalog.stats import CLASSES as NAMED
from infmap.catalog.stats import UNKNOWN, film_class, truth_counts
from infmap.catalog.truth import STATES
from infmap.core.errors import needs_extra
from infmap.sources.licences import Terms, terms

if TYPE_CHECKING:
    import polars as pl

    from infmap.catalog.manifests import SnapshotAbout

CLASSES = (*NAMED, "other", UNKNOWN)
AGES = (18, 40, 60, 80)
"""Where age bands begin, years; the first band is all below."""
TEMPLATE = "card.md.j2"
DESCRIPTION = (
    "Frontal chest X-rays of {sources}, as one table: labels, masks, patients, near-duplicate "
    "clusters and folds of {films} films. The pictures themselves lie where each source was "
    "downloaded to and are not part of it. Research use only."
)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
_CROISSANT_TYPES = {"Boolean": "sc:Boolean", "Int32": "sc:Integer", "Int64": "sc:Integer",
                    "Float32": "sc:Float", "Float64": "sc:Float"}  # fmt: skip
_CONTEXT: dict[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that Croissant 1.0 prescribes."""


class LicenceCount(TypedDict):
    """Films of a source that state a licence, and what it allows."""

    source: str
    licence: str
    films: int
    terms: Terms


def write_card(
    folder: Path, tables: Mapping[str, pl.DataFrame], about: SnapshotAbout
) -> tuple[Path, Path]:
    """Write card.md and croissant.json.

    Args:
        folder: of the snapshot.
        tables: films, scores and boxes.
        about: what snapshot.json is to hold, checksums of the tables included.

    Returns:
        The two files.
    """
    card, croissant = folder / "card.md", folder / "croissant.json"
    card.write_text(card_text(tables, about), encoding="utf-8")
    text = json.dumps(croissant_metadata(tables, about), indent=2, ensure_ascii=False) + "\n"
    croissant.write_text(text, encoding="utf-8")
    return card, croissant


def card_text(tables: Mapping[str, pl.DataFrame], about: SnapshotAbout) -> str:
    """The card in Markdown."""
    with needs_extra("the data card of a snapshot", "catalog"):
        import yaml
    from jinja2 import Environment, PackageLoader, StrictUndefined

    films = _described(tables["films"])
    environment = Environment(
        loader=PackageLoader("infmap.catalog", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    licences = _licences(films)
    front = yaml.safe_dump(_front_matter(films, licences), sort_keys=False, allow_unicode=True)
    return environment.get_template(TEMPLATE).render(
        front=front,
        about=about,
        description=_description(films),
        classes=CLASSES,
        by_class=_cross(films, ("source", "split"), "class", CLASSES),
        by_official=_cross(films, ("source", "official_split"), "class", CLASSES),
        views=_counts(films, "view"),
        sexes=_counts(films, "sex"),
        ages=_counts(films, "age_band"),
        masks=_masks(films),
        truth=truth_counts(films),
        states=STATES,
        readings=_readings(tables["scores"]),
        boxes=_counts(tables["boxes"], "label"),
        licences=licences,
        sources=_sources(films),
        traps=known_traps(tables["films"]),
    )


def croissant_metadata(
    tables: Mapping[str, pl.DataFrame], about: SnapshotAbout
) -> dict[str, object]:
    """The snapshot as Croissant 1.0 describes data sets, for JSON."""
    films = tables["films"]
    sources = _sources(films)
    names = [name for name in about["files"] if name.endswith(".parquet")]
    licences = sorted({row["licence"] for row in _licences(_described(films))} - {UNKNOWN})
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"infmap-snapshot-{about['sha256'][:12]}",
        "description": _description(films),
        "version": f"1.0.0+{about['sha256'][:12]}",
        "datePublished": about["created"],
        "license": licences or [UNKNOWN],
        "url": f"urn:sha256:{about['sha256']}",
        "creator": [{"@type": "sc:Organization", "name": row["title"]} for row in sources],
        "citeAs": "; ".join(row["citation"] for row in sources if row["citation"] != UNKNOWN)
        or UNKNOWN,
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "encodingFormat": "application/x-parquet",
                "sha256": about["files"][name]["sha256"],
            }
            for name in names
        ],
        "recordSet": [_record_set(name, tables[name.removesuffix(".parquet")]) for name in names],
    }


def known_traps(films: pl.DataFrame) -> list[str]:
    """What can make a result on these films better than it is, a sentence each, with counts."""
    column, n = polars().col, len(films)
    found: list[str] = []
    described = _described(films)
    covid = described.group_by("source").agg((column("class") == "covid19").sum()).sort("source")
    without = [source for source, count in covid.rows() if not count]
    if without and len(without) < len(covid):
        found.append(
            f"{', '.join(without)} holds no film with COVID-19 and other sources do: a network can "
            "learn the source in place of the disease."
        )
    spanning = films.group_by("duplicate_group").agg(
        column("source").n_unique().alias("sources"),
        column("official_split").drop_nulls().n_unique().alias("splits"),
        polars().len().alias("films"),
    )
    across = spanning.filter(column("sources") > 1)
    divided = spanning.filter(column("splits") > 1)
    several = spanning.filter(column("films") > 1)
    if len(several):
        found.append(
            f"{several['films'].sum()} films have a near-duplicate here ({len(several)} clusters); "
            f"{len(across)} clusters hold films of more than one source, so that results from one "
            "source on another need them grouped first. The folds do that."
        )
    if len(divided):
        found.append(
            f"{len(divided)} clusters have films on both sides of a publisher's split: a result on "
            "the official split counts films that were trained on."
        )
    if patients := films["patient_id"].null_count():
        found.append(
            f"The patient of {patients} of {n} films is unknown; folds keep such a film together "
            "with its near-duplicates only, and another film of the same patient may lie elsewhere."
        )
    # Absent is not negative: such masks say nothing of other opacities.
    by_construction = films.filter(~column("covid19") & column("infection_mask").is_not_null())
    if len(by_construction):
        found.append(
            f"The infection masks of {len(by_construction)} films without COVID-19 are empty by "
            "construction, whatever opacities they show."
        )
    views = described.group_by("class").agg(column("view").is_in([UNKNOWN]).mean().alias("share"))
    # Half: where most views are known, the tables of the card tell.
    blind = views.filter(column("share") > 0.5)["class"].sort()
    if len(blind):
        found.append(
            f"The view of most films of the classes {', '.join(blind)} is unknown: whether bedside "
            "films (AP) are more frequent in one class is unknown, and a network may use it."
        )
    return found


def _described(films: pl.DataFrame) -> pl.DataFrame:
    """Films with their class and age band; unknown is written out."""
    module, column = polars(), polars().col
    band = module.lit(f"{AGES[-1]} and over")
    for low, high in reversed(list(zip((0, *AGES), AGES))):
        band = module.when(column("age") < high).then(module.lit(f"{low} to {high - 1}"))\
            .otherwise(band)  # fmt: skip
    known_age = module.when(column("age").is_not_null()).then(band)
    texts = ("view", "sex", "licence", "official_split", "split")
    return films.with_columns(
        film_class().alias("class"),
        known_age.otherwise(module.lit(UNKNOWN)).alias("age_band"),
        *(column(name).str.strip_chars().replace("", None).fill_null(UNKNOWN)
            for name in texts),
    )  # fmt: skip


def _counts(frame: pl.DataFrame, name: str) -> list[tuple[str, int]]:
    """Values of a column and how often each occurs, commonest first."""
    table = frame.group_by(name).len().sort(["len", name], descending=[True, False])
    return [(str(value), int(count)) for value, count in table.rows()]


def _cross(
    films: pl.DataFrame, rows: tuple[str, ...], across: str, values: Sequence[str]
) -> list[tuple[list[str], list[int]]]:
    """Counts by row and column: names of the row, and a count a value."""
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    for *names, value, count in films.group_by(*rows, across).len().rows():
        counts.setdefault(tuple(names), {})[value] = count
    return [(list(names), [found.get(v, 0) for v in values])
            for names, found in sorted(counts.items())]  # fmt: skip


def _masks(films: pl.DataFrame) -> list[tuple[str, int, int, int]]:
    """Source, and how many of its films have an infection, opacity and lung mask."""
    names = ("infection_mask", "opacity_mask", "lung_mask")
    table = films.group_by("source").agg(polars().col(name).count() for name in names)
    return [(str(s), int(i), int(o), int(g)) for s, i, o, g in table.sort("source").rows()]


def _readings(scores: pl.DataFrame) -> list[tuple[str, str, int]]:
    """Score, its reader, and how many films have it."""
    table = scores.group_by("name", "reader").agg(polars().col("film_id").n_unique())
    return [(str(n), str(r), int(k)) for n, r, k in table.sort("name", "reader").rows()]


def _licences(films: pl.DataFrame) -> list[LicenceCount]:
    """Licence as stated, source, films, and what it allows."""
    table = films.group_by("source", "licence").len().sort("source", "licence")
    found: list[LicenceCount] = []
    for source, licence, count in table.rows():
        allowed = terms(None if licence == UNKNOWN else licence)
        found.append({"source": source, "licence": licence, "films": count, "terms": allowed})
    return found


def _sources(films: pl.DataFrame) -> list[dict[str, str]]:
    """Name, title, page, licence and citation of each source, unknown where infmap has none."""
    from infmap.sources import SOURCES

    found = []
    for name in films["source"].unique().sort():
        source = SOURCES.get(name)
        given = {f: getattr(source, f, None) for f in ("title", "url", "licence", "citation")}
        found.append({"name": name} | {k: v or (name if k == "title" else UNKNOWN)
                                       for k, v in given.items()})  # fmt: skip
    return found


def _front_matter(films: pl.DataFrame, licences: list[LicenceCount]) -> dict[str, object]:
    """Metadata block of a Hugging Face dataset card."""
    stated = sorted({row["licence"] for row in licences})
    return {
        "pretty_name": f"Chest X-rays of {', '.join(films['source'].unique().sort())}",
        "license": "other",
        "license_name": stated[0] if len(stated) == 1 else "several, by film",
        "task_categories": ["image-segmentation", "image-classification"],
        "tags": ["medical", "radiology", "chest-x-ray", "covid-19"],
        "size_categories": [next((s for n, s in _SIZES if len(films) < n), "n>1M")],
        "configs": [{"config_name": "films", "data_files": "films.parquet"}],
    }


def _description(films: pl.DataFrame) -> str:
    sources = ", ".join(films["source"].unique().sort())
    return DESCRIPTION.format(sources=sources, films=len(films))


def _record_set(file: str, frame: pl.DataFrame) -> dict[str, object]:
    name = file.removesuffix(".parquet")
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "dataType": _CROISSANT_TYPES.get(str(kind), "sc:Text"),
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column, kind in frame.schema.items()
        ],
    }


def _cell(value: object) -> str:
    """A value inside a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
