"""Requests that are sent again until they are answered, and errors in one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from infmap.core.errors import PeerError, UsageError, needs_extra
from infmap.core.files import Json, parse_json

with needs_extra("infmap.client", "serve"):
    import httpx

Broken = httpx.TransportError
"""A connection that broke, or was never made."""
# Seconds for one answer; a film is waited for up to 30 s, and a large one comes over a slow line.
TIMEOUT = 120.0
# Seconds between tries: the first soon, for a server that is being restarted is back in two.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
AGAIN = (429, 502, 503, 504)
"""Statuses of a server that is busy or being restarted: the same request again may do."""
PIECE = 2**20
"""Bytes of a file that are read at once."""


class Calls:
    """A server, and how it is asked.

    Args:
        url: such as https://films.hospital.example, or http://127.0.0.1:8020.
        key: an API key; None for a server on this machine that asks for none.
        patience: seconds that a server which does not answer is asked again.
        transport: for tests, see httpx.

    Raises:
        UsageError: it is no address, or a key would be sent over a network for all to read.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        patience: float,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"server: expected an address such as http://127.0.0.1:8020, got {url}"
            )
        if key is not None and parts.scheme == "http" and not local:
            raise UsageError(f"server: expected https://, for a key is sent to it, got {url}")
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        self.url, self._patience, self._sleep = url.rstrip("/"), patience, sleep
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT, transport=transport
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        file: Path | None = None,
        query: Mapping[str, str] | None = None,
        expected: tuple[int, ...] = (),
    ) -> tuple[int, Json]:
        """Ask until there is an answer.

        Every request of the interface may be repeated: a film is known by its checksum, and a job
        by the identifier that this client gave it.

        Args:
            method: of HTTP.
            path: begins with "/".
            body: sent as JSON.
            file: sent as it is.
            query: of the address.
            expected: statuses of 400 and above that the caller wants to see.

        Returns:
            The status, and what the answer holds; None where it holds nothing.

        Raises:
            UsageError: the server refuses the request; its own line says why.
            PeerError: it does not answer, or not as it should.
            OSError: the file cannot be read.
        """
        for last in self._tries():
            try:
                if file is None:
                    answer = self._http.request(method, path, json=body, params=query)
                else:
                    size = {"Content-Length": str(file.stat().st_size)}
                    answer = self._http.request(
                        method, path, content=_pieces(file), headers=size, params=query
                    )
            except Broken as error:
                if last:
                    raise self._silent(error) from error
                continue
            if answer.status_code not in AGAIN or last:
                break
        if answer.status_code >= 400 and answer.status_code not in expected:
            raise self._refused(answer)
        if not answer.content:
            return answer.status_code, None
        try:
            return answer.status_code, parse_json(answer.text)
        except ValueError as error:
            raise PeerError(
                f"server: expected JSON from {self.url}; is it infmap serve?"
            ) from error

    @contextmanager
    def stream(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer that is read as it comes; connecting is tried again, reading is not.

        Raises:
            UsageError, PeerError: as of ``json``.
            httpx.TransportError: the connection broke while it was read.
        """
        for last in self._tries():
            request = self._http.build_request("GET", path, params=query, headers=headers)
            try:
                answer = self._http.send(request, stream=True)
            except Broken as error:
                if last:
                    raise self._silent(error) from error
                continue
            if answer.status_code in AGAIN and not last:
                answer.close()
                continue
            break
        try:
            if answer.status_code >= 400:
                answer.read()
                raise self._refused(answer)
            yield answer
        finally:
            answer.close()

    def rest(self) -> None:
        """Pause before a connection that broke is made again."""
        self._sleep(FIRST_PAUSE)

    def _tries(self) -> Iterator[bool]:
        """True for the last try; pauses grow until the patience is over."""
        pause, until = FIRST_PAUSE, time.monotonic() + self._patience
        while time.monotonic() + pause < until:
            yield False
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        yield True

    def _silent(self, error: Broken) -> PeerError:
        return PeerError(
            f"server: {self.url} does not answer ({type(error).__name__}); check that it runs"
        )

    def _refused(self, answer: httpx.Response) -> UsageError | PeerError:
        try:
            told = parse_json(answer.text)
        except ValueError:
            told = None
        line = told.get("error") if isinstance(told, dict) else None
        if not isinstance(line, str):
            return PeerError(
                f"server: {self.url} answered {answer.status_code}; is it infmap serve?"
            )
        kind = PeerError if answer.status_code >= 500 or answer.status_code == 429 else UsageError
        return kind(f"server: {line}")


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
