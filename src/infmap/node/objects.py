"""Objects of results, as the outbox names them."""

from __future__ import annotations

from infmap.node.sending import Make
from infmap.serve import making
from infmap.serve.store import Store

_KINDS: dict[str, making.Kind] = {kind: name for name, kind in making.OBJECTS.items()}
"""What the server calls each kind of DICOM object."""


def maker(store: Store) -> Make:
    """What makes a film's objects: each once, the same bytes from then on.

    Args:
        store: the open server.
    """
    return lambda film, kind: making.made(store, film, _KINDS[kind])
