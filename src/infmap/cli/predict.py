"""infmap predict: films in, results, maps, masks and a report out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.report.dicom import Kind
    from infmap.report.lines import PredictionLine
    from infmap.workflows.inputs import Found
    from infmap.workflows.predict import Outcome

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def predict(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="films, folders or globs", metavar="INPUT...")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="text file that names films, one path a line")
    ] = None,
    snapshot: Annotated[Path | None, typer.Option(help="snapshot of a catalog: its films")] = None,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="films of a DICOMweb server: https://HOST/ROOT?ATTRIBUTE=VALUE&..."
        ),
    ] = None,
    authorization: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE",
            help="with --query: environment variable with the Authorization header; "
            "INFMAP_AUTHORIZATION without it",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="read by the shard: local, ray, or ray://HOST:PORT for a Ray cluster",
        ),
    ] = None,
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
    shard_size: Annotated[
        int, typer.Option(min=1, help="with --on: films that a worker reads between two reports")
    ] = 32,
    planes: Annotated[
        bool, typer.Option("--planes/--no-planes", help="write maps/, opacity/, masks/, lungs/")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print nothing")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one line of results.jsonl a film")
    ] = False,
) -> int:
    """Read chest films: infection map, severity and detection of COVID-19.

    Example: infmap predict films/ chest.dcm -o results

    OUT gets results.jsonl, results.csv, maps/, opacity/, masks/, lungs/ and report.html.
    With --on ray, films are read by all machines of a Ray cluster that see the same folders.
    Status 0: all read; 3: some rejected or failed, all others done. Research use only.
    """
    from infmap.api import load
    from infmap.core.errors import UsageError
    from infmap.workflows.predict import Run, predict_films, workers_for
    from infmap.workflows.predict_on import ModelChoice, Sharded

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise UsageError(f"--threshold: expected above 0 and below 1, got {threshold}")
    kinds = _kinds(dicom, dicom_seg, dicom_sr)
    choice = ModelChoice(model, runtime, device, threshold)
    place = Sharded(on, choice, shard_size) if on else None
    if authorization and not query:
        raise UsageError("expected --authorization with --query URL")
    found = _films(inputs or [], listed, snapshot, query, out, authorization)
    run = Run(
        out,
        batch_size,
        workers or workers_for(len(found.paths)),
        resume,
        dicom=kinds,
        fhir=fhir,
        doubt=doubt,
        pictures=planes,
        authorization=authorization,
        notes={"not_read": found.notes()},
    )

    def track(lines: Iterable[PredictionLine], total: int) -> Iterator[PredictionLine]:
        from infmap.cli.progress import track

        return track(lines, total, "reading films", quiet=quiet or as_json)

    def tell(line: PredictionLine) -> None:
        if as_json:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    outcome = predict_films(
        load(model, runtime=runtime, device=device, threshold=threshold, parallel=run.workers),
        found.paths,
        run,
        place=place,
        track=track,
        tell=tell,
    )
    if not quiet and not as_json:
        _say(outcome, found, out)
    return 0 if outcome.all_ok else 3


def _films(
    inputs: list[str],
    listed: Path | None,
    snapshot: Path | None,
    query: str | None,
    out: Path,
    authorization: str | None,
) -> Found:
    """The films of the one kind of input that is given."""
    from infmap.core.errors import UsageError
    from infmap.workflows.addresses import query_films
    from infmap.workflows.inputs import Found, listed_films, look_for_films, snapshot_films

    if sum(map(bool, (inputs, listed, snapshot, query))) != 1:
        raise UsageError("expected INPUT..., --list, --snapshot or --query, one of them")
    if listed:
        return listed_films(listed)
    if snapshot:
        return snapshot_films(snapshot)
    return Found(query_films(query, authorization)) if query else look_for_films(inputs, out)


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
