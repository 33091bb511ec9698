"""Tests of `infmap.node.planning`."""

from __future__ import annotations

from small_node import MODEL, as_received, film, read_all, rules_of

from infmap.node import outbox
from infmap.node.planning import sweep
from infmap.node.receiving import Receiver, kept_out
from infmap.node.rules import Rules
from infmap.serve.store import Store

PACS = {"dicom": "PACS@127.0.0.1:104"}


def send(store: Store, *numbers: int) -> None:
    for number in numbers:
        d = film(number)
        uids = str(d.SOPClassUID), str(d.SOPInstanceUID)
        assert Receiver(store, MODEL).take("MOD1", *uids, as_received(d)) == 0


def test_a_result_is_planned_once_whoever_read_it(store: Store) -> None:
    rules = rules_of({"pacs": PACS}, ["seg", "sr"])
    send(store, 1, 2)
    assert sweep(store, rules) == 0
    assert read_all(store) == 2
    assert sweep(store, rules) == 2 and sweep(store, rules) == 0
    with store.read() as c:
        assert outbox.counts(c)["waiting"] == 4 and kept_out(c) == {}


def test_the_same_pixels_in_another_object_are_planned_at_once(store: Store) -> None:
    rules = rules_of({"pacs": PACS}, ["seg"])
    send(store, 1)
    read_all(store)
    sweep(store, rules)
    send(store, 1)  # a resend: nothing new
    assert sweep(store, rules) == 0
    with store.read() as c:
        assert len(outbox.every(c)) == 1


def test_a_rejected_film_and_one_without_a_route_send_nothing(store: Store) -> None:
    send(store, 1)
    read_all(store, status="rejected")
    assert sweep(store, rules_of({"pacs": PACS})) == 1
    send(store, 2)
    read_all(store)
    knees = {"to": ["pacs"], "body_part": ["KNEE"]}
    rules = Rules.model_validate({"destinations": {"pacs": PACS}, "routes": [knees]})
    assert sweep(store, rules) == 1
    with store.read() as c:
        assert outbox.every(c) == []
        assert kept_out(c) == {"lungs are cut off": 1, "no route of the rules fits it": 1}
