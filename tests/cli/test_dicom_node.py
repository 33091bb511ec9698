"""``infmap dicom listen`` and ``queue``; tests/node/test_quick_start.py runs a whole node."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("sqlalchemy")
pytest.importorskip("yaml")

from infmap.cli import dicom_node
from infmap.node import outbox
from infmap.serve.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402

RULES = "destinations: {pacs: {dicom: 'A@h:104'}}\nroutes: [{to: [pacs]}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A server with an object in each state."""
    store = Store.open(tmp_path / "server")
    with store.begin() as c:
        outbox.plan(c, "film", [("pacs", "seg"), ("pacs", "sr"), ("pacs", "pdf")])
        seg, sr = (next(e for e in outbox.every(c) if e.kind == kind) for kind in ("seg", "sr"))
        outbox.begin(c, seg.id, "1.2.3")
        outbox.done(c, seg.id, 0)
        outbox.bury(c, sr.id, 0xC000, "failed (status C000)")
    store.close()
    return tmp_path / "server"


def listed(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict]:
    assert call("dicom", "queue", "list", "--json", "--folder", folder, *options) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_queue_is_seen_tried_again_and_dropped(folder: Path, capsys) -> None:
    assert len(listed(folder, capsys)) == 3
    (dead,) = listed(folder, capsys, "--state", "dead")
    assert (dead["status"], dead["kind"]) == ("C000", "sr")
    assert call("dicom", "queue", "list", "--folder", folder) == 0
    text = capsys.readouterr().out
    assert "1 waiting, 0 stored, 1 sent, 1 dead" in text and "failed (status C000)" in text
    assert call("dicom", "queue", "retry", dead["id"], "--folder", folder) == 0
    assert "1 objects are tried again" in capsys.readouterr().out
    assert listed(folder, capsys, "--state", "dead") == []
    assert call("dicom", "queue", "drop", dead["id"], "--folder", folder) == 0
    assert "1 objects dropped" in capsys.readouterr().out
    assert call("dicom", "queue", "retry", "--all", "--folder", folder) == 0
    capsys.readouterr()
    assert len(listed(folder, capsys)) == 2


def test_wrong_use_is_one_line(folder: Path, tmp_path: Path, capsys) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    for words, message in (
        (("queue", "list", "--folder", tmp_path / "none"), "--folder"),
        (("queue", "list", "--folder", folder, "--state", "lost"), "--state"),
        (("queue", "retry", "--folder", folder), "--all"),
        (("queue", "drop", "--folder", folder), "identifiers"),
        (("listen", "--rules", tmp_path / "none.yaml"), "cannot be read"),
        (("listen", "--rules", rules, "--key", rules), "--certificate"),
        (("listen", "--rules", rules, "--model", "nonsense"), "nonsense"),
    ):
        assert call("dicom", *words) == 2, words
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1, error


def test_warnings_that_quote_a_peer_are_not_printed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dicom_node._silence()
        warnings.warn("Invalid value for VR UI: 'Doe^John'", stacklevel=1)
