"""Films: one read at once, and everything that there is of one that was read."""

from __future__ import annotations

import json
import time
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from infmap.core.errors import UsageError
from infmap.serve import aligning, deleting, jobs, making, results, uploads
from infmap.serve.answers import (
    AlignedAnswer,
    ErrorAnswer,
    FilmAnswer,
    NotReadAnswer,
    QueuedAnswer,
)
from infmap.serve.bodies import (
    IdInPath,
    Made,
    ModelInQuery,
    NameInQuery,
    ThresholdInQuery,
    WaitInQuery,
)
from infmap.serve.callers import AtDesk, Calling, Desk, GuardedRoute
from infmap.serve.film_answer import film_answer, stored_film
from infmap.serve.jobs import Item, NewFilm
from infmap.serve.notices import Follower
from infmap.serve.receiving import receive, settle_deleted
from infmap.serve.routes_jobs import OCTETS
from infmap.serve.uploads import Upload
from infmap.web.database import new_id

router = APIRouter(route_class=GuardedRoute)
# A person waits for this one, and a job has thousands: it comes first.
AT_ONCE = 10
# Seconds: the queue is short and a film of 3000 x 3000 takes half a second.
WAIT = 30.0
LOOK_AFTER = 2.0
"""Seconds until a film that is waited for is looked at; twice as many each time after it."""
SHOWN = ("full", "preview.jpg", "zones", "overlay")
"""What a page shows; the rest is for saving."""


@router.post(
    "/v1/films",
    response_model=FilmAnswer,
    openapi_extra=OCTETS,
    responses={
        202: {"model": QueuedAnswer},
        400: {"model": ErrorAnswer},
        413: {"model": ErrorAnswer},
        422: {"model": NotReadAnswer},
    },
)
async def read(
    request: Request,
    caller: Calling,
    desk: AtDesk,
    name: NameInQuery = "film",
    model: ModelInQuery = None,
    threshold: ThresholdInQuery = None,
    wait: WaitInQuery = WAIT,
) -> Response:
    """Read one film: its bytes in, its result out. The same film again has its result at once."""
    own = new_id()

    def queue(upload: Upload) -> jobs.Job:
        if uploads.is_archive(desk.store, upload.sha256):
            raise UsageError("film: expected one film, got a zip file; send it to a job")
        chosen = [model or next(iter(desk.models))]
        film = NewFilm(name, upload.sha256)
        with desk.store.begin() as c:
            unseen = uploads.note(c, desk.store, upload)
            return jobs.create(
                c, [film], chosen, threshold=threshold, key=caller.id,
                priority=AT_ONCE, id=own, brought=True, unseen=unseen,
            )  # fmt: skip

    # Followed before it is there: no end of it is missed, and none has to be looked for.
    with desk.notices.following(own) as follower:
        job = await receive(request, desk, None, queue)
        desk.working.wake()
        if job.state == "open":
            await _ended(desk, follower, job.id, wait)
    return await anyio.to_thread.run_sync(_told, desk, job.id, caller.id)


def _told(desk: Desk, job: str, key: str | None) -> Response:
    """What has come of the only film of a job."""
    with desk.store.read() as c:
        found = jobs.items(c, job)
        if not found:
            return JSONResponse({"error": "the film was deleted before it was read"}, 409)
        (item,) = found
        stored = None
        if item.state == "done" and item.film:
            stored = stored_film(c, item.film, key, (item.name, item.model))
    if item.state in jobs.UNDER_WAY:
        return JSONResponse(QueuedAnswer(job=job), 202)
    if item.state == "cancelled":
        return JSONResponse({"error": "the film's job was cancelled"}, 409)
    if stored is not None:
        return JSONResponse(film_answer(desk, stored))
    failed: NotReadAnswer = {
        "error": item.reason or "the film could not be read",
        "status": "rejected" if item.status == "rejected" else "failed",
    }
    if item.film is not None:
        failed["film"] = item.film
    return JSONResponse(failed, 422)


async def _ended(desk: Desk, follower: Follower, job: str, seconds: float) -> None:
    """Wait for the end of a job, so many seconds at most."""
    until = time.monotonic() + seconds
    patience = LOOK_AFTER
    while not follower.stopping and (left := until - time.monotonic()) > 0:
        # Workers of another server on the same database tell nobody here. Ever more seldom: where
        # films wait for long, looking at each of them all the time is what they would wait for.
        if not await follower.news(min(left, patience)):
            patience *= 2
            found = await anyio.to_thread.run_sync(_items, desk, job)
            if any(item.state in jobs.UNDER_WAY for item in found):
                continue
        return


def _items(desk: Desk, job: str) -> list[Item]:
    with desk.store.read() as c:
        return jobs.items(c, job)


@router.get("/v1/films/{film}")
def one(film: IdInPath, caller: Calling, desk: AtDesk) -> FilmAnswer:
    """A film, what was read of it, and what else there is of it and of its patient."""
    with desk.store.read() as c:
        stored = stored_film(c, film, caller.id)
    return film_answer(desk, stored)


@router.delete("/v1/films/{film}", status_code=204)
def remove(film: IdInPath, caller: Calling, desk: AtDesk) -> None:
    """Delete a film: its bytes, and what every model made of it, in all jobs of the caller."""
    with desk.store.begin() as c:
        deleted = deleting.film(c, film, caller.id)
    settle_deleted(desk, caller, deleted)


@router.get("/v1/films/{film}/json")
def line(film: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """The film's line, as ``infmap predict`` writes it to ``results.jsonl``."""
    text = json.dumps(results.line(desk.store, film), ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json", headers=_saved(film, "json"))


@router.get("/v1/films/{film}/map", response_class=FileResponse)
def layer(
    film: IdInPath, caller: Calling, desk: AtDesk, layer: Annotated[results.Layer, Query()]
) -> FileResponse:
    """A map, PNG, 8 bits, film pixels: 0 to 255 is probability 0 to 1; of lungs 0 or 255."""
    return FileResponse(results.layer(desk.store, film, layer), media_type="image/png")


@router.get("/v1/films/{film}/aligned/{other}")
async def aligned(film: IdInPath, other: IdInPath, caller: Calling, desk: AtDesk) -> AlignedAnswer:
    """Where the other film's pixels lie in this one, for both to be laid over each other."""
    matrix = await anyio.to_thread.run_sync(
        aligning.matrix, desk.store, film, other, limiter=desk.making
    )
    return {"matrix": matrix}


@router.get("/v1/films/{film}/{kind}", response_class=Response)
async def made(film: IdInPath, kind: Made, caller: Calling, desk: AtDesk) -> Response:
    """A picture, report or DICOM object of the film; made at the first request, then kept.

    ``full``: every grey level, IFL1. ``zones``: PNG of the zones, 1 to 6 for A to F. ``seg``,
    ``sr``, ``sc``, ``gsps`` and ``pdf-dicom`` where the film came as DICOM.
    """
    what: making.Kind = "preview" if kind == "preview.jpg" else kind
    media, ending = making.MEDIA[what]
    # Few at a time: each takes a process of its own and up to a second of it.
    data = await anyio.to_thread.run_sync(making.made, desk.store, film, what, limiter=desk.making)
    headers = {} if kind in SHOWN else _saved(film, ending, kind)
    return Response(data, media_type=media, headers=headers)


def _saved(film: str, ending: str, kind: str = "") -> dict[str, str]:
    """The name that a browser saves a file by: never the patient's."""
    name = f"{film}-{kind}.{ending}" if kind and kind != ending else f"{film}.{ending}"
    return {"Content-Disposition": f'attachment; filename="infmap-{name}"'}
