"""Requests made from the interface's own description, valid and not: none breaks the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.generation import GenerationMode
from web_station import WebStation, database

from infmap.annotation.access import DRAWING, TABLE
from infmap.annotation.app import AppSettings, create_api
from infmap.annotation.store import Store
from postgres_server import programs

EXAMPLES = 50
"""Requests to each endpoint."""
OPERATIONS = sorted(route for route in TABLE if "/api/" in route or "/{page}" in route)


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebStation]:
    # PostgreSQL where there is one: it is the stricter of the two about text and numbers.
    url = None
    if programs() is not None:
        url = database(request.getfixturevalue("postgres"), "fuzzed")
    store = Store.open(Path(tmp_path_factory.mktemp("fuzzed")), url)
    site = WebStation(store)
    site.unlimited()
    with site.client:
        yield site
    store.close()


@pytest.fixture(scope="module")
def schema(site: WebStation) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(create_api(site.store, AppSettings()).openapi())


@pytest.fixture(scope="module")
def things(site: WebStation) -> dict[str, str]:
    """Path parameters that lead somewhere."""
    task = site.take(site.ann)
    film = task["film"]
    assert isinstance(film, dict)
    draft = site.begin(site.ann, task["id"])
    made = {"project": site.project, "task": str(task["id"]), "film": str(film["id"])}
    return made | {"draft": draft, "revision": "none", "side": "A", "name": "olga", "page": "none"}


@pytest.mark.parametrize("route", OPERATIONS)
def test_no_request_breaks_the_server(
    site: WebStation, schema: schemathesis.BaseSchema, things: dict[str, str], route: str
) -> None:
    method, path = route.split(" ")
    operation = schema[path][method]
    user = site.ann if TABLE[route].roles == DRAWING else site.admin
    own = {name: text for name, text in things.items() if f"{{{name}}}" in path}
    strategies = [operation.as_strategy(path_parameters=own), operation.as_strategy()]
    if operation.body:
        strategies.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=own))
    asked = []

    @seed(15)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies))
    def ask(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent["headers"] = {**sent["headers"], **site.headers(user)}
        sent["content"] = sent.pop("data", None)
        del sent["cookies"]
        answer = site.client.request(**{k: v for k, v in sent.items() if v is not None})
        site.client.cookies.clear()
        asked.append(answer.status_code)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert "error" in answer.json()
        if method == "DELETE":
            site.forget(user)

    ask()
    assert len(asked) >= EXAMPLES or not operation.body
