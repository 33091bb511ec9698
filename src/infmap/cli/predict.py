"""infmap predict: films in, results, maps, masks and a report out."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.api import Model
    from infmap.core.errors import FilmError
    from infmap.core.types import Prediction
    from infmap.report import FilmRow, ThumbStore

MOST_WORKERS = 8

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def predict(
    inputs: Annotated[
        list[str], typer.Argument(help="films, folders or globs", metavar="INPUT...")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")],
    model: Annotated[
        str | None, typer.Option(help="model folder or name; the shipped one without it")
    ] = None,
    runtime: Annotated[str, typer.Option(help="openvino or onnxruntime")] = "openvino",
    device: Annotated[str, typer.Option(help="auto, cpu or gpu")] = "auto",
    threshold: Annotated[
        float | None,
        typer.Option(help="infection threshold, above 0 and below 1, instead of the model's"),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="films to the network at once")] = 4,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="films read at once, by default one a processor"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="keep the films already in OUT and go on")
    ] = False,
    dicom_seg: Annotated[
        bool, typer.Option("--dicom-seg", help="write seg/ID.dcm for DICOM films")
    ] = False,
    dicom_sr: Annotated[
        bool, typer.Option("--dicom-sr", help="write sr/ID.dcm for DICOM films")
    ] = False,
    doubt: Annotated[
        bool,
        typer.Option(
            "--doubt",
            help="write doubt/ID.png: where the mirrored reading disagrees; twice the time",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print nothing")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one line of results.jsonl a film")
    ] = False,
) -> int:
    """Read chest films: infection map, severity and detection of COVID-19.

    Example: infmap predict films/ chest.dcm -o results

    OUT gets results.jsonl, results.csv, maps/, masks/, lungs/ and report.html.
    Status 0: all read; 3: some rejected or failed, all others done. Research use only.
    """
    from infmap.api import load
    from infmap.cli.inputs import find_films
    from infmap.core.errors import UsageError

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise UsageError(f"--threshold: expected above 0 and below 1, got {threshold}")
    if dicom_seg or dicom_sr:
        from infmap.dicom import check_extra

        check_extra()
    paths = find_films(inputs)
    run = Run(
        out,
        batch_size,
        workers or workers_for(len(paths)),
        resume,
        quiet or as_json,
        as_json,
        dicom_seg=dicom_seg,
        dicom_sr=dicom_sr,
        doubt=doubt,
    )
    counts = predict_films(
        load(model, runtime=runtime, device=device, threshold=threshold, parallel=run.workers),
        paths,
        run,
    )
    if not quiet and not as_json:
        _say(counts, out)
    return 0 if counts["ok"] == sum(counts.values()) else 3


@dataclass(frozen=True)
class Run:
    """How films are read and where the results go.

    Attributes:
        out: the results' folder.
        batch_size: films to the network at once.
        workers: films read at once, each by a thread of its own.
        resume: keep the films whose results are there.
        quiet: no progress bar.
        echo: print each line of ``results.jsonl``.
        title: heading of the report.
        dicom_seg: write a DICOM Segmentation of each DICOM film.
        dicom_sr: write a DICOM Structured Report of each DICOM film.
        doubt: read each film mirrored as well, and write where both readings disagree.
    """

    out: Path
    batch_size: int = 4
    workers: int = 1
    resume: bool = False
    quiet: bool = False
    echo: bool = False
    title: str = "Chest film report"
    dicom_seg: bool = False
    dicom_sr: bool = False
    doubt: bool = False


def workers_for(films: int) -> int:
    """Films to read at once on this machine: one a processor, at most eight."""
    return max(1, min(films, os.cpu_count() or 1, MOST_WORKERS))


def predict_films(model: Model, paths: Sequence[str], run: Run) -> dict[str, int]:
    """Read films and write all results; the number of films a status."""
    from infmap.cli.progress import track
    from infmap.dicom import read_radiograph
    from infmap.inference import predict_many
    from infmap.report import ResultsWriter, ThumbStore, film_ids, iter_results, write_report

    done = _finished(run, paths)
    todo = list(enumerate(zip(film_ids(paths), paths, strict=True)))[done:]
    thumbnails = ThumbStore(run.out)
    if not done:
        thumbnails.clear()
    with ResultsWriter(run.out, resume=run.resume) as writer:
        rows = predict_many(
            model.predictor,
            todo,
            lambda item: read_radiograph(item[1][1]),
            lambda item, result: _finish(item, result, run, thumbnails),
            batch_size=run.batch_size,
            workers=run.workers,
            doubt=run.doubt,
        )
        for row in track(rows, len(todo), "reading films", quiet=run.quiet):
            line = writer.write(row)
            if run.echo:
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
    write_report(
        run.out,
        iter_results(run.out),
        thumbnails,
        model_card=card(model),
        title=run.title,
        operating_point=model.predictor.manifest.thresholds.covid,
    )
    counts = Counter(row["status"] for row in iter_results(run.out))
    return {status: counts[status] for status in ("ok", "rejected", "failed")}


def card(model: Model) -> str:
    """The line on the model that stands in every report."""
    manifest = model.predictor.manifest
    sources = ", ".join(manifest.training.sources) or "unknown films"
    return f"{manifest.label}, trained on {sources}. Research use only."


def _finished(run: Run, paths: Sequence[str]) -> int:
    """Number of leading inputs whose results are there, when resuming."""
    from infmap.core.errors import UsageError
    from infmap.report import read_results

    if not run.resume or not (run.out / "results.jsonl").exists():
        return 0
    rows = read_results(run.out)
    if [row["path"] for row in rows] != list(paths[: len(rows)]):
        raise UsageError(f"{run.out}: holds results of other inputs; choose another folder")
    return len(rows)


def _finish(
    item: tuple[int, tuple[str, str]],
    result: Prediction | FilmError,
    run: Run,
    thumbnails: ThumbStore,
) -> FilmRow:
    """Write a film's planes; what is left is its line."""
    from infmap.core.errors import FilmError, RejectedFilm
    from infmap.report import FilmRow, write_planes

    number, (film_id, path) = item
    if isinstance(result, RejectedFilm):
        return FilmRow.rejected(film_id, path, result.reason)
    if isinstance(result, FilmError):
        return FilmRow.failed(film_id, path, result.reason)
    if run.dicom_seg or run.dicom_sr:
        from infmap.cli.dicom_output import write_dicom

        notes = write_dicom(result, film_id, path, run.out, seg=run.dicom_seg, sr=run.dicom_sr)
        result = replace(result, warnings=(*result.warnings, *notes))
    write_planes(result, film_id, run.out)
    if number < thumbnails.limit:
        thumbnails.add(film_id, result)
    return FilmRow.of(film_id, path, result)


def _say(counts: dict[str, int], out: Path) -> None:
    parts = [f"{n} {status}" for status, n in counts.items() if n or status == "ok"]
    sys.stdout.write(f"{', '.join(parts)}; report: {out / 'report.html'}\n")
