"""Keep what libraries say of a film, which may be of a person, out of sight; thread by thread.

The usual tools, ``warnings.catch_warnings`` and the level of a logger, swap state of the whole
interpreter: two threads that use them at once leave it changed. Here one warning filter and one
log filter stay in place for good. They match only while the thread that asks is inside ``quiet``,
so they change nothing for anyone else and need no lock.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

LIBRARIES = ("pydicom", "highdicom", "PIL", "tifffile")
_inside: ContextVar[bool] = ContextVar("infmap_quiet", default=False)


class _Inside:
    """What stands in a warning filter in the place of a pattern for the message."""

    pattern = "(?!)"
    """Of those who copy filters as text, as scikit-learn does: it matches nothing."""

    def match(self, _text: str) -> bool:
        return _inside.get()


class _Outside(logging.Filter):
    """Lets a record through unless its thread is inside ``quiet``."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _inside.get()


_WARNING_FILTER = ("ignore", _Inside(), Warning, None, 0)
_LOG_FILTER = _Outside()
_seen = 0  # loggers that were looked at


@contextmanager
def quiet() -> Iterator[None]:
    """Drop this thread's Python warnings and these libraries' log records in the body."""
    _install()
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def _install() -> None:
    """Put the filters where they are not: others may have replaced the list of filters."""
    # A filter of text patterns by its type; the interpreter asks only for ``match``.
    filters: list[object] = warnings.filters  # type: ignore[assignment]
    if not filters or filters[0] is not _WARNING_FILTER:
        with suppress(ValueError):
            filters.remove(_WARNING_FILTER)
        filters.insert(0, _WARNING_FILTER)
    # Loggers only come: to look through all their names is a tenth of reading a small film.
    global _seen
    loggers = logging.Logger.manager.loggerDict
    if len(loggers) != _seen:
        number = len(loggers)
        for name in [n for n in list(loggers) if n.split(".", 1)[0] in LIBRARIES]:
            logging.getLogger(name).addFilter(_LOG_FILTER)
        _seen = number
