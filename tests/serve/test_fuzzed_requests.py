"""Requests made from the interface's own description, valid and not: none breaks the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.generation import GenerationMode
from web_server import WebServer, film, sha

from infmap.serve.access import TABLE

EXAMPLES = 50
"""Requests to each endpoint."""
OPERATIONS = sorted(route for route in TABLE if "/v1/" in route)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(Path(tmp_path_factory.mktemp("fuzzed")), needs_key=True)
    server.unlimited()
    with server.client:
        server.notices.stop()  # nobody waits: neither for a film nor for events
        yield server
    server.store.close()


@pytest.fixture(scope="module")
def schema(server: WebServer) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(server.ask("GET", "/openapi.json").json())


@pytest.fixture(scope="module")
def things(server: WebServer) -> dict[str, str]:
    """Path parameters that lead somewhere."""
    other = server.read(film(1), "ann", "&threshold=0.3")
    made = {"film": server.read(film(1), "ann"), "other": other, "kind": "zones"}
    return made | {"job": server.job(film(2), film(3), key="ann"), "sha256": sha(film(3))}


@pytest.mark.parametrize("route", OPERATIONS)
def test_no_request_breaks_the_server(
    server: WebServer, schema: schemathesis.BaseSchema, things: dict[str, str], route: str
) -> None:
    method, path = route.split(" ")
    operation = schema[path][method]
    own = {name: text for name, text in things.items() if f"{{{name}}}" in path}
    strategies = [operation.as_strategy(path_parameters=own), operation.as_strategy()]
    if operation.body or operation.query:
        strategies.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=own))
    asked = []

    @seed(16)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies))
    def ask(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://server.example")
        bearer = {"Authorization": f"Bearer {server.keys['ann']}"}
        sent["headers"] = {**sent["headers"], **bearer}
        sent["content"] = sent.pop("data", None)
        del sent["cookies"]
        answer = server.client.request(**{k: v for k, v in sent.items() if v is not None})
        asked.append(answer.status_code)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert "error" in answer.json()

    ask()
    parameters = operation.body or operation.query or operation.path_parameters
    assert len(asked) >= EXAMPLES or not parameters
