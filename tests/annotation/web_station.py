"""A small station behind its web interface, and clients that are signed in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import psycopg
from httpx import Response
from small_station import NOON, Station, box, stroke
from starlette.testclient import TestClient

from infmap.annotation import films, projects, schema, users
from infmap.annotation.app import AppSettings, create_app
from infmap.annotation.callers import Limits
from infmap.annotation.store import Store, new_id, now
from infmap.annotation.users import User
from infmap.phantom import render
from infmap.web.csrf import csrf_token
from infmap.web.film_encoding import encode_film, encode_preview, grey_levels
from infmap.web.limits import RateLimit
from infmap.web.masks import encode
from infmap.web.sessions import TrustedProxies

Json = Mapping[str, object]


def database(postgres: str, name: str) -> str:
    """Address of a new PostgreSQL database."""
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres}/{name}"


@cache
def _picture() -> tuple[bytes, bytes]:
    """A film and its preview, rendered once."""
    levels = grey_levels(np.ascontiguousarray(render(1, size=64).pixels[:40, :48]), 12)
    return encode_film(levels, 12), encode_preview(levels, 12)


class WebStation(Station):
    """The small station with two films with candidates, and its web interface.

    Attributes:
        films: identifiers of two films with three candidates each.
        client: asks it; nobody is signed in.
    """

    def __init__(self, store: Store, proxies: TrustedProxies | None = None) -> None:
        super().__init__(store)
        # A senior and a reader who decide one film each, so that each has a task of one's own.
        self.films = [self.film(name, lungs=encode(box(2, 2, 38, 46, "lungs"))) for name in "ab"]
        for film in self.films:
            self.propose(film, [box(5, 5, 20, 20), box(6, 5, 21, 20), box(9, 9, 30, 30)])
            self.write(film)
        self.plan()
        self.limits = Limits()
        self.app = create_app(store, AppSettings(proxies or TrustedProxies(), self.limits))
        self.client = TestClient(self.app, client=("192.0.2.1", 50000))
        self._tokens: dict[str, str] = {}

    def write(self, film: str) -> None:
        """Write the files of a film."""
        folder = self.store.film_folder(film)
        folder.mkdir(parents=True)
        for name, data in zip(("full", "preview.jpg"), _picture(), strict=True):
            (folder / name).write_bytes(data)

    def unlimited(self) -> None:
        """Allow any number of requests."""
        self.limits.requests = RateLimit(10**9, 1e-9)

    def add_user(self, name: str, role: str, *, must_change: bool = False) -> User:
        """An account without a usable password and without a project."""
        user = User(new_id(), name, role, must_change=must_change)
        with self.store.begin() as c:
            c.execute(
                schema.users.insert().values(
                    id=user.id, name=name, role=role, password="none", disabled=False,
                    must_change=must_change, created=NOON,
                )
            )  # fmt: skip
        return user

    def second_project(self) -> str:
        """A project that none of the first one's members is in, with a film and a reader, rex."""
        rex = self.add_user("rex", "reader")
        first, self.rex = self.project, rex
        with self.store.begin() as c:
            settings = projects.Settings(stage=2, candidates=7, repeat_share=0, unaided_share=0)
            self.project = projects.create(c, "foreign", ("infection", "lungs"), settings).id
            projects.member(c, self.project, rex, "reader")
        film = self.film("foreign", lungs=encode(box(2, 2, 38, 46, "lungs")))
        self.propose(film, [box(5, 5, 20, 20), box(6, 5, 21, 20)], round=2)
        self.write(film)
        self.plan()
        second, self.project = self.project, first
        return second

    def headers(self, user: User | None) -> dict[str, str]:
        """Cookie and CSRF token of a user's session."""
        if user is None:
            return {}
        if user.name not in self._tokens:
            with self.store.begin() as c:
                self._tokens[user.name] = users.start(c, user, now())
        token = self._tokens[user.name]
        csrf = csrf_token(self.store.key, token)
        return {"Cookie": f"infmap-station={token}", "X-CSRF-Token": csrf}

    def forget(self, user: User) -> None:
        """Begin a new session of a user with the next request."""
        self._tokens.pop(user.name, None)

    def ask(
        self, user: User | None, method: str, path: str, body: Json | None = None, **headers: str
    ) -> Response:
        """The answer to one request of a user."""
        own = self.headers(user) | {k.replace("_", "-"): v for k, v in headers.items()}
        answer = self.client.request(method, path, json=body, headers=own)
        self.client.cookies.clear()  # each request says itself whose it is
        return answer

    def take(self, user: User) -> dict[str, object]:
        """The user's task."""
        answer = self.ask(user, "POST", f"/api/projects/{self.project}/next")
        assert answer.status_code == 200, answer.text
        task: dict[str, object] = answer.json()
        return task

    def begin(self, user: User, task: object, base: str | None = None) -> str:
        """A draft of a task with one stroke."""
        made = self.ask(user, "POST", f"/api/tasks/{task}/draft", {"base": base, "tab": "t"}).json()
        body = {"epoch": made["epoch"], "expected_seq": made["seq"]}
        body["strokes"] = [one_stroke(made["seq"] + 1)]
        kept = self.ask(user, "POST", f"/api/drafts/{made['draft']}/strokes", body)
        assert kept.status_code == 200, kept.text
        return str(made["draft"])

    def seen(self, film: str, user: User) -> bool:
        """Whether a film is the user's to see."""
        with self.store.read() as c:
            return films.visible(c, film, user.id)


def one_stroke(number: int, column: int = 0) -> dict[str, object]:
    """A stroke as a page sends it: a small box, toggled."""
    column = column or number % 30
    return dict(stroke(number, box(0, 0, 0, 0), box(1, column, 4, column + 3)).to_json())
