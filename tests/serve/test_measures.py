"""Tests of `infmap.serve.measures`."""

from __future__ import annotations

from web_server import WebServer, film

from infmap.serve.measures import QueueMeasures


def values(web: WebServer) -> dict[str, float]:
    return {
        f"{sample.name} {' '.join(sample.labels.values())}".strip(): sample.value
        for family in QueueMeasures(web.desk).collect()
        for sample in family.samples
    }


def test_the_queue_the_results_and_who_reads_are_counted(web: WebServer) -> None:
    web.reader.asleep = True
    job = web.job(film(1), film(2))
    web.send(job, film(1))
    before = values(web)
    assert before["infmap_serve_items queued"] == 1
    assert before["infmap_serve_workers"] == 1
    assert "infmap_serve_results ok" not in before
    web.reader.asleep = False
    web.reader.wake()
    after = values(web)
    assert (after["infmap_serve_items queued"], after["infmap_serve_results ok"]) == (0, 1)


def test_no_label_says_whose_a_film_is(web: WebServer) -> None:
    web.read(film(1))
    text = web.ask("GET", "/metrics").text
    assert "a.png" not in text
    assert "/v1/films" in text
