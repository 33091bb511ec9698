"""Tests of `infmap.serve.routes_films`."""

from __future__ import annotations

import io
import zipfile

from web_server import WebServer, film, sha


def test_a_film_is_read_at_once_and_known_by_its_bytes(web: WebServer) -> None:
    answer = web.ask("POST", "/v1/films?name=a.png", film(1))
    assert answer.status_code == 200
    whole = answer.json()
    assert (whole["name"], whole["model"], whole["width"]) == ("a.png", "infmap-lite0", 64)
    again = web.ask("POST", "/v1/films?name=b.png", film(1)).json()
    assert (again["film"], again["name"]) == (whole["film"], "b.png")
    assert web.ask("GET", f"/v1/films/{whole['film']}").json() == again


def test_another_threshold_is_another_result_beside_it(web: WebServer) -> None:
    first = web.read(film(1))
    other = web.read(film(1), query="&threshold=0.3")
    assert other != first
    told = web.ask("GET", f"/v1/films/{first}").json()
    assert told["others"] == [{"film": other, "model": "infmap-lite0"}]
    at = web.ask("GET", f"/v1/films/{other}").json()["thresholds"]
    assert at == {"infection": 0.3, "opacity": told["thresholds"]["opacity"], "film": None}


def test_a_film_that_takes_long_is_a_job(web: WebServer) -> None:
    web.reader.asleep = True
    answer = web.ask("POST", "/v1/films?wait=0", film(1))
    assert answer.status_code == 202
    job = answer.json()["job"]
    web.reader.asleep = False
    web.reader.wake()
    assert web.ask("GET", f"/v1/jobs/{job}").json()["state"] == "done"


def test_what_is_not_read_says_why(web: WebServer) -> None:
    web.reader.rejects.add(sha(film(2)))
    rejected = web.ask("POST", "/v1/films", film(2))
    assert rejected.status_code == 422
    assert rejected.json() | {"film": ""} == {
        "error": "no chest film", "status": "rejected", "film": "",
    }  # fmt: skip
    line = web.ask("GET", f"/v1/films/{rejected.json()['film']}").json()["line"]
    assert line["status"] == "rejected"
    failed = web.ask("POST", "/v1/films", b"no film").json()
    assert failed["status"] == "failed"
    known = web.ask("GET", f"/v1/films/{failed['film']}").json()
    assert (known["width"], known["line"]["reason"]) == (None, "no chest film")


def test_one_film_is_no_zip_file_and_no_nothing(web: WebServer) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("1.png", film(1))
    answer = web.ask("POST", "/v1/films", stream.getvalue())
    assert (answer.status_code, "zip" in answer.json()["error"]) == (422, True)
    assert web.ask("POST", "/v1/films", b"").status_code == 400
    assert web.ask("POST", "/v1/films?model=none", film(1)).status_code == 422
    assert web.ask("POST", "/v1/films?threshold=2", film(1)).status_code == 422


def test_maps_and_lines_are_downloaded_by_the_films_identifier(web: WebServer) -> None:
    web.ask("POST", "/v1/films?name=Doe%5EJane.png", film(1))
    found = web.read(film(1))
    for layer in ("infection", "opacity", "lungs"):
        answer = web.ask("GET", f"/v1/films/{found}/map?layer={layer}")
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
    assert web.ask("GET", f"/v1/films/{found}/map?layer=../key").status_code == 422
    assert web.ask("GET", f"/v1/films/{found}/key").status_code == 422
    line = web.ask("GET", f"/v1/films/{found}/json")
    assert line.json()["id"] == found
    name = f'attachment; filename="infmap-{found}.json"'
    assert line.headers["content-disposition"] == name
