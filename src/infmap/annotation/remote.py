"""A station on another machine, as a worker that proposes sees it: over HTTP, signed in."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from infmap.annotation.planning import Planned
from infmap.core.errors import UsageError

# Seconds for one answer. Planning 3,000 films takes some; a film of 12 MB over a slow line as well.
TIMEOUT = 120


class RemoteStation:
    """A project of a station behind an address; see ``proposals.Station``.

    Attributes:
        labels: of the project.
    """

    def __init__(self, address: str, opener: urllib.request.OpenerDirector, csrf: str) -> None:
        self._address, self._opener, self._csrf = address, opener, csrf
        self._project = ""
        self.labels: tuple[str, ...] = ()

    @classmethod
    def sign_in(cls, address: str, user: str, password: str, project: str | None = None) -> Self:
        """Sign in as an administrator.

        Args:
            address: such as https://station.hospital.example.
            user: name.
            password: of the user; sent over TLS, or to this machine itself.
            project: its name; None where the station has one.

        Raises:
            UsageError: no station there, a wrong password, or no such project.
        """
        parts = urlsplit(address)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        # A password over plain HTTP is for anyone on the way to read.
        if not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            raise UsageError(f"station: expected https://... (or http://127.0.0.1), got {address}")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        here = cls(address.rstrip("/"), opener, "")
        session = here._json("POST", "/api/session", {"name": user, "password": password})
        here._csrf = _text(session, "csrf")
        every = here._json("GET", "/api/projects")
        rows = [row for row in every if isinstance(row, dict)] if isinstance(every, list) else []
        found = [row for row in rows if project in (None, row.get("name"))]
        if len(found) != 1:
            names = ", ".join(repr(row.get("name")) for row in rows) or "none"
            raise UsageError(f"project: expected --project with one of the station's: {names}")
        here._project = quote(_text(found[0], "id"), safe="")
        here.labels = tuple(str(label) for label in found[0].get("labels", ()))
        return here

    def newest_round(self) -> int:
        """See ``proposals.Station``."""
        return _number(self._json("GET", f"/api/projects/{self._project}"), "round")

    def wanted(self, network: str, number: int) -> list[str]:
        """See ``proposals.Station``."""
        query = urlencode({"network": network, "round": number})
        found = self._json("GET", f"/api/projects/{self._project}/unproposed?{query}")
        return [str(film) for film in found] if isinstance(found, list) else []

    def film(self, film: str) -> bytes:
        """See ``proposals.Station``."""
        return self._send("GET", f"/api/films/{quote(film, safe='')}/full")

    def add(self, film: str, network: str, mask: bytes, number: int, lungs: bytes | None) -> None:
        """See ``proposals.Station``."""
        body = {
            "film": film,
            "network": network,
            "round": number,
            "mask": base64.b64encode(mask).decode("ascii"),
            "lungs": None if lungs is None else base64.b64encode(lungs).decode("ascii"),
        }
        self._json("POST", f"/api/projects/{self._project}/proposals", body)

    def plan(self) -> Planned:
        """See ``proposals.Station``."""
        planned = self._json("POST", f"/api/projects/{self._project}/plan", {})
        return Planned(_number(planned, "made"), _number(planned, "withdrawn"))

    def _json(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        answer = self._send(method, path, body)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise UsageError(
                f"station: expected JSON from {self._address}; is it a station?"
            ) from error

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        # The station takes changes from its own pages only; a worker says that it is none of
        # another site's.
        headers = {"Origin": self._address, "X-CSRF-Token": self._csrf}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self._address + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise UsageError(f"station: {_reason(error)}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise UsageError(f"station: no answer from {self._address}: {reason}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """The line that the station says, or the status."""
    try:
        said = json.loads(error.read()).get("error")
    except (ValueError, AttributeError):
        said = None
    return str(said).splitlines()[0] if said else f"refused with status {error.code}"


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise UsageError(f"station: expected an answer with {key}; is it of this version?")
    return found


def _number(value: object, key: str) -> int:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, int):
        raise UsageError(f"station: expected an answer with {key}; is it of this version?")
    return found
