"""The splits of a study, each written as a snapshot that training reads as it is.

A split's snapshot is the study's, with ``official_split`` replaced by the film's part:

    train      trained on
    val        validation: thresholds, calibration and early stopping are decided on it
    held-out   of a source trained on, scored
    external   of a source not trained on, scored beside, never together
    unused     neither: it shares a patient or a near-duplicate with a scored film, or is a source's
               own validation film where its test films are scored

A group (films joined by patient or near-duplicate) is never divided between training,
validation and scoring, see ``infmap.catalog.groups``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from infmap.catalog.groups import TRAIN, UNUSED, VAL, counted, film_groups, keep_whole, own_part
from infmap.catalog.rows import Film, film_rows
from infmap.catalog.snapshot import read_snapshot, write_rows
from infmap.catalog.store import make_frame
from infmap.core.errors import SnapshotError
from infmap.study.config import StudyConfig

TRAINING, VALIDATION, HELD_OUT, EXTERNAL = TRAIN, VAL, "held-out", "external"


def fold_names(config: StudyConfig, rows: list[Film]) -> tuple[str, ...]:
    """Names of the study's splits.

    Raises:
        SnapshotError: a source or a fold that the study asks for has no film.
    """
    missing = sorted(set(config.sources) - {row["source"] for row in rows})
    if missing:
        raise SnapshotError(
            f"{config.training.snapshot}: has no films of {', '.join(missing)}, which the stages "
            "train on"
        )
    if config.split.scheme == "official":
        return ("official",)
    if config.split.scheme == "sources":
        return tuple(f"without-{source}" for source in config.sources)
    there = {
        fold
        for row in rows
        if row["source"] in config.sources and (fold := row["fold"]) is not None
    }
    wanted = sorted(there) if config.split.folds is None else config.split.folds
    if not set(wanted) <= there or not wanted:
        raise SnapshotError(
            f"{config.training.snapshot}: expected folds {', '.join(map(str, wanted))}, has "
            f"{', '.join(map(str, sorted(there)))}; see infmap catalog split"
        )
    return tuple(f"fold{fold}" for fold in wanted)


def assign_parts(config: StudyConfig, rows: list[Film], fold: str) -> list[str]:
    """Part of each film in one split."""
    groups = film_groups(rows)
    trained_on = set(config.sources) - {fold.removeprefix("without-")}
    own_tests = {r["source"] for r in rows if own_part(r) == "test"}
    parts = keep_whole(groups, [_scored(row, trained_on, own_tests, fold) for row in rows])
    free = {g for g, part in zip(groups, parts) if part == TRAINING}
    validation = _for_validation(config, rows, groups, free)
    meant = [
        VALIDATION if part == TRAINING and group in validation else part
        for group, part in zip(groups, parts)
    ]
    return [part or UNUSED for part in keep_whole(groups, meant)]


def _scored(row: Film, trained_on: set[str], own_tests: set[str], fold: str) -> str:
    """Part of a film before any is for validation."""
    if row["source"] not in trained_on:
        return EXTERNAL
    if fold.startswith("fold"):
        return HELD_OUT if f"fold{row['fold']}" == fold else TRAINING
    part = own_part(row) or TRAINING
    if part in (TRAINING, UNUSED):
        return part
    return UNUSED if part == "val" and row["source"] in own_tests else HELD_OUT


def _for_validation(
    config: StudyConfig, rows: list[Film], groups: list[str], free: set[str]
) -> set[str]:
    """Groups for validation: the asked share of each stratum of source and class, by hash."""
    strata: dict[tuple[str, str], set[str]] = {}
    for row, group in zip(rows, groups):
        if group in free and row["source"] in config.sources:
            strata.setdefault((row["source"], str(row["covid19"])), set()).add(group)
    chosen: set[str] = set()
    for members in strata.values():
        # By hash and not by a draw: a group that is added moves no other.
        ranked = sorted(members, key=lambda g: hashlib.sha256(f"{config.split.seed}/{g}".encode())
                        .digest())  # fmt: skip
        count = max(1, round(config.split.watch * len(ranked)))
        # One group of every stratum stays for training, however few there are.
        chosen |= set(ranked[: min(count, len(ranked) - 1)])
    return chosen


def films_of_part(rows: list[Film], part: str) -> list[Film]:
    """Films of one part of a split that ``write_splits`` wrote, in its order."""
    return [row for row in rows if row["official_split"] == part]


def write_splits(config: StudyConfig, folder: Path) -> tuple[str, ...]:
    """Write every split of a study, unless it is there.

    Args:
        config: the study.
        folder: gets a snapshot a split.

    Returns:
        Names of the splits.

    Raises:
        SnapshotError: the snapshot is missing or damaged, or a split has no training film,
            no validation film, or none to score.
    """
    frame, roots = read_snapshot(config.training.snapshot)
    rows = film_rows(frame)
    names = fold_names(config, rows)
    for name in names:
        if not (folder / name / "snapshot.json").exists():
            parts = assign_parts(config, rows, name)
            _check(config, name, parts)
            _write(folder / name, rows, parts, roots, config.training.snapshot)
    return names


def _check(config: StudyConfig, name: str, parts: list[str]) -> None:
    for part, purpose in ((TRAINING, "train on"), (VALIDATION, "validate on")):
        if part not in parts:
            raise SnapshotError(
                f"{config.training.snapshot}: split {name} leaves no film to {purpose}"
            )
    if HELD_OUT not in parts and EXTERNAL not in parts:
        raise SnapshotError(f"{config.training.snapshot}: split {name} leaves no film to score")


def _write(
    folder: Path, rows: list[Film], parts: list[str], roots: dict[str, str], made_from: Path
) -> None:
    """Write one split; it names the study's snapshot, so that training finds that one's packs."""
    kept = [{**row, "official_split": part} for row, part in zip(rows, parts)]
    about = {"parts": counted(parts), "made_from": str(made_from.resolve())}
    write_rows(folder, make_frame("films", kept), roots=roots, about=about)
