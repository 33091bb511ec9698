"""Jobs: many films, sent one by one, read as they come."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from infmap.core.errors import InfmapError
from infmap.serve import archive, deleting, events, jobs, names, uploads
from infmap.serve.answers import (
    ErrorAnswer,
    JobAnswer,
    JobItemsAnswer,
    NewJobAnswer,
    TakenAnswer,
    item_answer,
    job_answer,
)
from infmap.serve.bodies import DigestInPath, IdInPath, JobBody
from infmap.serve.callers import AtDesk, Caller, Calling, Desk, GuardedRoute
from infmap.serve.errors import NotFound
from infmap.serve.jobs import NewFilm
from infmap.serve.receiving import receive, settle_deleted
from infmap.serve.stream import MEDIA, stream
from infmap.serve.uploads import Upload

router = APIRouter(route_class=GuardedRoute)
# Streams at one time: each holds a connection, and a script that forgets to close them should not
# take all that the system allows.
MOST_STREAMS = 500
MOST_JOBS = 100
"""Jobs of one answer, the newest."""
OCTETS = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""How the interface's description tells of a body that is a film's bytes."""


@router.post("/v1/jobs", status_code=201)
def create(body: JobBody, caller: Calling, desk: AtDesk) -> NewJobAnswer:
    """Make a job; answers which films are to be sent. Films that are known are not sent again.

    With an ``id`` of the client's choice (22 letters, digits, "-" and "_") a request that is
    repeated because its answer was lost makes no second job.
    """
    with desk.store.begin() as c:
        made = _known(c, body, caller) or _made(c, desk, body, caller)
        wanted = jobs.wanted(c, made.id)
    desk.working.wake()
    return {"id": made.id, "wanted": wanted}


def _known(c: Connection, body: JobBody, caller: Caller) -> jobs.Job | None:
    """The job of the client's own id, where there is one."""
    if body.id is None:
        return None
    try:
        return jobs.get(c, body.id, caller.id)
    except NotFound:
        return None


def _made(c: Connection, desk: Desk, body: JobBody, caller: Caller) -> jobs.Job:
    # An empty file among a folder's is one that failed, and no reason to refuse the others.
    films = [
        NewFilm(film.name, film.sha256) if film.size else NewFilm(film.name, None, archive.EMPTY)
        for film in body.films
    ]
    models = body.models or [next(iter(desk.models))]
    try:
        return jobs.create(c, films, models, threshold=body.threshold, key=caller.id, id=body.id)
    except IntegrityError as error:  # somebody else's job has this id
        raise HTTPException(409, "id: expected a new one, got one in use") from error


@router.get("/v1/jobs")
def every(caller: Calling, desk: AtDesk) -> list[JobAnswer]:
    """The own jobs, the newest first."""
    with desk.store.read() as c:
        found = jobs.of_key(c, caller.id, MOST_JOBS)
        ids = [job.id for job in found]
        counts, called = jobs.counts(c, ids), names.of_jobs(c, ids)
    return [job_answer(job, counts[job.id], called.get(job.id)) for job in found]


@router.get("/v1/jobs/{job}")
def one(job: IdInPath, caller: Calling, desk: AtDesk) -> JobItemsAnswer:
    """A job with its items."""
    with desk.store.read() as c:
        found, items = jobs.get(c, job, caller.id), jobs.items(c, job)
        name = items[0].name if items else None
        answer = job_answer(found, jobs.counts(c, [job])[job], name)
    return {**answer, "items": [item_answer(item) for item in items]}


@router.delete("/v1/jobs/{job}", status_code=204)
def cancel(job: IdInPath, caller: Calling, desk: AtDesk) -> None:
    """End a job: what is not read yet will not be."""
    with desk.store.begin() as c:
        jobs.cancel(c, job)
    desk.notices.changed([job])


@router.delete("/v1/jobs/{job}/films", status_code=204)
def remove(job: IdInPath, caller: Calling, desk: AtDesk) -> None:
    """Delete a job with its films and all that was made of them; an open one is ended first.

    What another job has as well stays there.
    """
    with desk.store.begin() as c:
        deleted = deleting.job(c, job)
    settle_deleted(desk, caller, deleted)


@router.put(
    "/v1/jobs/{job}/films/{sha256}",
    openapi_extra=OCTETS,
    responses={400: {"model": ErrorAnswer}, 413: {"model": ErrorAnswer}},
)
async def send(
    request: Request, job: IdInPath, sha256: DigestInPath, caller: Calling, desk: AtDesk
) -> TakenAnswer:
    """Send a film's bytes, or a zip file of films; the same ones again change nothing."""

    def take(upload: Upload) -> TakenAnswer:
        # An archive is no film: it gets no row, so that another job that names it wants its bytes
        # and unpacks them again.
        if uploads.is_archive(desk.store, upload.sha256):
            return {"items": _unpack(desk, job, upload.sha256)}
        with desk.store.begin() as c:
            # On the disk it is; from here on it is known as well.
            uploads.note(c, desk.store, upload)
            return {"items": jobs.attach(c, job, upload.sha256)}

    taken = await receive(request, desk, sha256, take)
    desk.working.wake()
    desk.notices.changed([job])
    return taken


def _unpack(desk: Desk, job: str, sha256: str) -> list[int]:
    """Put an archive's members in its place; what is in it and is no film says so by itself."""
    try:
        unpacked = archive.unpack(desk.store, sha256)
    except InfmapError as error:
        # The same bytes would be refused again, and their job wait for them for ever.
        with desk.store.begin() as c:
            own = [item.name for item in jobs.items(c, job) if item.sha256 == sha256]
            jobs.expand(c, job, sha256, [NewFilm(n, None, str(error)) for n in own])
        desk.notices.changed([job])
        raise
    films = [NewFilm(member.name, member.sha256) for member in unpacked.members]
    films += [NewFilm(bad.name, None, bad.reason) for bad in unpacked.refused]
    with desk.store.begin() as c:
        return jobs.expand(c, job, sha256, films)


@router.get(
    "/v1/jobs/{job}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {MEDIA: {}}}, 204: {"description": "there is nothing to come"}},
)
def follow(
    job: IdInPath,
    caller: Calling,
    desk: AtDesk,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events: "item" as each film is done, and "done" at the end.

    With ``Last-Event-ID`` those after it; without, from the first one.
    """
    if len(desk.notices) >= MOST_STREAMS:
        text = "too many clients wait for events; try again soon"
        return JSONResponse({"error": text}, 503, headers={"Retry-After": "5"})
    # What a browser repeats was a number; anything else is from the beginning.
    after = last_event_id or ""
    seq = int(after) if after.isdecimal() and after.isascii() and len(after) < 18 else 0
    with desk.store.read() as c:
        over = jobs.get(c, job, caller.id).state != "open" and not events.after(c, job, seq, 1)
    if over:
        return Response(status_code=204)  # a browser does not come again
    return StreamingResponse(stream(desk, job, seq), media_type=MEDIA)
