"""Which films of a snapshot a run trains on, validates on, and must not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infmap.catalog.groups import TRAIN, UNUSED, VAL, film_groups, keep_whole, own_part
from infmap.catalog.renamed import current_film_id
from infmap.catalog.rows import Film
from infmap.core.errors import SnapshotError, UsageError
from infmap.training.config import TrainingConfig

HELD = "held-out"


@dataclass(frozen=True)
class RunFilms:
    """The films of a run; no group of patients and near-duplicates is on two sides.

    Attributes:
        learn: training films.
        validate: films to decide on: thresholds, calibration, when to stop.
        free: films that share no group with one held out or of a test part, so that anything may be
            fitted on them; trained on, validated on or neither.
        left_out: films that were meant to be trained on or validated on and are not, because a
            film of their group is held out, of a stronger part, or of ``near_duplicates_of``.
    """

    learn: list[Film]
    validate: list[Film]
    free: list[Film]
    left_out: int


def select_films(rows: Sequence[Film], config: TrainingConfig) -> RunFilms:
    """Divide the rows of a snapshot among the purposes of a run.

    A film is of its publisher's part where that gave one, else of the catalog's. Films of ``train``
    or of no part are trained on, those of ``val`` validated on, and those of any other part are
    neither, which holds for what ``hold_out`` names too. What is held out or of another part is
    stronger than ``val``, and ``val`` than ``train``: the rest of a group leaves, see
    ``infmap.catalog.groups``.
    """
    groups = film_groups(rows)
    named = named_films(config)
    meant = [HELD if row["film_id"] in named else _meant(row, config) for row in rows]
    native = config.hold_out.near_duplicates_of
    closed = {g for row, g in zip(rows, groups, strict=True) if row["source"] in native}
    open_to = [
        None if part in (TRAIN, VAL) and group in closed and row["source"] not in native else part
        for row, group, part in zip(rows, groups, meant, strict=True)
    ]
    parts = keep_whole(groups, open_to)
    shut = {g for g, part in zip(groups, parts, strict=True) if part not in _SOFT}

    def of(name: str) -> list[Film]:
        return [row for row, part in zip(rows, parts, strict=True) if part == name]

    wanted = sum(part in (TRAIN, VAL) for part in meant)
    learn, validate = of(TRAIN), of(VAL)
    return RunFilms(
        learn,
        validate,
        [row for row, group in zip(rows, groups, strict=True) if group not in shut],
        wanted - len(learn) - len(validate),
    )


def held_out(rows: Sequence[Film], fold: int | None) -> list[Film]:
    """Films of a fold, of the sources that have no official split; none for fold None."""
    return [row for row in rows if _in_fold(row, fold)]


def named_films(config: TrainingConfig) -> frozenset[str]:
    """film_id of the films that ``hold_out.films`` names; none where it is not given.

    Raises:
        UsageError: the file cannot be read, or names no film.
    """
    path = config.hold_out.films
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"hold_out.films: {path}: cannot be read: {error}") from error
    names = frozenset(current_film_id(line) for line in lines if line)
    if not names:
        raise UsageError(f"hold_out.films: {path}: expected a film_id a line, has none")
    return names


def check_hold_out(rows: Sequence[Film], config: TrainingConfig) -> None:
    """Refuse to hold out what is not there: it would be a leak to take that for nothing.

    Raises:
        SnapshotError: a source, the fold or a film that is to be held out is not there.
        UsageError: the list of films cannot be read.
    """
    out = config.hold_out
    unknown = named_films(config) - {row["film_id"] for row in rows}
    if unknown:
        raise SnapshotError(
            f"hold_out.films: {config.snapshot} lacks {len(unknown)} films that {out.films} names, "
            f"{min(unknown)!r} the first of them"
        )
    missing = sorted(set(out.sources) - {row["source"] for row in rows})
    if missing:
        raise SnapshotError(
            f"hold_out.sources: {config.snapshot} has no films of {', '.join(missing)}"
        )
    if out.fold is not None and not held_out(rows, out.fold):
        there = {fold for r in rows if (fold := r["fold"]) is not None and not r["official_split"]}
        raise SnapshotError(
            f"hold_out.fold: expected one of {sorted(there)}, the folds of films without an "
            f"official split, got {out.fold}; whole sources are held out by hold_out.sources"
        )


_SOFT = (None, UNUSED, TRAIN, VAL)


def _in_fold(row: Film, fold: int | None) -> bool:
    return fold is not None and row["fold"] == fold and not row["official_split"]


def _meant(row: Film, config: TrainingConfig) -> str | None:
    """Part of a film in this run, before its group is looked at."""
    if row["source"] in config.hold_out.sources or _in_fold(row, config.hold_out.fold):
        return HELD
    part = own_part(row) or TRAIN
    if part not in (TRAIN, VAL):
        return None if part == UNUSED else part
    if not any(row["source"] in stage.source_names for stage in config.stages):
        return None
    chosen = config.validation_sources
    if part == VAL and chosen is not None and row["source"] not in chosen:
        return None if row["official_split"] else TRAIN
    return part
