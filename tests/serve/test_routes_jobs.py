"""Tests of `infmap.serve.routes_jobs`."""

from __future__ import annotations

import io
import zipfile

import pytest
from web_server import WebServer, film, sha

from infmap.serve import routes_jobs


def state(web: WebServer, job: str) -> dict[str, int]:
    counts = web.ask("GET", f"/v1/jobs/{job}").json()["counts"]
    return {name: number for name, number in counts.items() if number}


def test_films_are_asked_for_taken_and_read(web: WebServer) -> None:
    job = web.job(film(1), film(2), film(1))
    assert state(web, job) == {"waiting": 3}
    assert web.send(job, film(1)).json() == {"items": [0, 2]}
    assert state(web, job) == {"waiting": 1, "done": 2}
    assert web.send(job, film(1)).json() == {"items": [0, 2]}  # again: nothing changes
    assert web.send(job, film(2)).json() == {"items": [1]}
    whole = web.ask("GET", f"/v1/jobs/{job}").json()
    assert (whole["state"], len(whole["items"])) == ("done", 3)
    assert whole["items"][0]["film"] == whole["items"][2]["film"]


def test_known_films_are_not_wanted_and_done_at_once(web: WebServer) -> None:
    web.read(film(1))
    body = {"films": [{"name": "a", "sha256": sha(film(1)), "size": 9}]}
    made = web.ask("POST", "/v1/jobs", body).json()
    assert made["wanted"] == []
    assert state(web, made["id"]) == {"done": 1}


def test_the_same_id_is_the_same_job(keyed: WebServer) -> None:
    own = "a" * 22
    first = keyed.job(film(1), key="ann", id=own)
    assert keyed.job(film(1), key="ann", id=own) == first == own
    body = {"id": own, "films": [{"name": "a", "sha256": sha(film(1)), "size": 9}]}
    assert keyed.ask("POST", "/v1/jobs", body, "ben").status_code == 409
    assert len(keyed.ask("GET", "/v1/jobs", key="ann").json()) == 1
    assert keyed.ask("GET", "/v1/jobs", key="ben").json() == []


def test_jobs_come_newest_first(web: WebServer) -> None:
    jobs = [web.job(film(number)) for number in range(3)]
    listed = [job["id"] for job in web.ask("GET", "/v1/jobs").json()]
    assert set(listed) == set(jobs)


def test_a_cancelled_job_reads_nothing_more_and_says_so(web: WebServer) -> None:
    web.reader.asleep = True
    job = web.job(film(1), film(2))
    web.send(job, film(1))
    assert web.ask("DELETE", f"/v1/jobs/{job}").status_code == 204
    web.reader.asleep = False
    web.reader.wake()
    assert state(web, job) == {"cancelled": 2}
    assert "event: done" in web.ask("GET", f"/v1/jobs/{job}/events").text
    assert web.ask("DELETE", f"/v1/jobs/{job}").status_code == 204


def test_a_zip_file_is_replaced_by_its_films(web: WebServer) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("folder/1.png", film(1))
        packed.writestr("folder/2.png", film(2))
    job = web.job(stream.getvalue())
    taken = web.send(job, stream.getvalue())
    assert len(taken.json()["items"]) == 2, taken.text
    assert state(web, job) == {"done": 2}
    names = [item["name"] for item in web.ask("GET", f"/v1/jobs/{job}").json()["items"]]
    assert sorted(name.rpartition("/")[2] for name in names) == ["1.png", "2.png"]
    assert web.send(job, stream.getvalue()).json() == {"items": []}
    # Another job is of the same films, and not of one film that is a zip file.
    again = web.job(stream.getvalue())
    assert len(web.send(again, stream.getvalue()).json()["items"]) == 2
    assert state(web, again) == {"done": 2}


def test_an_empty_file_is_said_and_stops_no_other(web: WebServer) -> None:
    films = [
        {"name": "empty.dcm", "sha256": sha(b""), "size": 0},
        {"name": "film.png", "sha256": sha(film(1)), "size": len(film(1))},
    ]
    made = web.ask("POST", "/v1/jobs", {"films": films}).json()
    assert made["wanted"] == [sha(film(1))]
    web.send(made["id"], film(1))
    assert state(web, made["id"]) == {"done": 1, "failed": 1}
    (empty, _) = web.ask("GET", f"/v1/jobs/{made['id']}").json()["items"]
    assert empty["reason"] == "it is empty; copy it again"


def test_a_damaged_zip_file_ends_its_job_and_says_why(web: WebServer) -> None:
    damaged = b"PK\x03\x04" + bytes(100)
    job = web.job(damaged, film(1))
    web.send(job, film(1))
    refused = web.send(job, damaged)
    assert refused.status_code == 400 and "damaged" in refused.json()["error"]
    assert state(web, job) == {"done": 1, "failed": 1}
    (item,) = [i for i in web.ask("GET", f"/v1/jobs/{job}").json()["items"] if i["film"] is None]
    assert item["reason"] == refused.json()["error"]
    assert "event: done" in web.ask("GET", f"/v1/jobs/{job}/events").text


def test_events_go_on_after_the_last_one_and_end(web: WebServer) -> None:
    job = web.job(film(1), film(2))
    web.send(job, film(1))
    web.send(job, film(2))
    path = f"/v1/jobs/{job}/events"
    whole = web.ask("GET", path)
    assert whole.headers["content-type"].startswith("text/event-stream")
    numbers = [line[4:] for line in whole.text.splitlines() if line.startswith("id: ")]
    rest = web.ask("GET", path, last_event_id=numbers[0]).text
    assert [line[4:] for line in rest.splitlines() if line.startswith("id: ")] == numbers[1:]
    assert web.ask("GET", path, last_event_id=numbers[-1]).status_code == 204
    for nonsense in ("x", "-1", "9" * 30, "\xb2"):
        headers = {"Last-Event-ID": nonsense.encode("latin-1")}
        assert web.client.get(path, headers=headers).text == whole.text


def test_too_many_followers_are_sent_away(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    job = web.job(film(1))
    monkeypatch.setattr(routes_jobs, "MOST_STREAMS", 0)
    answer = web.ask("GET", f"/v1/jobs/{job}/events")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    "body",
    [
        {"films": []},
        {"films": [{"name": "", "sha256": "0" * 64, "size": 1}]},
        {"films": [{"name": "a\0", "sha256": "0" * 64, "size": 1}]},
        {"films": [{"name": "a", "sha256": "../../x", "size": 1}]},
        {"films": [{"name": "a", "sha256": "0" * 64, "size": 1}], "models": ["none"]},
        {"films": [{"name": "a", "sha256": "0" * 64, "size": 1}], "threshold": 1.5},
        {"films": [{"name": "a", "sha256": "0" * 64, "size": 1}], "id": "short"},
        {"films": [{"name": "a", "sha256": "0" * 64, "size": 1}], "other": 1},
    ],
)
def test_what_is_no_job_is_refused_in_one_line(web: WebServer, body: dict[str, object]) -> None:
    answer = web.ask("POST", "/v1/jobs", body)
    assert answer.status_code == 422
    assert "\n" not in answer.json()["error"]
    assert web.ask("GET", "/v1/jobs").json() == []
