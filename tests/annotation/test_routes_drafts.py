"""Tests of `infmap.annotation.routes_drafts`, over SQLite and PostgreSQL."""

from __future__ import annotations

import numpy as np
import pytest
from httpx import Response
from small_station import box
from web_station import WebStation, one_stroke

from infmap.annotation.store import Store
from infmap.web.masks import decode


@pytest.fixture
def site(store: Store) -> WebStation:
    return WebStation(store)


@pytest.fixture
def task(site: WebStation) -> str:
    return str(site.take(site.ann)["id"])


def opened(site: WebStation, task: str, tab: str = "one") -> dict[str, object]:
    answer = site.ask(site.ann, "POST", f"/api/tasks/{task}/draft", {"base": None, "tab": tab})
    assert answer.status_code == 200
    made: dict[str, object] = answer.json()
    return made


def send(site: WebStation, draft: dict[str, object], expected: int, *strokes: object) -> Response:
    body = {"epoch": draft["epoch"], "expected_seq": expected, "strokes": list(strokes)}
    return site.ask(site.ann, "POST", f"/api/drafts/{draft['draft']}/strokes", body)


def test_strokes_are_kept_in_order_and_make_the_mask(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    assert (draft["epoch"], draft["seq"]) == (1, 0)
    assert send(site, draft, 0, one_stroke(1), one_stroke(2)).json() == {"seq": 2}
    assert send(site, draft, 2, one_stroke(3)).json() == {"seq": 3}
    path = f"/api/drafts/{draft['draft']}"
    assert site.ask(site.ann, "GET", f"{path}/strokes?after=1").json() == [
        one_stroke(2), one_stroke(3)
    ]  # fmt: skip
    mask = decode(site.ask(site.ann, "GET", f"{path}/mask").content)
    drawn = box(1, 1, 4, 4) ^ box(1, 2, 4, 5) ^ box(1, 3, 4, 6)
    np.testing.assert_array_equal(mask, drawn)
    assert opened(site, task) == {**draft, "seq": 3}


def test_a_stroke_that_is_sent_again_counts_once(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    for _ in range(3):
        assert send(site, draft, 0, one_stroke(1)).json() == {"seq": 1}
    assert send(site, draft, 0, one_stroke(1), one_stroke(2)).json() == {"seq": 2}
    strokes = site.ask(site.ann, "GET", f"/api/drafts/{draft['draft']}/strokes").json()
    assert [stroke["seq"] for stroke in strokes] == [1, 2]


def test_a_gap_is_answered_with_the_last_number(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    gap = send(site, draft, 4, one_stroke(5))
    assert (gap.status_code, gap.json()["seq"]) == (409, 0)
    assert "from number 1" in gap.json()["error"]
    wrong = send(site, draft, 0, one_stroke(2))
    assert (wrong.status_code, wrong.json()["seq"]) == (409, 0)


def test_a_second_tab_takes_the_draft_and_the_first_is_fenced(site: WebStation, task: str) -> None:
    first = opened(site, task)
    send(site, first, 0, one_stroke(1))
    path = f"/api/drafts/{first['draft']}/take-over"
    taken = site.ask(site.ann, "POST", path, {"tab": "two"}).json()
    assert taken == {"epoch": 2, "seq": 1}
    fenced = send(site, first, 1, one_stroke(2))
    assert (fenced.status_code, fenced.json()["epoch"]) == (423, 2)
    assert send(site, {**first, "epoch": 2}, 1, one_stroke(2)).json() == {"seq": 2}


def test_a_draft_that_is_drawn_becomes_a_revision(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    send(site, draft, 0, one_stroke(1), one_stroke(2))
    body = {"version": 1, "kind": "reject", "reason": "all miss it", "draft": draft["draft"]}
    version = site.ask(site.ann, "GET", f"/api/tasks/{task}").json()["version"]
    body |= {"version": version, "seq": 1}
    made = site.ask(site.ann, "POST", f"/api/tasks/{task}/decision", body)
    mask = site.ask(site.ann, "GET", f"/api/revisions/{made.json()['revision']}/mask")
    np.testing.assert_array_equal(decode(mask.content), box(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs": "not base64!"}, "base64"),
        ({"runs": ""}, "runs"),
        ({"runs": "AAAA"}, "run"),
        ({"rect": [40, 36, 20, 20]}, "leaves the film"),
        ({"rect": [0, 0, 3]}, "rect"),
        ({"rect": [0, 0, 2**31 - 1, 2**31 - 1]}, "rectangle"),
        ({"label": 2}, "label of the project"),
        ({"label": 6}, "label"),
        ({"uuid": "x" * 65}, "uuid"),
        ({"uuid": "nul\0"}, "uuid"),
        ({"seq": 2**31}, "seq"),
        ({"note": "more"}, "note"),
    ],
)
def test_what_is_no_stroke_is_refused_and_nothing_is_kept(
    site: WebStation, task: str, change: dict[str, object], words: str
) -> None:
    draft = opened(site, task)
    answer = send(site, draft, 0, {**one_stroke(1), **change})
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert opened(site, task)["seq"] == 0


def test_too_many_strokes_at_once_are_refused(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    assert send(site, draft, 0, *(one_stroke(n) for n in range(1, 102))).status_code == 422
    assert send(site, draft, 0, *(one_stroke(n) for n in range(1, 101))).json() == {"seq": 100}


def test_a_body_that_is_too_large_is_refused(site: WebStation, task: str) -> None:
    draft = opened(site, task)
    answer = send(site, draft, 0, {**one_stroke(1), "runs": "A" * (8 * 2**20)})
    assert answer.status_code == 413
