"""A deployed model beside a study: scored on the study's films of drawn infection.

It has its own input size, so that its figures stand beside those of the runs and are not paired
with them.
"""

from __future__ import annotations

from pathlib import Path

from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.core.errors import UsageError
from infmap.inference.manifest import read_deployable
from infmap.study.activation import drawn_films
from infmap.study.evaluation import evaluate
from infmap.study.films import FilmTable, figures_by_set
from infmap.study.records import Beside, FilmRow
from infmap.study.splits import EXTERNAL, HELD_OUT, films_of_part
from infmap.study.study import Study, write_json
from infmap.training.calibration import read_outputs, unseen
from infmap.training.dataset import load_films
from infmap.training.origins import training_films
from infmap.training.pack import find_pack
from infmap.training.snapshot import read_rows

CHUNK = 256
"""Films held at once, at the model's own size."""


def score_beside(study: Study, model: Path) -> Path:
    """Score a model folder and write STUDY/beside/NAME.json.

    Films that the model was trained on, or copies of them, are left out and counted.

    Args:
        study: its first split says which films are scored.
        model: a model folder, with the list of its training films.

    Raises:
        ModelError: the folder is damaged, or does not say what it was trained on.
        UsageError: the model was trained on all of the films.
    """
    manifest = read_deployable(model)
    snapshot = study.folder / "splits" / study.folds[0]
    rows, resolve = read_rows(snapshot)
    groups = dict(zip((r["film_id"] for r in rows), film_groups(rows), strict=True))
    trained_on, pack = training_films(model), find_pack(snapshot, manifest.preprocessing)
    found: list[FilmRow] = []
    left_out: dict[str, int] = {}
    for part in (HELD_OUT, EXTERNAL):
        films = drawn_films(films_of_part(rows, part))
        for source in sorted({row["source"] for row in films}):
            every = [row for row in films if row["source"] == source]
            of = unseen(every, rows, trained_on)
            if len(of) < len(every):
                left_out[source] = len(every) - len(of)
            for start in range(0, len(of), CHUNK):
                chunk: list[Film] = of[start : start + CHUNK]
                loaded = load_films(chunk, resolve, manifest.preprocessing, None, pack=pack)
                at = manifest.thresholds, manifest.detection
                found += evaluate(read_outputs(model, loaded), *at, groups, part)
    if not found:
        raise UsageError(f"{model}: was trained on all films of the study: none is scored")
    figures = figures_by_set(FilmTable.of(found), study.config.draws)
    record: Beside = {
        "model": manifest.label,
        "size": manifest.preprocessing.size,
        "trained_on": left_out,
        "held_out": figures["held_out"],
        "external": figures["external"],
    }
    path = study.folder / "beside" / f"{manifest.name}.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, record)
    return path
