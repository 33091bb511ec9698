"""No split, however it is made, tears a patient or a near-duplicate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infmap.catalog.groups import (
    divided_groups,
    film_groups,
    sharing_with,
)
from infmap.catalog.splits import assign_folds, split
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError
from infmap.export.films import collect
from infmap.study.config import StudyConfig
from infmap.study.external import Fold, Part, left_out
from infmap.study.splits import assign_parts, fold_names
from infmap.training.config import TrainingConfig
from infmap.training.parts import check_hold_out, held_out, select_films

Row = dict[str, Any]
Sides = dict[str, set[str]]
"""What is learnt from, decided on, scored... to the film_id of each film."""
ROOT = Path(__file__).resolve().parents[2]


def planted(seed: int = 0) -> list[Row]:
    """Three sources, one with publishers' parts; copies and patients within and across them."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for source, count in (("a", 60), ("b", 40), ("c", 40)):
        for n in range(count):
            name, part = f"{source}/{n:03}", str(random.choice(["train", "val", "test"]))
            rows.append({
                "film_id": name, "source": source, "path": f"{n}.png", "view": "PA",
                "patient_id": None if n % 3 else f"p{int(random.integers(40))}",
                "duplicate_group": name, "covid19": bool(n % 2), "pneumonia": False,
                "normal": not n % 2,
                "official_split": part if source == "a" else None,
                "split": "val" if n % 5 == 0 else "train", "fold": n % 5,
            })  # fmt: skip
    for a, b in random.permutation(len(rows))[:60].reshape(30, 2):
        rows[b]["duplicate_group"] = rows[a]["duplicate_group"]
    return rows


def catalog_of(folder: Path, rows: list[Row]) -> Catalog:
    catalog = Catalog(folder)
    catalog.write("films", rows)
    roots = {source: str(folder) for source in "abc"}
    catalog.commit({}, roots=roots)
    return catalog


def drawn(**how: Any) -> Callable[[Path], Iterator[Sides]]:
    """The catalog's split, its parts and its folds."""

    def run(folder: Path) -> Iterator[Sides]:
        catalog = catalog_of(folder / "c", planted())
        split(catalog, **how)
        for column in ("split", "fold"):
            yield sides(catalog.films(), [film[column] for film in catalog.films()])

    return run


def exported(column: str, **how: Any) -> Callable[[Path], Iterator[Sides]]:
    """An export of a catalog whose own columns tear groups, or were drawn."""

    def run(folder: Path) -> Iterator[Sides]:
        catalog = catalog_of(folder / "c", planted())
        if how:
            split(catalog, **how)
        films, _ = collect(folder / "c", None, column)  # type: ignore[arg-type]
        rows = [film.row for film in films]
        yield sides(rows, [film.split for film in films])
        yield sides(rows, [film.row["fold"] for film in films])

    return run


def trained(**changes: Any) -> Callable[[Path], Iterator[Sides]]:
    """A training run; what is held out is what somebody scores the run on."""

    def run(_: Path) -> Iterator[Sides]:
        rows = planted()
        config = training(**changes)
        chosen = select_films(rows, config)
        out = config.hold_out
        scored = held_out(rows, out.fold) + [r for r in rows if r["source"] in out.sources]
        scored += [r for r in rows if r["official_split"] == "test"]
        assert chosen.learn and chosen.validate and chosen.left_out
        yield {
            "learn": ids(chosen.learn),
            "validate": ids(chosen.validate),
            "scored": ids(scored),
        }
        yield {"calibrate": ids(chosen.free), "scored": ids(scored)}

    return run


def trained_without_named(folder: Path) -> Iterator[Sides]:
    """A fold of the external validation: half a source, whose films a list names."""
    fold = Fold(name="A", left_out=(Part(source="c", half=0), Part(source="b", path="*1.png")))
    films = ids(left_out(planted(), fold))
    out = folder / "films.txt"
    out.write_text("".join(f"{name}\n" for name in sorted(films)))
    chosen = select_films(planted(), training(hold_out={"films": out}))
    assert chosen.learn and chosen.left_out and len(sharing_with(planted(), films)) > len(films)
    yield {"learn": ids(chosen.learn), "validate": ids(chosen.validate), "scored": films}
    yield {"calibrate": ids(chosen.free), "scored": films}


def studied(scheme: str) -> Callable[[Path], Iterator[Sides]]:
    """Each split of a study."""

    def run(_: Path) -> Iterator[Sides]:
        rows = planted()
        values = {
            "grid": {"encoders": ["resnet50"]},
            "split": {"scheme": scheme, "watch": 0.2},
            "training": training_values(),
        }
        config = StudyConfig.model_validate(values)
        for fold in fold_names(config, rows):
            parts = assign_parts(config, rows, fold)
            found = sides(rows, ["scored" if p in ("held-out", "external") else p for p in parts])
            assert found["train"] and found["val"] and found["scored"]
            yield found

    return run


def audited(_: Path) -> Iterator[Sides]:
    """The folds of the audit's probes."""
    rows = planted()
    yield sides(rows, assign_folds(rows, 5, 0))


def sides(rows: list[Row], of: Any) -> Sides:
    found: Sides = {}
    for row, side in zip(rows, of, strict=True):
        if side not in (None, "unused", "unassigned"):
            found.setdefault(str(side), set()).add(row["film_id"])
    return found


def ids(rows: list[Row]) -> set[str]:
    return {row["film_id"] for row in rows}


def training_values(**changes: Any) -> dict[str, Any]:
    stages = [{"epochs": 1, "sources": {"a": 1, "b": 1, "c": 1}}]
    return {"snapshot": "s", "stages": stages, **changes}


def training(**changes: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(training_values(**changes))


PATHS = {
    "folds": drawn(folds=5),
    "fractions": drawn(fractions={"train": 0.6, "val": 0.2, "test": 0.2}),
    "official": drawn(official=True),
    "by source": drawn(by_source=True),
    "by source, official": drawn(by_source=True, official=True),
    "export": exported("split"),
    "export, official": exported("official_split"),
    "export, by source": exported("split", by_source=True),
    "export, split official": exported("split", official=True),
    "train": trained(),
    "train, source held out": trained(hold_out={"sources": ["b"]}),
    "train, fold held out": trained(hold_out={"fold": 1}),
    "train, both held out": trained(hold_out={"fold": 1, "sources": ["c"]}),
    "train, duplicates out": trained(hold_out={"near_duplicates_of": ["b"], "fold": 2}),
    "train, films held out by name": trained_without_named,
    "train, validated on a": trained(validation_sources=["a"], hold_out={"fold": 0}),
    "study, official": studied("official"),
    "study, folds": studied("folds"),
    "study, sources": studied("sources"),
    "audit": audited,
}


def test_the_planted_films_are_torn_to_begin_with() -> None:
    rows = planted()
    groups = film_groups(rows)
    for column in ("source", "official_split", "split", "fold"):
        assert len(divided_groups(groups, [row[column] for row in rows])) > 4, column


@pytest.mark.parametrize("path", PATHS)
def test_no_path_tears_a_group(path: str, tmp_path: Path) -> None:
    group = dict(zip([r["film_id"] for r in planted()], film_groups(planted()), strict=True))
    for found in PATHS[path](tmp_path):
        assert len(found) > 1
        for side, films in found.items():
            for other, others in found.items():
                shared = {group[f] for f in films} & {group[f] for f in others}
                assert side == other or not shared, f"{side} and {other}"


@pytest.mark.parametrize("hold_out", [{"sources": ["b"]}, {"fold": 3}])
def test_what_is_held_out_takes_its_copies_and_patients_with_it(hold_out: dict[str, Any]) -> None:
    rows = planted()
    config = training(hold_out=hold_out)
    chosen = select_films(rows, config)
    held = ids(held_out(rows, config.hold_out.fold)) | {
        row["film_id"] for row in rows if row["source"] in config.hold_out.sources
    }
    touched = sharing_with(rows, held)
    assert touched > held
    assert not touched & (ids(chosen.learn) | ids(chosen.validate) | ids(chosen.free))
    assert ids(chosen.learn) | ids(chosen.validate) <= ids(chosen.free)


def test_copies_of_validation_films_leave_training_and_are_counted() -> None:
    rows = planted()
    chosen = select_films(rows, training())
    meant = [row for row in rows if (row["official_split"] or row["split"]) in ("train", "val")]
    assert chosen.left_out == len(meant) - len(chosen.learn) - len(chosen.validate) > 0
    tested = sharing_with(rows, {r["film_id"] for r in rows if r["official_split"] == "test"})
    val = {r["film_id"] for r in rows if (r["official_split"] or r["split"]) == "val"}
    assert ids(chosen.validate) == val - tested


def test_only_named_sources_are_validated_on_and_the_rest_is_learnt_from() -> None:
    chosen = select_films(planted(), training(validation_sources=["a"]))
    assert {row["source"] for row in chosen.validate} == {"a"}
    assert {row["source"] for row in chosen.learn if row["split"] == "val"} >= {"b", "c"}


@pytest.mark.parametrize("hold_out", [{"sources": ["d"]}, {"fold": 9}])
def test_holding_out_what_is_not_there_is_refused(hold_out: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError, match="hold_out") as refused:
        check_hold_out(planted(), training(hold_out=hold_out))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a/000\nz/1\n", SnapshotError, "hold_out.films: .* lacks 1 films .* 'z/1'"),
        ("\n", UsageError, "expected a film_id a line"),
        (None, UsageError, "hold_out.films: .*cannot be read"),
    ],
)
def test_a_list_that_names_other_films_or_none_is_refused(
    text: str | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "films.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(error, match=message):
        check_hold_out(planted(), training(hold_out={"films": file}))


SPLITTING = {
    "catalog/groups.py": "the rule itself",
    "catalog/splits.py": "draws folds and parts",
    "training/parts.py": "the films of a run",
    "study/splits.py": "the splits of a study",
    "export/films.py": "the split of an export",
}
"""Modules that may decide by these columns, all of them tested above."""
SHOWING = {
    "audit/__init__.py": "whether copies were looked for",
    "audit/overlap.py": "counts what two sides share",
    "audit/counts.py": "writes the tables of the audit",
    "catalog/card.py": "counts films by part",
    "catalog/diff.py": "what changed",
    "catalog/duplicates.py": "writes duplicate_group",
    "export/__init__.py": "names of options",
    "export/huggingface.py": "columns of its table",
    "export/manifest.py": "columns of films.csv",
    "export/monai.py": "writes the fold that films.py kept whole",
    "export/nnunet.py": "writes the folds that films.py kept whole",
    "catalog/ingest.py": "what a changed film loses",
    "catalog/pairs.py": "shows a pair",
    "catalog/schema.py": "types of columns",
    "catalog/snapshot.py": "whether the steps before were done",
    "catalog/stats.py": "counts films by part",
    "catalog/verify.py": "clusters are named after films",
    "study/tables.py": "name of a run's split",
    "training/calibration.py": "names the films that it was fitted on",
    "cli/catalog_read.py": "names of options",
    "training/refit.py": "names the sources whose publisher has a validation part",
}
"""Modules that read these columns without deciding what is learnt from or scored."""


def test_no_other_module_decides_by_the_columns_of_a_split() -> None:
    names = re.compile(r"""["'](official_split|duplicate_group|fold)["']""")
    package = ROOT / "src/infmap"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if names.search(path.read_text(encoding="utf-8"))
    }
    found = {name for name in found if not name.startswith("sources/")}
    assert found - SPLITTING.keys() - SHOWING.keys() == set(), "call infmap.catalog.groups instead"
