"""All that is told of one film: its row, its files, and what else the caller has of the patient."""

from __future__ import annotations

from infmap.report.lines import PredictionLine
from infmap.serve import results
from infmap.serve.answers import FilmAnswer, ThresholdsAnswer, thresholds_answer
from infmap.serve.callers import Desk
from infmap.serve.errors import NotFound
from infmap.serve.results import Facts, Result


def film_answer(desk: Desk, film: str, key: str | None) -> FilmAnswer:
    """A film as it is told to a caller who may see it.

    Args:
        desk: the application's state.
        film: identifier of the result.
        key: identifier of the caller's API key; None where all may be seen.

    Raises:
        NotFound: there is none.
    """
    with desk.store.read() as c:
        result = results.get(c, film)
        name, model = results.name(c, film, key)
        others = results.others(c, film, key)
        same = results.same_patient(c, film, key)
    line, facts = _files(desk, result)
    return {
        "film": film,
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
        "pixel_spacing": facts["pixel_spacing"] if facts else None,
        "dicom": facts["dicom"] if facts else False,
        "others": [{"film": other, "model": read_by} for other, read_by in others],
        "same_patient": [
            {
                "film": one.film,
                "days": one.days,
                "infected_fraction": one.infected_fraction,
                "opacity_fraction": one.opacity_fraction,
                "score": one.score,
            }
            for one in same
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


def _thresholds(desk: Desk, model: str, result: Result) -> ThresholdsAnswer:
    """Operating points behind a result; of a model that was replaced since only its own one."""
    known = desk.models.get(model)
    if known is None or known.sha256 != result.model_sha:
        return {"infection": result.threshold, "opacity": None, "film": None}
    manifest = known.manifest
    if result.threshold == manifest.thresholds.infection:
        return thresholds_answer(manifest.thresholds)
    return thresholds_answer(manifest.thresholds.at(result.threshold))
