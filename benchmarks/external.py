"""External validation of models, each film scored by one that was trained on neither it nor a copy.

    python benchmarks/external.py lists SNAPSHOT -o FOLDER
    python benchmarks/external.py score SNAPSHOT A=MODEL B=MODEL -o FOLDER [--cache FOLDER]
    python benchmarks/external.py tables NAME=FOLDER... [--into PAGE.md]

configs/external.yaml (--design) says what each fold leaves out. ``lists`` writes the films of each
fold, for ``hold_out.films`` of a training configuration. ``score`` reads the films left out and the
validation set of covid-qu-ex with each fold's model, on the maps that users get, and writes
figures.json, figures.csv, films.csv and tables.md: every figure with its 95 % interval by patient
or near-duplicate group, the bars, and the number that models are chosen by. ``tables`` sets the
figures of several runs side by side, in a page between two marks.

A model that was trained on a film it is to score is refused; with --seen it is scored all the same,
and every table says on how many. Films are scored in network pixels.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from external_sheet import write_sheets
from external_tables import Run, into_page, tables

from infmap.api import model_folder
from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.catalog.snapshot import read_about, read_scores
from infmap.core.errors import InfmapError, UsageError
from infmap.inference.manifest import Manifest, read_manifest, verify_files
from infmap.study.by_source import (
    KNOWN_EMPTY,
    LEFT_OUT,
    VALIDATION,
    ScoredFilms,
    figures,
    selection,
)
from infmap.study.evaluation import evaluate
from infmap.study.external import External, is_of, left_out, read_external
from infmap.study.films import FilmTable
from infmap.study.records import COLUMNS, FilmRow
from infmap.study.strata import strata_figures
from infmap.training.calibration import Outputs, read_outputs, unseen
from infmap.training.dataset import Films, load_films
from infmap.training.origins import training_films
from infmap.training.pack import find_pack
from infmap.training.refit import LUNG_SOURCES
from infmap.training.snapshot import read_rows

DESIGN = Path(__file__).resolve().parents[1] / "configs" / "external.yaml"
CHUNK = 512
"""Films held at once."""


def write_lists(design: External, snapshot: Path, out: Path) -> None:
    """Write FOLD.txt for each fold: the film_id of the films it leaves out, a line each."""
    rows, _ = read_rows(snapshot)
    out.mkdir(parents=True, exist_ok=True)
    for fold in design.folds:
        names = sorted(row["film_id"] for row in left_out(rows, fold))
        file = out / f"{fold.name}.txt"
        file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        print(f"{file}: {len(names)} films")


def predicted(
    folder: Path,
    manifest: Manifest,
    films: Films,
    cache: Path | None,
    network: Callable[[Path, Films], Outputs] = read_outputs,
    of: object = None,
) -> Outputs:
    """A network's output for films, kept by the checksum of all that it depends on.

    Args:
        folder: of the model.
        manifest: of the model.
        films: packed films.
        cache: folder where outputs are kept, or None.
        network: reads the films with the model's network.
        of: what ``network`` depends on beside the model and the films.
    """
    key = hashlib.sha256(json.dumps(sorted(manifest.files.items())).encode())
    key.update(repr(manifest.preprocessing).encode())
    key.update(films.images.tobytes())
    if of is not None:
        key.update(repr(of).encode())
    file = cache / f"{key.hexdigest()[:32]}.npz" if cache else None
    if file and file.exists():
        with np.load(file) as kept:
            return Outputs(films, kept["maps"], kept["logits"])
    outputs = network(folder, films)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, maps=outputs.maps, logits=outputs.logits)
        part.replace(file)
    return outputs


def films_of(
    folder: Path, snapshot: Path, members: Sequence[Film]
) -> Iterator[tuple[Manifest, Films]]:
    """Films of a snapshot as a model folder's network is given them, some at a time."""
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    _, resolve = read_rows(snapshot)
    pack = find_pack(snapshot, manifest.preprocessing)
    for start in range(0, len(members), CHUNK):
        part = members[start : start + CHUNK]
        yield manifest, load_films(part, resolve, manifest.preprocessing, LUNG_SOURCES, pack=pack)
        print(f"{folder}: {start + len(part)} of {len(members)}", file=sys.stderr)


def read(
    folder: Path, snapshot: Path, members: Sequence[Film], cache: Path | None
) -> Iterator[tuple[Manifest, Outputs]]:
    """Read films of a snapshot with a model folder's network, some at a time."""
    for manifest, films in films_of(folder, snapshot, members):
        yield manifest, predicted(folder, manifest, films, cache)


Reader = Callable[[Path, Path, Sequence[Film], Path | None], Iterator[tuple[Manifest, Outputs]]]
"""Reads films as ``read`` does."""


def score_films(
    design: External,
    snapshot: Path,
    models: dict[str, Path],
    cache: Path | None,
    seen: bool,
    keep: Callable[[Film, Outputs, int], None],
    reader: Reader = read,
) -> tuple[ScoredFilms, dict[str, Any]]:
    """Score every film left out, and the validation set, by the model of each fold.

    Args:
        design: folds and roles.
        snapshot: the films.
        models: fold to model folder.
        cache: folder of outputs, if any.
        seen: score films that a model was trained on too.
        keep: called with a film's row, the outputs that hold it and its place in them.
        reader: reads the films.

    Returns:
        The films, and what the models are.

    Raises:
        UsageError: a fold has no model, or its model was trained on what the fold leaves out.
    """
    rows, _ = read_rows(snapshot)
    if set(models) != {fold.name for fold in design.folds}:
        names = " ".join(f"{fold.name}=MODEL" for fold in design.folds)
        raise UsageError(f"expected one model a fold: {names}, got {', '.join(sorted(models))}")
    groups = dict(zip((r["film_id"] for r in rows), film_groups(rows), strict=True))
    validation = [r for r in rows if r["source"] == "covid-qu-ex" and r["official_split"] == "val"]
    found: list[FilmRow] = []
    folds: list[str] = []
    about: dict[str, Any] = {}
    for fold in design.folds:
        folder = models[fold.name]
        learnt = training_films(folder)
        outside = left_out(rows, fold)
        strange = {row["film_id"] for row in unseen(outside, rows, learnt)}
        if len(strange) < len(outside) and not seen:
            raise UsageError(
                f"{folder}: was trained on {len(outside) - len(strange)} films that fold "
                f"{fold.name} leaves out, or on copies of them; give another model, or --seen"
            )
        for name, members in (
            (VALIDATION, unseen(validation, rows, learnt)),
            (LEFT_OUT, outside),
        ):
            for manifest, outputs in reader(folder, snapshot, members, cache):
                at = manifest.thresholds, manifest.detection
                for i, row in enumerate(evaluate(outputs, *at, groups, name)):
                    film = outputs.films.rows[i]
                    if is_of(film, design.known_empty):
                        row["class"] = None
                    found.append(row)
                    folds.append(fold.name)
                    keep(row, outputs, i)
        manifest = read_manifest(folder)
        about[fold.name] = {
            "model": manifest.label,
            "sha256": manifest.sha256,
            "trained_on": list(manifest.training.sources),
            "left_out": len(outside),
            "left_out_but_trained_on": len(outside) - len(strange),
            "trained_on_some_of": sorted(
                {
                    KNOWN_EMPTY if is_of(row, design.known_empty) else str(row["source"])
                    for row in outside
                    if row["film_id"] not in strange
                }
            ),
            "infection_threshold": manifest.thresholds.infection,
            "opacity_threshold": manifest.thresholds.opacity,
        }
    kinds = {row["film_id"]: row for row in rows}
    empty = [is_of(kinds[row["film_id"]], design.known_empty) for row in found]
    return ScoredFilms(FilmTable.of(found), np.array(folds), np.array(empty, np.bool_)), about


def score(given: argparse.Namespace, design: External, reader: Reader = read) -> int:
    """Score models; write and print what was found."""
    models = {}
    for text in given.models:
        name, _, folder = text.partition("=")
        if not folder:
            raise UsageError(f"expected FOLD=MODEL, got {text!r}")
        models[name] = model_folder(folder)
    planes: dict[tuple[str, str], Any] = {}

    def keep(row: Film, outputs: Outputs, i: int) -> None:
        if given.sheet and row["set"] == LEFT_OUT:
            image, mask = outputs.films.images[i], outputs.films.masks[i]
            planes[row["film_id"], row["set"]] = image.copy(), outputs.maps[i].copy(), mask.copy()

    films, about = score_films(
        design, given.snapshot, models, given.cache, given.seen, keep, reader
    )
    scores = read_scores(given.snapshot)
    found = figures(films, scores)
    rows, _ = read_rows(given.snapshot)
    chosen = selection(films, scores, found, design.floors)
    run = Run(
        snapshot=str(read_about(given.snapshot)["sha256"]),
        folds=about,
        figures=found,
        strata=strata_figures(films, rows),
        selection=chosen,
    )
    given.out.mkdir(parents=True, exist_ok=True)
    run.write(given.out)
    write_films(films, given.out / "films.csv")
    text = tables({given.out.name: run}, design)
    (given.out / "tables.md").write_text(text, encoding="utf-8")
    print(text)
    if given.sheet:
        write_sheets(films, planes, given.sheet)
    for floor in chosen.missed:
        print(f"not to be chosen: {floor} is missed", file=sys.stderr)
    return 3 if chosen.missed else 0


def write_films(films: ScoredFilms, path: Path) -> None:
    """Write one row a scored film: the columns of a study's films.csv, the fold before them."""
    table = films.table
    columns = table.text | table.values
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("fold", "known_empty", *COLUMNS))
        for i in range(len(films)):
            values = [columns[name][i] for name in COLUMNS]
            cells = ["" if v != v else v for v in values]
            writer.writerow((films.fold[i], int(films.known_empty[i]), *cells))


def score_arguments(scored: argparse.ArgumentParser) -> None:
    """Arguments of ``score``."""
    scored.add_argument("snapshot", type=Path)
    scored.add_argument("models", nargs="+", metavar="FOLD=MODEL")
    scored.add_argument("-o", "--out", type=Path, required=True)
    scored.add_argument("--cache", type=Path, help="keeps what networks said, by checksum")
    scored.add_argument("--sheet", type=Path, help="folder for pictures of the worst films")
    scored.add_argument("--seen", action="store_true", help="score films trained on too")


def main() -> int:
    """Run the command; 3 where a floor is missed."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="example: external.py score SNAPSHOT A=fold-A B=fold-B -o OUT",
    )
    parser.add_argument("--design", type=Path, default=DESIGN, help="folds, floors and bars")
    verbs = parser.add_subparsers(dest="verb", required=True)
    lists = verbs.add_parser("lists", help="write the films that each fold leaves out")
    lists.add_argument("snapshot", type=Path)
    lists.add_argument("-o", "--out", type=Path, required=True)
    score_arguments(verbs.add_parser("score", help="score the model of each fold"))
    shown = verbs.add_parser("tables", help="figures of several runs side by side")
    shown.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    shown.add_argument("--into", type=Path, help="page whose tables are replaced")
    given = parser.parse_args()
    try:
        design = read_external(given.design)
        if given.verb == "lists":
            write_lists(design, given.snapshot, given.out)
        elif given.verb == "score":
            return score(given, design)
        else:
            runs = {}
            for text in given.runs:
                name, _, folder = text.partition("=")
                runs[name] = Run.read(Path(folder))
            into_page(tables(runs, design), given.into)
    except InfmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
