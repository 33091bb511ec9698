"""A body that is an upload: taken as it comes, a piece at a time, and on the disk in the end."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from infmap.serve import deleting
from infmap.serve.callers import HERE, Caller, Desk
from infmap.serve.deleting import Deleted
from infmap.serve.uploads import Receiving, Upload
from infmap.web.refusals import ROOM_SECONDS

# Bytes that are gathered before a thread writes them: a film of 256 x 256 needs one hop in all, and
# a slow client holds no thread while its bytes are awaited.
PIECE = 2**20
# Bytes that stay free: results of the films under way, and the database.
SPARE = 2**30
Made = TypeVar("Made")


async def receive(
    request: Request, desk: Desk, sha256: str | None, then: Callable[[Upload], Made]
) -> Made:
    """Take a request's body, bring it to the disk, and go on with it.

    Args:
        request: its body is streamed.
        desk: the application's state.
        sha256: what the checksum has to be; None where the sender did not say.
        then: called in a thread when the bytes are on the disk; their row is not written yet, see
            ``uploads.note``.

    Returns:
        What ``then`` returns.

    Raises:
        HTTPException: 507 the disk is nearly full; 400 the client went away.
        OSError: the server's folder is gone, or cannot be written.
        UploadRefused: no bytes, too many, or others than the checksum's.
    """
    piece = bytearray()
    with ExitStack() as held:
        receiving: Receiving | None = None

        def write() -> Receiving:
            into = receiving
            if into is None:
                check_space(desk)
                into = held.enter_context(Receiving(desk.store, sha256, desk.largest))
            into.write(bytes(piece))
            piece.clear()
            return into

        def end() -> Made:
            return then(write().settle())

        try:
            async for chunk in request.stream():
                piece += chunk
                if len(piece) >= PIECE:
                    receiving = await run_in_threadpool(write)
        except ClientDisconnect as error:  # nothing went wrong here, and nobody hears it
            raise HTTPException(400, "the body broke off; send it again") from error
        return await run_in_threadpool(end)


def settle_deleted(desk: Desk, caller: Caller, deleted: Deleted) -> None:
    """Remove the files of what was deleted, and tell the log and those who follow its jobs."""
    deleting.audit(caller.id or HERE, deleted)
    deleting.discard(desk.store, deleted)
    desk.notices.changed(list(deleted.jobs))


def check_space(desk: Desk) -> None:
    """Refuse uploads before a full disk refuses results.

    Raises:
        HTTPException: 507.
        OSError: the server's folder is gone, or cannot be written.
    """
    try:
        desk.store.check(SPARE)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        text = "the server's disk is nearly full; ask whoever runs it for room"
        raise HTTPException(507, text, {"Retry-After": str(ROOM_SECONDS)}) from error
