"""infmap predict: films in, results, maps, masks and a report out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.report import FilmRow
    from infmap.report.dicom import Kind
    from infmap.report.lines import PredictionLine
    from infmap.workflows.inputs import Found
    from infmap.workflows.predict import Outcome

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
        bool, typer.Option("--resume", help="keep the results in OUT that still hold, do the rest")
    ] = False,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="write KIND/ID.dcm of each film: all, or seg, fractional, sr, sc, gsps, pdf "
            "joined by commas",
        ),
    ] = None,
    dicom_seg: Annotated[bool, typer.Option("--dicom-seg", help="the same as --dicom seg")] = False,
    dicom_sr: Annotated[bool, typer.Option("--dicom-sr", help="the same as --dicom sr")] = False,
    fhir: Annotated[
        bool, typer.Option("--fhir", help="write fhir/ID.json of each film: FHIR R4 resources")
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

    OUT gets results.jsonl, results.csv, maps/, opacity/, masks/, lungs/ and report.html.
    Status 0: all read; 3: some rejected or failed, all others done. Research use only.
    """
    from infmap.api import load
    from infmap.core.errors import UsageError
    from infmap.workflows.inputs import look_for_films
    from infmap.workflows.predict import Run, predict_films, workers_for

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise UsageError(f"--threshold: expected above 0 and below 1, got {threshold}")
    kinds = _kinds(dicom, dicom_seg, dicom_sr)
    found = look_for_films(inputs, out)
    run = Run(
        out,
        batch_size,
        workers or workers_for(len(found.paths)),
        resume,
        dicom=kinds,
        fhir=fhir,
        doubt=doubt,
        notes={"not_read": found.notes()},
    )

    def track(rows: Iterable[FilmRow], total: int) -> Iterator[FilmRow]:
        from infmap.cli.progress import track

        return track(rows, total, "reading films", quiet=quiet or as_json)

    def tell(line: PredictionLine) -> None:
        if as_json:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    outcome = predict_films(
        load(model, runtime=runtime, device=device, threshold=threshold, parallel=run.workers),
        found.paths,
        run,
        track=track,
        tell=tell,
    )
    if not quiet and not as_json:
        _say(outcome, found, out)
    return 0 if outcome.all_ok else 3


def _kinds(named: str | None, seg: bool, sr: bool) -> tuple[Kind, ...]:
    """Kinds of DICOM objects that the three options ask for."""
    if named is None and not seg and not sr:
        return ()
    short = ["seg"] * seg + ["sr"] * sr
    wanted = ",".join(short if named is None else [*short, named])
    from infmap.dicom import check_extra
    from infmap.report.dicom import kinds_of

    check_extra()
    return kinds_of(wanted)


def _say(outcome: Outcome, found: Found, out: Path) -> None:
    parts = [f"{n} {status}" for status, n in outcome.counts.items() if n or status == "ok"]
    if outcome.kept:
        parts.append(f"{outcome.kept} of them kept from before")
    sys.stdout.write(f"{', '.join(parts)}; report: {out / 'report.html'}\n")
    if outcome.messages:
        sys.stdout.write(f"messages of decoders and libraries: {outcome.messages}\n")
    for note in found.notes():
        sys.stdout.write(f"{note}\n")
