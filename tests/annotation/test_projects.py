"""Projects: labels, rules and members."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.annotation import projects, schema
from infmap.annotation.errors import NotFound
from infmap.annotation.projects import Settings
from infmap.annotation.store import Store
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from small_station import LABELS, Station  # noqa: E402


def test_a_project_comes_back_as_it_was_made(store: Store) -> None:
    rules = Settings(stage=2, readers_per_film=3, repeat_share=0.1, seed=7)
    with store.begin() as c:
        made = projects.create(c, "chest", ["lungs", "infection"], rules)
        assert made.labels == ("infection", "lungs") and made.round == 0
        assert projects.get(c, made.id) == projects.named(c, "chest") == made
        assert projects.every(c) == [made]
        with pytest.raises(NotFound):
            projects.get(c, "none")


def test_a_taken_name_and_unknown_labels_are_refused(station: Station) -> None:
    with station.store.begin() as c:
        with pytest.raises(UsageError, match="there already"):
            projects.create(c, "chest", LABELS)
        with pytest.raises(UsageError, match="labels"):
            projects.create(c, "other", ["heart"])
        with pytest.raises(UsageError, match="labels"):
            projects.create(c, "other", [])
        with pytest.raises(UsageError, match="name"):
            projects.create(c, " ", LABELS)


@pytest.mark.parametrize(
    "bad",
    [
        {"stage": 3},
        {"readers_per_film": 0},
        {"repeat_share": 0.6},
        {"unaided_share": -0.1},
        {"agreement_dice": 1.1},
        {"lease_minutes": 0},
        {"order": "alphabet"},
        {"candidates": 0},
        {"candidates": 8},
    ],
)
def test_rules_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        Settings(**bad)


def test_rules_are_changed(station: Station) -> None:
    with station.store.begin() as c:
        projects.change(c, station.project, Settings(stage=1, seed=5))
        assert projects.get(c, station.project).settings == Settings(stage=1, seed=5)


def test_a_project_without_a_number_of_candidates_goes_on_showing_all(station: Station) -> None:
    assert Settings().candidates == 1
    table = schema.projects
    with station.store.begin() as c:
        c.execute(table.update().values(settings='{"stage": 2}'))
        assert projects.get(c, station.project).settings.candidates == projects.MOST_CANDIDATES


def test_members_have_one_role_each(station: Station) -> None:
    with station.store.begin() as c:
        roles = {m.user.name: m.role for m in projects.members(c, station.project)}
        assert roles == {"ann": "reader", "ben": "reader", "sue": "senior", "olga": "observer"}
        projects.member(c, station.project, station.ann, "senior")
        assert projects.role_of(c, station.project, station.ann) == "senior"
        (mine,) = projects.of_user(c, station.ann)
        assert (mine[0].id, mine[1]) == (station.project, "senior")
        projects.leave(c, station.project, station.ann)
        assert projects.role_of(c, station.project, station.ann) is None
        assert projects.of_user(c, station.ann) == []
        with pytest.raises(UsageError, match="role"):
            projects.member(c, station.project, station.ann, "administrator")
        with pytest.raises(NotFound):
            projects.member(c, "none", station.ann, "reader")
