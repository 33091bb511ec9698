"""Who may do what: one table of all endpoints, and the one place that looks into it.

What is of another key does not exist: a foreign job or film is 404 and not 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from infmap.serve import jobs, results
from infmap.serve.errors import NotFound

Scope = Literal["public", "machine", "key", "job", "film", "films"]
"""What a rule looks at: nothing; that the request comes from this machine, or brings a key; the
key; the key and the job, the film, or both films that the path names."""

# Bytes. A key is 50; a job of 100,000 films, each with a name and a checksum, is 20 MB.
SHORT, LIST = 4096, 32 * 2**20


@dataclass(frozen=True)
class Rule:
    """Who may call one endpoint.

    Attributes:
        scope: what is looked at.
        body: most bytes of a body that is read as a whole; None where it is streamed, and as large
            as an upload may be.
    """

    scope: Scope
    body: int | None = SHORT


PUBLIC, KEY, JOB, FILM = Rule("public"), Rule("key"), Rule("job"), Rule("film")

TABLE: Mapping[str, Rule] = {
    "GET /": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /openapi.json": PUBLIC,
    # Prometheus comes from this machine, or brings a key.
    "GET /metrics": Rule("machine"),
    "POST /v1/session": PUBLIC,
    "DELETE /v1/session": KEY,
    "GET /v1/me": KEY,
    "GET /v1/models": KEY,
    "POST /v1/films": Rule("key", None),
    "GET /v1/jobs": KEY,
    "POST /v1/jobs": Rule("key", LIST),
    "GET /v1/jobs/{job}": JOB,
    "DELETE /v1/jobs/{job}": JOB,
    "GET /v1/jobs/{job}/events": JOB,
    "DELETE /v1/jobs/{job}/films": JOB,
    "PUT /v1/jobs/{job}/films/{sha256}": Rule("job", None),
    "GET /v1/films/{film}": FILM,
    "DELETE /v1/films/{film}": FILM,
    "GET /v1/films/{film}/json": FILM,
    "GET /v1/films/{film}/map": FILM,
    "GET /v1/films/{film}/aligned/{other}": Rule("films"),
    "GET /v1/films/{film}/{kind}": FILM,
}
"""Method and path of every endpoint to its rule. An endpoint that is not in it cannot be built."""


def admit(c: Connection, rule: Rule, key: str | None, path: Mapping[str, str]) -> None:
    """Let a caller pass, or raise.

    Args:
        c: a transaction.
        rule: of the endpoint.
        key: identifier of the caller's API key; None on the machine itself, which sees all.
        path: the path's parameters: identifiers as sent.

    Raises:
        NotFound: there is no such thing for this caller.
    """
    if rule.scope == "job":
        jobs.get(c, path["job"], key)
    if rule.scope in ("film", "films"):
        names = ("film", "other") if rule.scope == "films" else ("film",)
        for name in names:
            if not results.visible(c, path[name], key):
                raise NotFound("film")
