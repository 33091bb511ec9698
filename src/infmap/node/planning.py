"""From results to the outbox: which objects of a film go where."""

from __future__ import annotations

import logging

from sqlalchemy import select, update

from infmap.node import outbox
from infmap.node.rules import Rules
from infmap.serve.schema import items
from infmap.serve.schema import received as table
from infmap.serve.store import Store
from infmap.web.database import now

LOG = logging.getLogger("infmap.node")
NO_ROUTE = "no route of the rules fits it"
_ENDED = ("done", "failed", "cancelled")
_AT_ONCE = 50  # films of one transaction, so that nobody waits long for the database


def sweep(store: Store, rules: Rules) -> int:
    """Plan what was read since the last time, by whichever process.

    Args:
        store: the open server.
        rules: of the node.

    Returns:
        How many films were planned.
    """
    query = (
        select(
            table.c.sop_uid, table.c.calling, table.c.modality, table.c.body_part,
            items.c.film_id, items.c.status, items.c.reason,
        )
        .join(items, items.c.job_id == table.c.job_id)
        .where(table.c.planned.is_(None), items.c.state.in_(_ENDED))
        .limit(_AT_ONCE)
    )  # fmt: skip
    with store.read() as c:
        # Looked at first: the database has one writer, and most looks find nothing.
        if c.execute(query.limit(1)).first() is None:
            return 0
    with store.begin() as c:
        found = c.execute(query).all()
        for row in found:
            reason = None
            if row.status == "ok":
                wanted = rules.of(row.calling, row.modality, row.body_part)
                outbox.plan(c, row.film_id, wanted)
                reason = None if wanted else NO_ROUTE
            else:
                reason = row.reason or "cancelled"
            c.execute(
                update(table)
                .where(table.c.sop_uid == row.sop_uid)
                .values(planned=now(), reason=reason)
            )
    return len(found)
