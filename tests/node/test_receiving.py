"""Tests of `infmap.node.receiving`."""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from small_node import MODEL, as_received, film, made
from sqlalchemy import text

from full_disk import full_disk
from infmap.node.receiving import Receiver, held, kept_out
from infmap.serve import jobs, uploads
from infmap.serve.schema import received as table
from infmap.serve.store import Store
from infmap.web import database


def send(receiver: Receiver, dataset: Dataset, file: bytes | None = None) -> int:
    uids = str(dataset.SOPClassUID), str(dataset.SOPInstanceUID)
    return receiver.take("MOD1", *uids, as_received(dataset) if file is None else file)


def test_a_film_is_kept_and_queued_once_however_often_it_comes(store: Store) -> None:
    woken: list[int] = []
    receiver = Receiver(store, MODEL, lambda: woken.append(1))
    assert [send(receiver, film(1)) for _ in range(3)] == [0, 0, 0]
    assert send(receiver, film(1, Rows=1, Columns=4)) == 0x0111
    with store.read() as c:
        (row,) = c.execute(table.select()).all()
        (item,) = jobs.items(c, row.job_id)
        assert (row.calling, row.modality, row.body_part) == ("MOD1", "DX", "CHEST")
        assert item.state == "queued" and uploads.path(store, item.sha256).read_bytes()
        uid, kind = str(film(1).SOPInstanceUID), str(film(1).SOPClassUID)
        assert held(c, {uid: kind, "1.2.3": kind}) == {uid}
        assert held(c, {uid: "1.2.840.10008.5.1.4.1.1.1"}) == set()
    assert len(woken) == 1


def test_the_same_bytes_as_another_object_are_one_upload(store: Store) -> None:
    receiver = Receiver(store, MODEL)
    assert [send(receiver, film(n)) for n in (1, 2)] == [0, 0]
    with store.read() as c:
        assert len(c.execute(table.select()).all()) == 2


def test_what_is_not_read_is_answered_and_not_kept(store: Store) -> None:
    receiver = Receiver(store, MODEL)
    lateral = film(2, ViewPosition="LL")
    assert [send(receiver, lateral), send(receiver, lateral)] == [0, 0]
    own = Dataset()
    own.SOPClassUID, own.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3"
    assert receiver.take("PACS", *_uids(made("a", "seg")), made("a", "seg")) == 0
    with store.read() as c:
        (row,) = c.execute(table.select()).all()
        assert row.job_id is None and kept_out(c) == {"a lateral view": 1}
        assert held(c, {row.sop_uid: row.sop_class}) == set()
    assert not [path for path in store.uploads.rglob("*") if path.is_file()]


def _uids(file: bytes) -> tuple[str, str]:
    import io

    import pydicom

    d = pydicom.dcmread(io.BytesIO(file))
    return str(d.SOPClassUID), str(d.SOPInstanceUID)


def test_what_cannot_be_kept_is_refused_with_its_status(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver(store, MODEL)
    assert send(receiver, film(1), b"damaged") == 0xC000
    assert send(receiver, film(1), as_received(film(2))) == 0xA900
    full = Receiver(store, MODEL, keep_free=shutil.disk_usage(store.folder).total * 2)
    assert send(full, film(1)) == 0xA700

    def no_room(self: uploads.Receiving) -> uploads.Upload:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(uploads.Receiving, "settle", no_room)
        assert send(receiver, film(1)) == 0xA700
    with store.read() as c:
        assert c.execute(table.select()).all() == []
    assert not list(store.uploads.glob(".*"))
    assert send(receiver, film(1)) == 0


@pytest.mark.parametrize("harm", ["full", "away", "locked"])
def test_a_film_that_could_not_be_kept_is_taken_when_it_comes_again(
    store: Store, harm: str, tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 100)
    # Its connections are made now, and wait for no more than that.
    other, store = store, Store.connect(store.folder, url)
    receiver = Receiver(store, MODEL)
    with ExitStack() as trouble:
        if harm == "full":
            trouble.enter_context(full_disk(16))
        elif harm == "away":
            store.results.rename(tmp_path / "away")
        else:
            c = trouble.enter_context(other.begin())
            if url is not None:
                c.execute(text("LOCK TABLE received IN ACCESS EXCLUSIVE MODE"))
        assert send(receiver, film(1)) == 0xA700
    if harm == "away":
        (tmp_path / "away").rename(store.results)
    assert send(receiver, film(1)) == 0
    with store.read() as c:
        assert len(c.execute(table.select()).all()) == 1
    store.close()


def test_no_value_of_a_header_is_logged(
    store: Store, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = Receiver(store, MODEL)
    planted = {"PatientID": "planted-id", "StudyDescription": "planted text"}
    for one in (film(1, **planted), film(2, ViewPosition="LL", **planted), film(1, Rows=1)):
        send(receiver, one)
    send(receiver, film(3), as_received(film(4)))
    assert caplog.records
    assert "planted" not in caplog.text.lower()
