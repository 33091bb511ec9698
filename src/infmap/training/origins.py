"""What a run learns from beside its own films, and the training films of a model folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from infmap.catalog.renamed import current_film_id
from infmap.catalog.rows import Film
from infmap.core.errors import ModelError, UsageError
from infmap.training.config import TrainingConfig
from infmap.training.parts import RunFilms

FILMS = "films.txt"
"""In a model folder: the film_id of every training film, a line each; of its origins' too."""


def training_films(folder: Path) -> set[str]:
    """film_id of the films that a model folder's network was trained on.

    Raises:
        ModelError: the folder does not say.
    """
    try:
        lines = (folder / FILMS).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ModelError(
            f"{folder / FILMS}: cannot be read ({error.strerror}); without it the "
            "films that the network was not trained on are unknown"
        ) from error
    return {current_film_id(line) for line in lines if line}


def write_training_films(folder: Path, films: Collection[str]) -> None:
    """Write what ``training_films`` reads."""
    (folder / FILMS).write_text("".join(f"{name}\n" for name in sorted(films)), encoding="utf-8")


def origins(config: TrainingConfig) -> tuple[Path, ...]:
    """Model folders that a run learns from: where its weights start, and its teachers."""
    start = Path(config.network.weights)
    taught = config.distillation.teachers if config.distillation else ()
    return (*((start,) if start.is_dir() else ()), *taught)


def inherited_films(
    config: TrainingConfig, rows: Sequence[Film], chosen: RunFilms
) -> tuple[set[str], list[str]]:
    """Films that a run knows through its origins, though it is not trained on them itself.

    Args:
        config: the run.
        rows: the whole snapshot.
        chosen: the run's films of it.

    Returns:
        Their film_id, and a note for each origin that does not say.

    Raises:
        UsageError: an origin was trained on a film that this run holds out or that is of a test
            part, or on a copy of one: whatever learns from it has seen that film.
    """
    free = {row["film_id"] for row in chosen.free}
    shut = {row["film_id"] for row in rows} - free
    found: set[str] = set()
    notes = []
    for folder in origins(config):
        try:
            films = training_films(folder)
        except ModelError as error:
            notes.append(str(error))
            continue
        if seen := sorted(films & shut):
            raise UsageError(
                f"{folder}: was trained on {len(seen)} films that this run holds out, or on copies "
                f"of them, {seen[0]!r} the first; start and learn from a model that was not"
            )
        found |= films
    return found, notes
