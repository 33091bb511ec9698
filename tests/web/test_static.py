"""Tests of `infmap.web.static`."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from infmap.web.static import PageFiles, page


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "view.js").write_text("export const two = 2;\n")
    (folder / "page.html").write_text("<!doctype html><title>Page</title>\n")
    (folder / "dot.png").write_bytes(b"\x89PNG")
    (folder / "notes.py").write_text("secret = 1\n")
    (tmp_path / "beside.js").write_text("outside\n")
    (folder / "link.js").symlink_to(tmp_path / "beside.js")

    def start(request: Request) -> Response:
        return page(folder / "page.html")

    return TestClient(Starlette(routes=[Route("/", start), Mount("/web", PageFiles(folder))]))


def test_modules_are_javascript_whatever_the_machine_says(client: TestClient) -> None:
    answer = client.get("/web/view.js")
    assert answer.text == "export const two = 2;\n"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert client.get("/web/dot.png").headers["content-type"] == "image/png"


def test_an_unchanged_file_is_not_sent_again(client: TestClient) -> None:
    etag = client.get("/web/view.js").headers["etag"]
    again = client.get("/web/view.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/web/notes.py",
        "/web/none.js",
        "/web/",
        "/web/..%2fbeside.js",
        "/web/link.js",
        "/web/a%00.js",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_files_cannot_be_changed(client: TestClient) -> None:
    assert client.post("/web/view.js").status_code == 405


def test_a_page_is_html(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
