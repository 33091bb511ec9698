from __future__ import annotations

import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from infmap.node.repeated import Repeated


def test_work_goes_on_whatever_becomes_of_a_round(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []
    over = threading.Event()

    def work() -> int:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise OperationalError("SELECT", {}, Exception("Doe^Jane"))
        if len(rounds) == 2:
            raise ValueError("Doe^Jane")
        if len(rounds) == 5:
            over.set()
        return 1

    repeated = Repeated("planning", work, 0.001)
    with caplog.at_level(logging.ERROR, logger="infmap.node"):
        repeated.start()
        assert over.wait(30)
        repeated.stop(30)
    done = len(rounds)
    assert done >= 5
    said = [record.getMessage() for record in caplog.records]
    # What an error says may be of a patient.
    assert said == ["planning: the database does not answer", "planning: ValueError; goes on"]
    repeated.stop(0)
    assert len(rounds) == done


def test_a_trouble_that_lasts_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []
    over = threading.Event()

    def work() -> int:
        rounds.append(len(rounds))
        if len(rounds) == 4:  # it works for a moment, then fails anew
            return 0
        if len(rounds) == 8:
            over.set()
        raise OperationalError("SELECT", {}, Exception("away"))

    repeated = Repeated("planning", work, 0.001)
    with caplog.at_level(logging.ERROR, logger="infmap.node"):
        repeated.start()
        assert over.wait(30)
        repeated.stop(30)
    assert [r.getMessage() for r in caplog.records] == [
        "planning: the database does not answer"
    ] * 2
