"""The runs of a study as a small folder that can be kept with the code.

It is a study's folder itself, without networks, films and splits: ``infmap study report`` makes
every table from it again. Paths of the machine and names of hosts are left out.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from infmap.core.files import finite, without_paths, write_text
from infmap.study.config import StudyConfig
from infmap.study.films import films_file
from infmap.study.missing import projected_seconds
from infmap.study.packed import PACKED, FilmIndex, pack_films
from infmap.study.records import Machine
from infmap.study.study import (
    ENVIRONMENT,
    FILMS,
    RESULT,
    SPEED,
    TIMING,
    Study,
    read_record,
    write_json,
    write_status,
    write_study,
)


def collect_study(study: Study, out: Path) -> int:
    """Write the runs' figures and films; what of an earlier collection is no run's goes.

    Args:
        study: finished or not; of runs that are not done the state and the pace are kept.
        out: folder of the collection. Its ``runs`` is replaced.

    Returns:
        Number of runs with a result.
    """
    shutil.rmtree(out / "runs", ignore_errors=True)
    films, done = FilmIndex(), 0
    for run in study.runs:
        status, folder = study.status(run), out / "runs" / run.id
        result = study.result(run)
        projected = projected_seconds(study, run) if result is None else None
        if result is None and not status.reason and projected is None:
            continue
        folder.mkdir(parents=True)
        write_status(folder, replace(status, host="", pid=0))
        if result is None:
            if projected is not None:
                write_json(folder / TIMING, {"projected_s": projected})
            continue
        done += 1
        # One line: a result has some thousand numbers, and indents would double it.
        write_text(folder / RESULT, json.dumps(finite(dict(result)), separators=(",", ":")) + "\n")
        write_json(folder / TIMING, study.timing(run))
        machine = read_record(study.path(run) / ENVIRONMENT, Machine)
        write_json(folder / ENVIRONMENT, {**machine, "host": ""})
        pack_films(study.films(run), films, folder / f"{FILMS}.gz")
        for method in result.get("activation_maps", {}):
            file = folder / f"{films_file(method)}.gz"
            pack_films(study.films(run, method), films, file)
    films.write(out / PACKED)
    shutil.rmtree(out / "beside", ignore_errors=True)
    if study.beside():
        shutil.copytree(study.folder / "beside", out / "beside")
    speeds = study.speeds()
    if speeds is None:
        (out / SPEED).unlink(missing_ok=True)
    else:
        write_json(out / SPEED, speeds)
    named = without_paths(json.loads(study.config.model_dump_json()))
    write_study(out, StudyConfig.model_validate(named), study.folds)
    return done
