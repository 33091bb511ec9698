"""HTTP/1.1 as uvicorn speaks it, with clients that send a request's head within a time.

uvicorn waits for the rest of a head for ever. A few hundred connections with half a head each, from
somebody without a key, would take all files that the system allows a process.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedHead(H11Protocol):
    """A connection that is closed where a head does not come whole.

    Attributes:
        seconds: from the connection, or the head's first byte, to its last one: a phone in a
            hospital's cellar needs some, and browsers that connect early connect again.
    """

    seconds: ClassVar[float] = 20.0

    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected, and is to ask for something."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come: a head that they do not end is waited for no longer than before."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._end()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._closing is None:
            self._closing = self.loop.call_later(self.seconds, self.transport.close)

    def _end(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
