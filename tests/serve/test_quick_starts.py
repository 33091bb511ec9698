"""The quick starts of docs/serve.md run as they are printed, on a rendered film."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from server_process import ServerProcess

from infmap.phantom import render

PAGE = (Path(__file__).parents[2] / "docs/serve.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ServerProcess) -> Path:
    """The films that the page names, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFMAP_SERVER", server.address)
    grey = Image.fromarray(np.round(render(15, size=256, opacities=3).pixels * 255).astype("uint8"))
    Path("films").mkdir()
    for name in ("chest.png", "films/a.png"):
        grey.save(name)
    Path("films/notes.txt").write_text("no film")
    return tmp_path


def test_a_developer_with_curl(films: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = "\n".join(blocks("sh"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    whole = json.loads(Path("film.json").read_text())
    assert whole["line"]["status"] == "ok", whole
    assert json.loads(Path("line.json").read_text())["id"] == whole["film"]
    with Image.open("infection.png") as plane:
        assert plane.size == (256, 256)
    events = Path("events.txt").read_text()
    assert events.count("event: item") == 1 and events.count("event: done") == 1
    assert whole["film"] in events  # the same film again is the same result


def test_a_researcher_with_a_script(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("python")
    exec(compile(block, "docs/serve.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert any(line.startswith("a.png ok") for line in said)
    assert any(line.startswith("notes.txt failed ") for line in said)
    with Image.open("infection.png") as plane:
        assert plane.size == (256, 256)
    assert len(list(Path().glob("*.json"))) == 1


def test_the_page_names_every_endpoint() -> None:
    from infmap.serve.access import TABLE

    for route in TABLE:
        method, path = route.split(" ")
        if path.startswith("/v1/films/{film}/"):
            path = path.removeprefix("/v1/films/")
        if path in ("/", "/v1/session", "/v1/me") or path.endswith("{kind}"):
            continue  # of the viewer; kinds are listed by name
        assert path.removeprefix("{film}/").split("{")[0] in PAGE, route


def test_settings_are_those_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from infmap.serve import app, receiving, routes_jobs
    from infmap.serve.jobs import MOST_ITEMS

    assert f"{app.LARGEST // 2**20} MB in {app.BODY_SECONDS / 60:.0f} minutes" in PAGE
    assert f"| {MOST_ITEMS:,} |" in PAGE
    assert f"| {routes_jobs.MOST_STREAMS} |" in PAGE
    assert f"{receiving.SPARE // 2**30} GB" in PAGE
    assert "INFMAP_KEY" in PAGE and os.environ.get("INFMAP_KEY") is None
