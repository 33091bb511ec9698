"""``infmap annotate``: from nothing to masks that networks propose."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from infmap.annotation import films, projects, schema, users
from infmap.annotation.store import Store
from infmap.phantom import sample_films

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One rendered film."""
    picture = np.round(sample_films()[0][1].pixels * 255).astype(np.uint8)
    (tmp_path / "films").mkdir()
    Image.fromarray(picture).save(tmp_path / "films" / "chest.png")
    return tmp_path


def annotate(folder: Path, verb: str, *arguments: object) -> int:
    return call("annotate", verb, *arguments, "--station", folder / "station")


def test_a_station_goes_from_nothing_to_proposals(folder: Path, capsys) -> None:
    assert annotate(folder, "init", "--label", "infection", "--label", "lungs", "--stage", 2) == 0
    told = capsys.readouterr().out
    password = re.search(r"one-time password (\S+)", told)
    assert annotate(folder, "import", folder / "films") == 0
    assert "1 films added, 0 were there, 0 not read" in capsys.readouterr().out
    assert annotate(folder, "propose", "--json") == 0
    (done,) = json.loads(capsys.readouterr().out)
    assert (done["round"], done["made"], done["without"]) == (1, 1, [])
    assert done["network"].startswith("infmap-lite0@")
    store = Store.open(folder / "station")
    with store.begin() as c:
        (project,) = projects.every(c)
        (film,) = films.every(c, project.id)
        admin = users.check(c, "admin", password[1] if password else "")
    store.close()
    assert project.round == 1 and film.lungs is not None
    assert admin is not None and admin.must_change


def test_a_project_shows_one_proposal_a_film_unless_told(folder: Path) -> None:
    annotate(folder, "init")
    annotate(folder, "init", "--project", "b", "--candidates", 3, "--order", "random")
    store = Store.open(folder / "station")
    with store.read() as c:
        rules = [p.settings for p in projects.every(c)]
    store.close()
    assert [(r.candidates, r.order) for r in rules] == [(1, "disagreement"), (3, "random")]
    assert annotate(folder, "init", "--project", "c", "--candidates", 8) == 2


def test_a_project_goes_from_stage_one_to_stage_two(folder: Path, capsys) -> None:
    annotate(folder, "init")
    annotate(folder, "import", folder / "films")
    capsys.readouterr()
    assert annotate(folder, "rules", "--stage", 2, "--readers", 2, "--order", "random") == 0
    told = capsys.readouterr().out.splitlines()
    assert {"stage: 2", "readers_per_film: 2", "order: random", "candidates: 1"} <= set(told)
    store = Store.open(folder / "station")
    with store.read() as c:
        (project,) = projects.every(c)
        waiting = c.execute(select(func.count()).select_from(schema.tasks)).scalar_one()
    store.close()
    assert (project.settings.stage, project.settings.order, waiting) == (2, "random", 2)
    assert annotate(folder, "rules", "--json") == 0
    assert json.loads(capsys.readouterr().out) == asdict(project.settings)
    assert annotate(folder, "rules", "--stage", 3) == 2
    assert annotate(folder, "rules", "--project", "none") == 2


def test_a_second_project_has_no_second_password(folder: Path, capsys) -> None:
    annotate(folder, "init")
    capsys.readouterr()
    assert annotate(folder, "init", "--project", "other") == 0
    assert "password" not in capsys.readouterr().out
    assert annotate(folder, "import", folder / "films") == 2
    assert "expected --project with one of the station's" in capsys.readouterr().err
    assert annotate(folder, "import", folder / "films", "--project", "other") == 0


def test_a_file_that_is_no_film_is_named_and_told_by_the_exit_status(folder: Path, capsys) -> None:
    annotate(folder, "init")
    (folder / "films" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert annotate(folder, "import", folder / "films", "--json") == 3
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1]) == {"added": 1, "known": 0, "failed": 1}
    assert "broken.png" in said.err


def test_accounts_are_made_and_changed(folder: Path, capsys) -> None:
    annotate(folder, "init", "--project", "chest")
    capsys.readouterr()
    assert annotate(folder, "user", "ann", "--project", "chest") == 0
    first = re.search(r"one-time password (\S+)", capsys.readouterr().out)
    assert annotate(folder, "user", "ann", "--role", "senior", "--new-password") == 0
    second = re.search(r"one-time password (\S+)", capsys.readouterr().out)
    store = Store.open(folder / "station")
    with store.begin() as c:
        (project,) = projects.every(c)
        assert [(m.user.name, m.role) for m in projects.members(c, project.id)] == [
            ("ann", "reader")
        ]
        assert first and users.check(c, "ann", first[1]) is None
        found = users.check(c, "ann", second[1]) if second else None
        assert found is not None and found.role == "senior"
    store.close()
    assert annotate(folder, "user", "ann", "--disable") == 0
    assert "disabled" in capsys.readouterr().out
    assert annotate(folder, "user", "ann", "--project", "elsewhere") == 2
    assert "expected one of the station's" in capsys.readouterr().err


def test_a_server_needs_an_address_that_hides_the_password(monkeypatch, capsys) -> None:
    monkeypatch.setenv("INFMAP_STATION_PASSWORD", "secret enough")
    assert call("annotate", "propose", "--station", "http://station.example") == 2
    said = capsys.readouterr().err
    assert "expected https://" in said and "secret" not in said


def test_serve_hands_the_server_its_settings_and_demo_films_with_proposals(
    folder: Path, capsys, monkeypatch
) -> None:
    from infmap.annotation import server

    given = []

    def stands_in(settings, fill, say) -> None:
        given.append(settings)
        store = Store.open(settings.folder, settings.database)
        with store.begin() as c:
            project = projects.create(c, "Demo", settings=projects.Settings(stage=2)).id
        fill(store, project)
        with store.read() as c:
            assert projects.get(c, project).round == 1
            say(f"{len(films.every(c, project))} films")
        store.close()

    monkeypatch.setattr(server, "serve", stands_in)
    assert annotate(folder, "serve", "--port", 0, "--trusted", "10.0.0.0/8") == 0
    assert capsys.readouterr().out == f"{len(sample_films())} films\n"
    assert (given[0].port, given[0].host, given[0].trusted) == (0, "127.0.0.1", ("10.0.0.0/8",))


def test_without_its_packages_the_station_says_how_to_install_it(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for verb in ("init", "serve"):
        assert annotate(folder, verb) == 2
        assert "pip install 'infmap[annotate]'" in capsys.readouterr().err


def test_a_backup_makes_the_same_station_elsewhere(folder: Path, capsys) -> None:
    annotate(folder, "init")
    annotate(folder, "import", folder / "films")
    assert annotate(folder, "backup", folder / "all.tar") == 0
    assert call("annotate", "restore", folder / "all.tar", "--station", folder / "copy") == 0
    capsys.readouterr()
    reports = []
    for place in ("station", "copy"):
        call("annotate", "status", "--station", folder / place, "--json")
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0] == reports[1] and reports[0][0]["films"] == {"open": 1}
    assert call("annotate", "restore", folder / "all.tar", "--station", folder / "copy") == 2
