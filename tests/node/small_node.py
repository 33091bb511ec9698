"""A node without a network of neurons: films and objects are small, and read at once.

What reads films here finishes each as a worker does, in the same transactions; what makes objects
makes small ones, with a UID of film and kind.
"""

from __future__ import annotations

import hashlib
import io
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from infmap.dicom.network import Sent
from infmap.dicom.uids import uid_from
from infmap.node.listening import Listening, file_of, listening
from infmap.node.receiving import Receiver
from infmap.node.rules import Rules
from infmap.serve import items, results
from infmap.serve.items import Claimed
from infmap.serve.results import Result
from infmap.serve.schema import models
from infmap.serve.store import Store
from infmap.web.database import new_id, now

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
CLASSES = {
    "seg": "1.2.840.10008.5.1.4.1.1.66.4",
    "sr": "1.2.840.10008.5.1.4.1.1.88.33",
    "sc": "1.2.840.10008.5.1.4.1.1.7",
    "gsps": "1.2.840.10008.5.1.4.1.1.11.1",
    "pdf": "1.2.840.10008.5.1.4.1.1.104.1",
}
MODEL = "lite"
SEVEN = hashlib.sha256(b"lite").hexdigest()


def encoded(dataset: Dataset) -> bytes:
    """A whole file, as a modality would write it."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def film(number: int, **elements: object) -> Dataset:
    """A film of four pixels; its UIDs are made of its number."""
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = DX, uid_from("film", str(number))
    d.StudyInstanceUID, d.SeriesInstanceUID = uid_from("study", str(number)), uid_from("series")
    d.PatientName, d.PatientID = "Planted^Name", f"planted-{number}"
    d.Modality, d.BodyPartExamined, d.ViewPosition = "DX", "CHEST", "PA"
    d.PresentationIntentType, d.Manufacturer = "FOR PRESENTATION", "Phantom"
    d.Rows = d.Columns = 2
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.BitsAllocated = d.BitsStored = 8
    d.HighBit, d.PixelRepresentation = 7, 0
    d.PixelData = number.to_bytes(4, "big")
    for keyword, value in elements.items():
        setattr(d, keyword, value)
    return d


def made(name: str, kind: str) -> bytes:
    """An object of a film: the same bytes each time."""
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = CLASSES[kind], uid_from("object", name, kind)
    d.StudyInstanceUID, d.SeriesInstanceUID = uid_from("result", name), uid_from(name, kind)
    d.PatientName, d.PatientID, d.Manufacturer = "Planted^Name", name, "infmap"
    d.Modality = {"seg": "SEG", "sr": "SR", "sc": "OT", "gsps": "PR", "pdf": "DOC"}[kind]
    return encoded(d)


def open_store(folder: Path, url: str | None = None) -> Store:
    """A server that knows the model."""
    store = Store.open(folder, url)
    with store.begin() as c:
        if not c.execute(models.select()).first():
            row = {"name": MODEL, "label": "lite@1", "sha256": SEVEN, "threshold": 0.5}
            c.execute(models.insert().values(registered=0, **row))
    return store


def read_all(store: Store, owner: str = "me", status: results.Status = "ok") -> int:
    """Finish what is queued; returns how many films that were."""
    with store.begin() as c:
        claimed = items.claim(c, owner, [MODEL], 100, now())
        items.finish(c, [(item, _result(store, item, status)) for item in claimed])
    return len(claimed)


def _result(store: Store, item: Claimed, status: results.Status) -> Result:
    name = results.film_id(store.key, item.sha256, SEVEN, 0.5, False)
    reason = None if status == "ok" else "lungs are cut off"
    return Result(
        name, item.sha256, SEVEN, 0.5, False, status, reason, None, None, 0.1, 0.2, 3.0, now()
    )


class Reader:
    """Reads films at once, in a thread, as ``Workers`` would."""

    def __init__(self, store: Store) -> None:
        self._store, self._owner = store, new_id()
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        with self._store.begin() as c:  # what a killed node had
            items.release(c, list(items.owners(c)))
        self._woken.set()
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self, grace: float) -> None:
        self._stopped = True
        self._woken.set()
        self._thread.join(grace)

    def _run(self) -> None:
        while self._woken.wait() and not self._stopped:
            self._woken.clear()
            while read_all(self._store, self._owner):
                pass


def rules_of(
    destinations: Mapping[str, Mapping[str, object]], kinds: Sequence[str] = tuple(CLASSES)
) -> Rules:
    """Everything to every destination."""
    route = {"to": list(destinations), "kinds": list(kinds)}
    return Rules.model_validate({"destinations": destinations, "routes": [route]})


class FakeRemote:
    """A destination in this process: what it was sent, and how it answers."""

    def __init__(self, answer: Callable[[str], int | None] = lambda uid: 0) -> None:
        self.answer = answer
        self.got: list[str] = []
        self.asked: list[str] = []

    def send(self, files: Sequence[bytes]) -> list[Sent]:
        import pydicom

        answers = []
        for file in files:
            uid = str(pydicom.dcmread(io.BytesIO(file)).SOPInstanceUID)
            status = self.answer(uid)
            if status == 0:
                self.got.append(uid)
            answers.append(Sent(uid, status, "" if status == 0 else "failed"))
        return answers

    def holds(self, study: str, series: str, uid: str) -> bool:
        self.asked.append(uid)
        return uid in self.got

    def find(self, keys: Mapping[str, str], level: str) -> list[Dataset]:
        raise NotImplementedError

    def get(self, keys: Mapping[str, str], level: str, keep: Callable[[bytes], None]) -> int:
        raise NotImplementedError


def as_received(dataset: Dataset) -> bytes:
    """The file that the node makes of a film that it is sent."""
    from pydicom.filewriter import write_dataset

    file = encoded(dataset)
    import pydicom

    whole = pydicom.dcmread(io.BytesIO(file))
    stream = pydicom.filebase.DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, whole)
    return file_of(
        str(whole.SOPClassUID), str(whole.SOPInstanceUID), EXPLICIT_LITTLE, stream.getvalue()
    )


@contextmanager
def listener(receiver: Receiver, **settings: object) -> Iterator[int]:
    """A listening node without sender; yields the port."""
    given = {"port": 0, "seconds": 20.0} | settings
    with listening(Listening(**given), receiver) as port:  # type: ignore[arg-type]
        yield port


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    """An empty server that knows the model, over SQLite and over PostgreSQL."""
    store = open_store(tmp_path / "server", url)
    yield store
    store.close()
