"""What comes out of a project, and proposals that a worker on another machine brings in."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from infmap.annotation import agreement_report, films, proposals
from infmap.annotation.answers import ProposalAnswer
from infmap.annotation.bodies import IdInPath, NetworkName, NewProposal, Round
from infmap.annotation.callers import AtDesk, Calling, GuardedRoute
from infmap.annotation.errors import NotFound
from infmap.annotation.export import export_project

router = APIRouter(route_class=GuardedRoute)


@router.get("/api/projects/{project}/agreement")
async def agreement(project: IdInPath, caller: Calling, desk: AtDesk) -> object:
    """Agreement by pair of readers, zone and time; networks' figures; time a film takes."""

    def compute() -> object:
        with desk.store.read() as c:
            known = desk.counts.setdefault(project, {})
            return agreement_report.as_json(agreement_report.of_project(c, project, known=known))

    # The first one reads every mask of the project: two at one time would keep readers waiting.
    return await anyio.to_thread.run_sync(compute, limiter=desk.reports)


@router.get("/api/projects/{project}/export.zip", response_class=Response)
async def export(project: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """The approved masks, PNG and COCO, as one zip file."""
    folder = Path(tempfile.mkdtemp(prefix="infmap-export-"))
    try:
        packed = await anyio.to_thread.run_sync(
            lambda: _pack(export_project(desk.store, project, folder / "export").folder),
            limiter=desk.reports,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(
        packed, media_type="application/zip", filename="export.zip", background=remove
    )


@router.get("/api/projects/{project}/unproposed")
def unproposed(
    project: IdInPath,
    network: Annotated[NetworkName, Query()],
    round: Annotated[Round, Query()],
    caller: Calling,
    desk: AtDesk,
) -> list[str]:
    """Films that need a network's proposal in a round."""
    with desk.store.read() as c:
        return proposals.wanted(c, project, network, round)


@router.post("/api/projects/{project}/proposals", status_code=201)
def propose(project: IdInPath, body: NewProposal, caller: Calling, desk: AtDesk) -> ProposalAnswer:
    """Take a network's mask of a film in; the same one again changes nothing."""
    with desk.store.begin() as c:
        if films.get(c, body.film).project != project:
            raise NotFound("film")
        made = proposals.add(c, body.film, body.network, body.mask, body.round, body.lungs)
    return {"proposal": made}


def _pack(folder: Path) -> Path:
    packed = folder.with_suffix(".zip")
    # Stored: masks are PNG, which does not deflate any further.
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed
