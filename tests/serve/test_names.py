"""Names of films."""

from __future__ import annotations

from small_server import SmallServer

from infmap.serve.names import MOST_LETTERS, of_jobs, shown


def test_names_are_kept_printable_and_short() -> None:
    assert shown("a\x00b\n\ud800c") == "a_b__c"
    assert shown("") == shown(" ") == "film"
    assert shown("x" * 600 + ".png").endswith("x.png")
    assert len(shown("x" * 600)) == MOST_LETTERS


def test_a_job_is_called_by_its_first_film(small: SmallServer) -> None:
    one, other = small.job("b", "a"), small.job("c")
    with small.store.read() as c:
        assert of_jobs(c, [one.id, other.id, "none"]) == {one.id: "b", other.id: "c"}
        assert of_jobs(c, []) == {}
