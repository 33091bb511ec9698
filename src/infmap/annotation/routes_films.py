"""Films: the small picture, every grey level, and earlier films of the same patient."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from infmap.annotation import films
from infmap.annotation.answers import PriorAnswer
from infmap.annotation.bodies import IdInPath
from infmap.annotation.callers import AtDesk, Calling, Desk, GuardedRoute
from infmap.annotation.errors import NotFound

router = APIRouter(route_class=GuardedRoute)


@router.get("/api/films/{film}/preview.jpg", response_class=Response)
def preview(film: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """The film at a third of its size, JPEG."""
    return _file(desk, film, "preview.jpg", "image/jpeg")


@router.get("/api/films/{film}/full", response_class=Response)
def full(film: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """Every grey level, IFL1."""
    return _file(desk, film, "full", "application/octet-stream")


@router.get("/api/films/{film}/priors")
def priors(film: IdInPath, caller: Calling, desk: AtDesk) -> list[PriorAnswer]:
    """Earlier films of the same patient, the latest first."""
    with desk.store.read() as c:
        found = films.priors(c, film)
    return [{"film": prior.film, "days_before": prior.days_before} for prior in found]


def _file(desk: Desk, film: str, name: str, kind: str) -> Response:
    # The film was found in the database: its identifier is no path of anybody's making.
    path = desk.store.film_folder(film) / name
    if not path.is_file():
        raise NotFound("film")
    return FileResponse(path, media_type=kind)
