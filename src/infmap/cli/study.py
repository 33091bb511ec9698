"""infmap study: a study grid, its report, and two runs side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infmap.cli.progress import Records

if TYPE_CHECKING:
    from infmap.study.queue import RunRecord, Summary

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command()
def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML study, see configs/")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="STUDY", help="folder of the study")],
    on: Annotated[str, typer.Option("--on", help="local, ray, or ray://HOST:PORT")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="runs at once; default: one a GPU, else one")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="start failed runs again")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="make the folder, or let it grow; start no run")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print records as JSON lines")] = False,
) -> int:
    """Run a study; called again it goes on where it stopped. Exit status 3 if a run failed.

    Example: infmap study run configs/study-small.yaml -o study
    """
    from infmap.study.run import run_grid

    with Progress("runs", as_json=as_json) as say:
        summary, table = run_grid(
            config, out, say, on=on, workers=workers, retry=retry, prepare=prepare
        )
    _conclude(summary, table, out, as_json)
    return 3 if summary.states.get("failed", 0) + summary.states.get("diverged", 0) else 0


@app.command()
def score(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="folder of the study")],
    beside: Annotated[
        str | None, typer.Option("--beside", help="model folder or name to score on the same films")
    ] = None,
    time: Annotated[
        int, typer.Option("--time", metavar="ROUNDS", min=0, help="time all networks in turns")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print records as JSON lines")] = False,
) -> int:
    """Score trained runs again whose figures an earlier version made, without training them.

    Example: infmap study score study
    """
    from infmap.study.run import score_study

    with Progress("runs", as_json=as_json) as say:
        count, table = score_study(study, say, beside, time)
    record = {"scored": count, "table": str(table)}
    text = json.dumps(record) if as_json else f"{count} runs scored; table: {table}"
    sys.stdout.write(text + "\n")
    return 0


@app.command()
def collect(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="folder of the study")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="gets the figures")],
    as_json: Json = False,
) -> int:
    """Keep the figures and scored films of all runs in a small folder, without the networks.

    Example: infmap study collect study -o docs/study
    """
    from infmap.study.collect import collect_study
    from infmap.study.study import Study

    opened = Study(study)
    done = collect_study(opened, out)
    record = {"done": done, "runs": len(opened.runs), "folder": str(out)}
    text = json.dumps(record) if as_json else f"{done} of {len(opened.runs)} runs in {out}"
    sys.stdout.write(text + "\n")
    return 0


@app.command()
def report(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="folder of the study")],
    into: Annotated[
        Path | None, typer.Option("--into", help="page in Markdown whose tables are replaced")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write the study's tables and STUDY/report/report.html, also while it runs.

    Example: infmap study report study
    """
    from infmap.study.run import report_study

    page = report_study(study, into)
    sys.stdout.write((json.dumps({"report": str(page)}) if as_json else f"report: {page}") + "\n")
    return 0


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="folder of a run")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="folder of another run")],
    as_json: Json = False,
) -> int:
    """Compare two runs on the held-out films that both scored.

    Example: infmap study compare study/runs/A study/runs/B
    """
    from infmap.study.compare import compare_runs

    found = compare_runs(first, second)
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict()) + "\n")
        return 0
    lines = [f"{found.first} minus {found.second}, {found.films} films, {found.patients} patients"]
    for name, gap in found.differences.items():
        lines.append(f"  {name:<24} {gap.value:+.4f}  [{gap.low:+.4f}, {gap.high:+.4f}]")
    sys.stdout.write("\n".join([*lines, found.verdict]) + "\n")
    return 0


def _conclude(summary: Summary, table: Path, study: Path, as_json: bool) -> None:
    """Say where the study stands."""
    if as_json:
        record = {"states": summary.states, "total": summary.total}
        sys.stdout.write(json.dumps({**record, "elsewhere": summary.elsewhere}) + "\n")
        return
    states = ", ".join(f"{n} {state}" for state, n in sorted(summary.states.items()))
    held = f"; {summary.elsewhere} held by another process" if summary.elsewhere else ""
    again = "; --retry starts failed runs again" if summary.states.get("failed") else ""
    sys.stdout.write(
        f"{summary.total} runs: {states}{held}{again}\n"
        f"table: {table}; next: infmap study report {study}\n"
    )


class Progress(Records):
    """Says how the runs go: a line each, and a bar on a terminal."""

    def __call__(self, record: RunRecord) -> None:
        """Show one record."""
        if self._as_json:
            self.print(record)
            return
        reason = f": {record['reason']}" if record.get("reason") else ""
        line = f"[{record['finished']}/{record['total']}] {record['run']} {record['state']}{reason}"
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
            self._bar.update(self._task, total=record["total"], completed=record["finished"])
        else:
            sys.stderr.write(line + "\n")
