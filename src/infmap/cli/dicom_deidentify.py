"""infmap dicom deidentify: films without their patients."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from infmap.deidentify.key import Key
    from infmap.deidentify.look import Look
    from infmap.deidentify.run import Note, Pixelwise

Item = TypeVar("Item")


class Descriptors(StrEnum):
    """What becomes of descriptions and comments."""

    remove = "remove"
    clean = "clean"


class Review(StrEnum):
    """Who decides what is blanked."""

    page = "page"
    accept = "accept"
    none = "none"


def deidentify(
    films: Annotated[list[str], typer.Argument(help="DICOM films, pictures, folders, globs")],
    out: Annotated[Path, typer.Option("--out", "-o", help="new folder for the films")],
    key: Annotated[
        Path, typer.Option(help="secret of the pseudonyms; made at first use, keep it")
    ] = Path("infmap-deidentify.key"),
    keep_dates: Annotated[
        bool, typer.Option("--keep-dates", help="move dates, a patient's all by the same days")
    ] = False,
    keep_patient: Annotated[
        bool, typer.Option("--keep-patient", help="keep age, sex, size, weight")
    ] = False,
    keep_device: Annotated[
        bool, typer.Option("--keep-device", help="keep what identifies the device")
    ] = False,
    descriptors: Annotated[
        Descriptors, typer.Option(help="descriptions and comments: remove or clean")
    ] = Descriptors.remove,
    review: Annotated[
        Review,
        typer.Option(
            help="burned-in text: page shows each film and asks; accept blanks what is found, and "
            "holds films with text over the lungs; none does not look"
        ),
    ] = Review.page,
    port: Annotated[int, typer.Option(help="of the page; 0: any free one")] = 0,
    linking: Annotated[
        Path | None, typer.Option(help="CSV to write: which file became which")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one object")] = False,
) -> int:
    """Remove patients from films: the profile of PS3.15 Annex E.

    Example: infmap dicom deidentify films -o public

    Films of one patient keep one pseudonym as long as the key is the same. Nothing is written if a
    check finds something left. Stopped half-way, the same command goes on. Exit status 3: some
    films were not written. Research use only.
    """
    from infmap.core.errors import needs_extra
    from infmap.dicom._pydicom import ensure_importable
    from infmap.workflows.inputs import look_for_films

    ensure_importable()
    with needs_extra("de-identification", "deidentify"):
        from infmap.deidentify.options import Options
        from infmap.deidentify.run import Job, run

    clean = descriptors is Descriptors.clean
    options = Options(keep_dates, keep_patient, keep_device, clean, review is not Review.none)
    found = look_for_films(films, out)
    bars = _Bars(quiet or as_json)
    reports = run(Job(found.paths, out, key, options, linking), _pixelwise(review, port), bars)
    failed = [report for report in reports if report.status != "ok"]
    if as_json:
        lines = [asdict(report) for report in reports]
        sys.stdout.write(json.dumps({"folder": str(out), "films": lines}) + "\n")
    elif not quiet:
        for report in failed:
            path = found.paths[report.number - 1]
            sys.stderr.write(f"not written: {path}: {report.reason}\n")
        unseen = " Pixels were not looked at: text in them stays." if review is Review.none else ""
        sys.stdout.write(
            f"{len(reports) - len(failed)} of {len(reports)} films written to {out}; what was "
            f"removed: {out / 'report.html'}. The key {key} leads back to patients: keep it "
            f"apart.{unseen} Research use only.\n"
        )
    return 3 if failed else 0


class _Bars:
    """Progress on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
        from infmap.cli.progress import track

        return track(items, total, text, quiet=self.quiet)


def _pixelwise(review: Review, port: int) -> Pixelwise | None:
    from infmap.deidentify.lungs import shipped_lungs
    from infmap.deidentify.run import Decisions, Pixelwise, accept

    def say(line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def ask(looks: Sequence[Look], key: Key, note: Note) -> Decisions:
        from infmap.deidentify.review import review

        return review(looks, key, port, say, note)

    if review is Review.none:
        return None
    if review is Review.accept:
        return Pixelwise(shipped_lungs(), accept, "program")
    return Pixelwise(shipped_lungs(), ask, "person")
