"""A person decides on a local page; nothing is written before all films have a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infmap.core.errors import UsageError
from infmap.deidentify.desk import Desk
from infmap.deidentify.key import Key
from infmap.deidentify.look import Look
from infmap.deidentify.review_app import Pages, create_app
from infmap.deidentify.run import Decisions, Note
from infmap.web.serving import BACKLOG, Listen, run, server_of


class StoppedError(UsageError):
    """The page was ended before every film had a decision."""


def review(
    looks: Sequence[Look],
    key: Key,
    port: int,
    say: Callable[[str], None],
    note: Note | None = None,
) -> Decisions:
    """Serve the page on this machine until a person has decided on every film.

    Args:
        looks: the films.
        key: as of ``Look.open``.
        port: to listen on; 0 for any free one.
        say: prints the address.
        note: keeps each decision.

    Returns:
        Boxes by film; films that are held are left out.

    Raises:
        UsageError: the port is taken.
        StoppedError: it was stopped before.
    """
    if not looks:
        return {}
    desk = Desk(looks, key, note)

    def finish() -> None:
        server.should_exit = True

    pages = Pages(desk, finish)
    listen = Listen(port=port)
    server = server_of(create_app(pages), listen)
    with listen.bound() as listening:
        listening.listen(BACKLOG)
        say(
            f"Look at {len(looks)} films, research use only: "
            f"{listen.address(listening)}?secret={pages.secret}"
        )
        run(server, listening)
    if desk.open:
        raise StoppedError(
            f"{desk.open} of {len(looks)} films had no decision when the page was stopped; "
            "nothing was written. The same command goes on where it stopped"
        )
    return dict(desk.boxes)
