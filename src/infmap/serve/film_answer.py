"""All that is told of one film: its row, its files, and what else the caller has of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from infmap.report.lines import PredictionLine
from infmap.serve import results
from infmap.serve.answers import FilmAnswer, ThresholdsAnswer, thresholds_answer
from infmap.serve.callers import Desk
from infmap.serve.errors import NotFound
from infmap.serve.results import Facts, Result, Same


@dataclass(frozen=True)
class StoredFilm:
    """What the database says of a film to one who may see it.

    Attributes:
        result: its row.
        name: what the client calls it.
        model: the model's name.
        others: the film's other results, with the models' names.
        same: other films of the patient.
    """

    result: Result
    name: str
    model: str
    others: Sequence[tuple[str, str]]
    same: Sequence[Same]


def stored_film(
    c: Connection, film: str, key: str | None, called: tuple[str, str] | None = None
) -> StoredFilm:
    """What the database says of a film, read in one transaction.

    Args:
        c: a transaction.
        film: identifier of the result.
        key: identifier of the caller's API key; None where all may be seen.
        called: the film's and the model's name, where the caller's own item is at hand; else those
            of the newest one.

    Raises:
        NotFound: there is none.
    """
    result = results.get(c, film)
    name, model = called or results.name(c, film, key)
    others, same = results.others(c, result, key), results.same_patient(c, result, key)
    return StoredFilm(result, name, model, others, same)


def film_answer(desk: Desk, stored: StoredFilm) -> FilmAnswer:
    """A film as it is told to a caller who may see it.

    Args:
        desk: the application's state.
        stored: what the database says of it.
    """
    result, name, model = stored.result, stored.name, stored.model
    line, facts = _files(desk, result)
    return {
        "film": result.film,
        "name": name,
        "model": model,
        "line": line,
        "thresholds": _thresholds(desk, model, result),
        "width": facts["width"] if facts else None,
        "height": facts["height"] if facts else None,
        "bits": facts["bits"] if facts else None,
        "window": (
            {"center": facts["window_center"], "width": facts["window_width"]} if facts else None
        ),
        "study_date": facts["study_date"] if facts else None,
        "view": facts.get("view") if facts else None,
        "pixel_spacing": facts["pixel_spacing"] if facts else None,
        "dicom": facts["dicom"] if facts else False,
        "others": [{"film": other, "model": read_by} for other, read_by in stored.others],
        "same_patient": [
            {
                "film": one.film,
                "days": one.days,
                "view": _view(desk, one),
                "infected_fraction": one.infected_fraction,
                "opacity_fraction": one.opacity_fraction,
                "score": one.score,
            }
            for one in stored.same
        ],
    }


def _files(desk: Desk, result: Result) -> tuple[PredictionLine, Facts | None]:
    """Line and facts; of a film that could not be read there is the row alone."""
    try:
        return results.line(desk.store, result.film), results.facts(desk.store, result.film)
    except NotFound:
        line: PredictionLine = {
            "id": result.film,
            "status": result.status,
            "reason": result.reason,
        }
        return line, None


def _view(desk: Desk, one: Same) -> str | None:
    if one.view is not None:
        return one.view or None
    try:
        return results.facts(desk.store, one.film).get("view")
    except NotFound:
        return None


def _thresholds(desk: Desk, model: str, result: Result) -> ThresholdsAnswer:
    """Operating points behind a result; of a model that was replaced since only its own one."""
    known = desk.models.get(model)
    if known is None or known.sha256 != result.model_sha:
        return {"infection": result.threshold, "opacity": None, "film": None}
    own = known.manifest.thresholds
    return thresholds_answer(own.at(result.threshold) if result.named else own)
