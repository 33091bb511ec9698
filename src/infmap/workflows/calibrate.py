"""Calibrate a model folder to one hospital's films."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import FilmError, UsageError
from infmap.dicom import read_radiograph
from infmap.inference import Predictor
from infmap.inference.manifest import (
    NETWORK_FILES,
    Manifest,
    read_manifest,
    verify_files,
    write_manifest,
)
from infmap.inference.postprocess import to_levels
from infmap.inference.site import Site
from infmap.metrics import auroc_estimate
from infmap.report.files import writing
from infmap.site import (
    FEWEST,
    Label,
    SiteFilms,
    calibrated,
    cross_validated,
    figures,
    fit_site,
    healthy_needed,
    read_labels,
    repeats,
    supported_specificity,
    thumbnail,
)
from infmap.workflows.inputs import look_for_films
from infmap.workflows.reference import GOLDEN, write_golden

SPECIFICITY = 0.95
"""Wanted on healthy films of the site unless said otherwise: what some 20 of them can give."""
CARDS = ("README.md", "films.txt")
"""Files of a model folder for people, which go along."""
UNFIT = 0.5
"""Share of rejected films from which the folder is not what it should be."""

Track = Callable[[Iterable[str], int], Iterator[str]]
"""Passes paths on, of which there are so many, and shows how far it is."""


@dataclass(frozen=True)
class Outcome:
    """What a calibration did.

    Attributes:
        site: what the new model folder says of it.
        label: the new model's name@version.
        rejected: path and reason of films that were left out.
        repeated: paths of near-duplicates that were left out.
        notes: sentences on what could not be fitted.
    """

    site: Site
    label: str
    rejected: tuple[tuple[str, str], ...]
    repeated: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Read:
    """One film: its path, the network's output, and its fine structure."""

    path: str
    maps: NDArray[np.uint8]
    logits: NDArray[np.float32]
    looks: NDArray[np.float32]


def calibrate_site(
    model: Path,
    folder: Path,
    out: Path,
    *,
    labels: Path | None = None,
    name: str | None = None,
    aim: float = SPECIFICITY,
    track: Track = lambda paths, total: iter(paths),
) -> Outcome:
    """Fit a model folder to a site's films, and write a new one.

    Args:
        model: the model folder; it stays as it is.
        folder: the site's films.
        out: the new model folder; it must not exist.
        labels: table of what is known of films, see ``infmap.site.labels``.
        name: of the site; the folder's without it.
        aim: wanted specificity of detection on healthy films, (0, 1).
        track: shows how far it is.

    Raises:
        UsageError: the films or labels do not support it; the line says what to do.
        ModelError: the model folder is damaged.
    """
    manifest = read_manifest(model)
    verify_files(model, manifest)
    site_name = check_name(name or Path(os.path.abspath(folder)).name)
    _check_start(manifest, out, aim)
    paths = look_for_films([str(folder)], out).paths
    known = read_labels(labels, folder, paths) if labels else {}
    healthy = len({label.patient or path for path, label in known.items() if label.healthy})
    _check_healthy(healthy, aim)
    films, rejected = _read(model, sorted(paths, key=lambda p: p not in known), track)
    if len(rejected) > UNFIT * len(paths):
        raise UsageError(
            f"{folder}: {len(rejected)} of {len(paths)} films were rejected, the first because: "
            f"{rejected[0][1]}; give a folder of frontal chest films"
        )
    once, repeated = _once(films, known)
    some = _site_films(once, known)
    lost = f" after {len(rejected)} rejected and {len(repeated)} repeated films were left out"
    _check_healthy(some.patients(some.healthy), aim, lost)
    _check_order(some, manifest)
    fitted = fit_site(some, manifest, aim)
    sick = some.patients(some.covid19 == 1)
    site = Site(
        name=site_name,
        folder=Path(os.path.abspath(folder)).name[:500],
        date=date.today().isoformat(),
        films=len(some),
        healthy=int(some.healthy.sum()),
        covid19=int((some.covid19 == 1).sum()),
        other=int(((some.covid19 == 0) & ~some.healthy).sum()),
        unlabelled=int((some.covid19 < 0).sum()),
        rejected=len(rejected),
        repeated=len(repeated),
        aim=aim,
        supported=round(supported_specificity(some.patients(some.healthy), aim), 4),
        recalibrated=fitted.recalibrated,
        slope=fitted.slope,
        intercept=fitted.intercept,
        before=figures(some, some.read(manifest)),
        after=cross_validated(some, manifest, aim),
    )
    new = replace(
        calibrated(manifest, fitted, f"{site.films} films of {site.name}"),
        version=f"{manifest.version}+site.{site.name}",
        site=site,
    )
    _write(model, out, new)
    return Outcome(site, new.label, rejected, repeated, _notes(fitted.recalibrated, sick))


def check_name(name: str) -> str:
    """A site's name as it may stand in a version: other characters become hyphens.

    Raises:
        UsageError: nothing is left of it.
    """
    short = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40]
    if not short:
        raise UsageError(f"expected a site's name of letters and digits, got {name!r}; give --name")
    return short


def _check_start(manifest: Manifest, out: Path, aim: float) -> None:
    if not 0.5 <= aim < 1.0:
        raise UsageError(f"--specificity: expected 0.5 or more and below 1, got {aim:g}")
    if manifest.site is not None:
        raise UsageError(
            f"{manifest.label} is already calibrated on {manifest.site}; "
            "give the model that it was made from"
        )
    if os.path.lexists(out):
        raise UsageError(f"{out}: already exists; choose another folder")


def _check_healthy(healthy: int, aim: float, lost: str = "") -> None:
    needed = healthy_needed(aim)
    if healthy < needed:
        raise UsageError(
            f"a specificity of {aim:g} needs {needed} known healthy films of different patients, "
            f"got {healthy}{lost}; mark more in --labels (covid19 0, or normal 1), or lower "
            "--specificity"
        )


def _check_order(films: SiteFilms, manifest: Manifest) -> None:
    """Refuse labels that say the opposite of the films, and a site where the model sees nothing."""
    known = films.covid19 >= 0
    truth = films.covid19[known] == 1
    if not truth.any() or truth.all():
        return
    score = films.read(manifest).probability[known]
    area = auroc_estimate(truth, score, films.groups[known])
    if area.high < 0.5:
        raise UsageError(
            f"films labelled as COVID-19 get lower probabilities than the others (AUROC "
            f"{area.value:.2f}, {area.low:.2f} to {area.high:.2f}); check that 1 and 0 are not "
            "swapped in --labels"
        )
    few = min(films.patients(films.covid19 == label) for label in (0, 1)) < FEWEST
    if not few and area.low <= 0.5:
        raise UsageError(
            "the labelled films do not show that the model distinguishes COVID-19 at this site "
            f"(AUROC {area.value:.2f}, {area.low:.2f} to {area.high:.2f}), which no calibration "
            "corrects; label more films, or use another model"
        )


def _read(
    model: Path, paths: Sequence[str], track: Track
) -> tuple[list[_Read], tuple[tuple[str, str], ...]]:
    """Films that pass the quality gate, and the others with the reason."""
    predictor = Predictor(model)
    read, rejected = [], []
    for path in track(paths, len(paths)):
        try:
            film = predictor.prepare(read_radiograph(path))
            maps, logits = predictor.run(film.plane[None])
            predictor.postprocess(film, maps[0], logits[0])
        except FilmError as error:
            rejected.append((path, error.reason))
            continue
        read.append(_Read(path, to_levels(maps[0]), logits[0], thumbnail(film.field.pixels)))
    return read, tuple(rejected)


def _once(
    films: Sequence[_Read], known: Mapping[str, Label]
) -> tuple[list[_Read], tuple[str, ...]]:
    """Each exposure once, and the paths of those that repeat one.

    Raises:
        UsageError: two films show one exposure and have different labels.
    """
    first = repeats([film.looks for film in films])
    kept, repeated = [], []
    for i, film in enumerate(films):
        if first[i] == i:
            kept.append(film)
            continue
        original = films[int(first[i])].path
        labels = [known[path].covid19 for path in (original, film.path) if path in known]
        if set(labels) >= {True, False}:
            raise UsageError(
                f"{original} and {film.path} show one exposure but have different labels; "
                "correct the table"
            )
        repeated.append(film.path)
    return kept, tuple(repeated)


def _site_films(films: Sequence[_Read], known: Mapping[str, Label]) -> SiteFilms:
    labels = [known.get(film.path, Label()) for film in films]
    patients = [
        f"patient {label.patient}" if label.patient else f"film {film.path}"
        for film, label in zip(films, labels, strict=True)
    ]
    groups = np.unique(patients, return_inverse=True)[1].reshape(-1)
    return SiteFilms(
        np.stack([film.maps for film in films]),
        np.stack([film.logits for film in films]),
        np.array([-1 if v.covid19 is None else int(v.covid19) for v in labels], np.int8),
        np.array([v.healthy for v in labels], np.bool_),
        groups.astype(np.int64),
    )


def _notes(recalibrated: bool, sick: int) -> tuple[str, ...]:
    if recalibrated:
        return (
            "The probability is calibrated for the share of COVID-19 among the labelled films.",
        )
    return (
        f"The probability was shifted, not recalibrated: {sick} patients with COVID-19 are "
        f"labelled, {FEWEST} are needed. Sensitivity at this site is not known.",
    )


def _write(model: Path, out: Path, manifest: Manifest) -> None:
    """Write the new folder whole, or not at all."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with writing(out):
            temporary.mkdir(parents=True)
            for name in (*NETWORK_FILES, *CARDS):
                if (model / name).is_file():
                    shutil.copyfile(model / name, temporary / name)
            write_manifest(temporary, manifest)
            with (temporary / CARDS[0]).open("a", encoding="utf-8") as card:
                card.write("\n" + "\n".join(card_lines(manifest)) + "\n")
            if (model / GOLDEN).is_file():
                write_golden(temporary, ("openvino",))
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def card_lines(manifest: Manifest) -> list[str]:
    """What the model card says of a site's calibration; nothing without one."""
    site = manifest.site
    if site is None:
        return []
    return [
        f"## Calibrated for {site.name}",
        "",
        f"On {site.date}, on {site.films} films of the folder {site.folder}: {site.healthy} known "
        f"healthy, {site.covid19} COVID-19, {site.other} of other diagnoses, {site.unlabelled} "
        f"without a label. {site.rejected} were rejected, {site.repeated} repeated another.",
        "",
        "| figure | before | after, cross-validated |",
        "|---|---|---|",
        *(f"| {name} | {before} | {after} |" for name, before, after in table(site)),
        "",
        f"So many healthy films support a specificity of {site.supported:.3f} or more (95 %).",
    ]


NAMES = {
    "specificity": "specificity, healthy films",
    "specificity_other": "specificity, other diagnoses",
    "sensitivity": "sensitivity, COVID-19",
    "auroc": "AUROC, COVID-19 against others",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "infected": "infected fraction of the lungs, healthy films",
    "called": "detected among films without a label",
}
"""Figure of ``SiteFigures`` to its name for people."""


def table(site: Site) -> Iterator[tuple[str, str, str]]:
    """Name, before and after of every figure that the site's films tell."""
    for key, name in NAMES.items():
        before, after = getattr(site.before, key), getattr(site.after, key)
        if before is not None and after is not None:
            yield name, str(before), str(after)
