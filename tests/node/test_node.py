"""Tests of `infmap.node.node`, and of `infmap.node.objects` behind it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from small_node import MODEL, Reader, encoded, film, made, open_store, rules_of

from infmap.core.errors import UsageError
from infmap.dicom.network import Peer, store
from infmap.node.listening import Listening
from infmap.node.node import Settings, running, until_signal

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from fake_pacs import FakePacs  # noqa: E402


def settings(place: str, **options: object) -> Settings:
    rules = rules_of({"pacs": {"dicom": f"FAKE@{place}"}}, ["seg", "sr"])
    return Settings(rules, Listening(port=0, seconds=20.0), MODEL, keep_free=0)


def test_a_film_goes_in_and_its_objects_come_out_and_one_node_has_the_folder(
    tmp_path: Path,
) -> None:
    folder, pacs = open_store(tmp_path / "server"), FakePacs()
    with pacs.running() as peer:
        chosen = settings(peer.place)
        with running(folder, chosen, Reader(folder), made) as port:
            again = running(folder, chosen, Reader(folder), made)
            with pytest.raises(UsageError, match="its node already"), again:
                pass
            node = Peer("127.0.0.1", port, "INFMAP", seconds=20.0)
            assert [s.stored for s in store(node, [encoded(film(1)), encoded(film(2))])] == [
                True
            ] * 2
            pacs.until(4)
    folder.close()
    assert set(pacs.stored.values()) == {1}


def test_a_signal_ends_it_in_order() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with until_signal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
    assert signal.getsignal(signal.SIGTERM) is before
