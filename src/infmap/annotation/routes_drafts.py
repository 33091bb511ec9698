"""Drafts and their strokes, and the masks of decisions."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Response

from infmap.annotation import decisions, drafts
from infmap.annotation.answers import EpochAnswer, SeqAnswer, StrokeAnswer, octets
from infmap.annotation.bodies import After, IdInPath, Strokes, TakeOver
from infmap.annotation.callers import AtDesk, Calling, GuardedRoute
from infmap.web.strokes import Stroke

router = APIRouter(route_class=GuardedRoute)


@router.post("/api/drafts/{draft}/take-over")
def take_over(draft: IdInPath, body: TakeOver, caller: Calling, desk: AtDesk) -> EpochAnswer:
    """Write to the draft from this tab, and from no other."""
    with desk.store.begin() as c:
        taken = drafts.take_over(c, draft, body.tab)
    return {"epoch": taken.epoch, "seq": taken.seq}


@router.post("/api/drafts/{draft}/strokes")
def append(draft: IdInPath, body: Strokes, caller: Calling, desk: AtDesk) -> SeqAnswer:
    """Keep strokes; they are on the disk when this is answered."""
    new = [Stroke.of_json(stroke.model_dump()) for stroke in body.strokes]
    with desk.store.begin() as c:
        return {"seq": drafts.append(c, draft, body.epoch, body.expected_seq, new)}


@router.get("/api/drafts/{draft}/strokes")
def strokes(draft: IdInPath, caller: Calling, desk: AtDesk, after: After = 0) -> list[StrokeAnswer]:
    """Strokes after a number, in order."""
    with desk.store.read() as c:
        found = drafts.strokes(c, draft, after)
    return [
        {
            "uuid": stroke.uuid,
            "seq": stroke.seq,
            "tool": stroke.tool,
            "label": stroke.label,
            "rect": list(stroke.rect),
            "active_ms": stroke.active_ms,
            "runs": base64.b64encode(stroke.runs).decode("ascii"),
        }
        for stroke in found
    ]


@router.get("/api/drafts/{draft}/mask", response_class=Response)
def mask(draft: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """What is drawn, IMK1."""
    with desk.store.read() as c:
        return octets(drafts.mask(c, draft))


@router.get("/api/revisions/{revision}/mask", response_class=Response)
def revision_mask(revision: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """The mask of a decision, IMK1."""
    with desk.store.read() as c:
        return octets(decisions.mask(c, revision))
