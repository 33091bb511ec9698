"""The page's quick start, run as it is printed, on ports that are free.

The real model reads a phantom; all objects arrive in an Orthanc, by C-STORE and by STOW-RS, and the
segmentation's masks are those of the result, pixel for pixel.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")
pytest.importorskip("reportlab")
pytest.importorskip("sqlalchemy")
pytest.importorskip("yaml")

import highdicom as hd  # noqa: E402

from infmap.api import load  # noqa: E402
from infmap.dicom.network import DicomWeb  # noqa: E402
from infmap.dicom.write import write_dx  # noqa: E402
from infmap.node import outbox  # noqa: E402
from infmap.phantom import render  # noqa: E402
from infmap.serve.store import Store  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from orthanc import PLUGIN, Orthanc, free_port, started  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "node.md"
BLOCK = re.compile(r"^```(json|lua|yaml|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODALITIES = {"DX", "SEG", "SR", "OT", "PR", "DOC"}


def printed(ports: dict[str, int]) -> dict[str, list[str]]:
    """Blocks of the page by language, with free ports in the place of those printed."""
    text = PAGE.read_text(encoding="utf-8")
    for known, free in ports.items():
        text = re.sub(rf"\b{known}\b", str(free), text)
    blocks: dict[str, list[str]] = {}
    for language, block in BLOCK.findall(text):
        blocks.setdefault(language, []).append(block)
    return blocks


def infmap(line: str, folder: Path) -> subprocess.Popen[str]:
    words = [word if word != "infmap" else "infmap.cli.main" for word in shlex.split(line)]
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=folder, stdout=subprocess.PIPE, text=True
    )


def said(line: str, folder: Path) -> str:
    process = infmap(line, folder)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out


def sent_all(folder: Path, n: int) -> list[outbox.Entry]:
    """The outbox once all of it is sent."""
    store, ticks = Store.open(folder), threading.Event()
    try:
        for _ in range(1200):
            with store.read() as c:
                entries = outbox.every(c)
            assert all(entry.state != "dead" for entry in entries), entries
            if len(entries) == n and all(entry.state == "sent" for entry in entries):
                return entries
            ticks.wait(0.1)
        pytest.fail(f"not sent in time: {entries}")
    finally:
        store.close()


def test_a_hospital_with_orthanc(tmp_path: Path) -> None:
    if not PLUGIN.exists():
        pytest.skip("no Orthanc: apt-get install orthanc orthanc-dicomweb")
    ports = {str(port): free_port() for port in (8042, 4242, 11112)}
    blocks = printed(ports)
    (settings,), (rules,) = blocks["json"], blocks["yaml"]
    (tmp_path / "orthanc.json").write_text(settings)
    (tmp_path / "forward.lua").write_text(blocks["lua"][0])
    (tmp_path / "rules.yaml").write_text(rules)
    start, use = (block.splitlines() for block in blocks["sh"])
    pixels = np.round(render(15, size=512, opacities=3).pixels * 4095).astype(np.uint16)
    write_dx(tmp_path / "chest.dcm", pixels, spacing_mm=(0.7, 0.7), patient_id="PHANTOM")

    pacs = Orthanc(ports["8042"], ports["4242"])
    with started(pacs, tmp_path / "orthanc.json"):
        node = infmap(start[1], tmp_path)
        try:
            assert node.stdout is not None
            assert "research use only" in node.stdout.readline()
            assert "1 of 1 objects stored" in said(use[0], tmp_path)
            entries = sent_all(tmp_path / "infmap-server", 5)
            assert "5 sent" in said(use[1], tmp_path)
            assert "SEG" in said(use[2], tmp_path)
        finally:
            node.terminate()
            node.wait(60)
            assert node.stdout is not None
            node.stdout.close()
        assert {(e.destination, e.kind) for e in entries} == {
            ("pacs", "seg"), ("pacs", "sr"),
            ("archive", "sc"), ("archive", "gsps"), ("archive", "pdf"),
        }  # fmt: skip
        web = DicomWeb(pacs.url)
        found = {str(d.Modality): d for d in web.find({"PatientID": "PHANTOM"})}
        assert set(found) == MODALITIES and pacs.instances() == len(MODALITIES)
        seg = found["SEG"]
        uids = (seg.StudyInstanceUID, seg.SeriesInstanceUID, seg.SOPInstanceUID)
        got = web.fetch(*map(str, uids))

    prediction = load().predict(tmp_path / "chest.dcm")
    frames = hd.seg.segread(
        io.BytesIO(_file(prediction.to_dicom_seg(tmp_path / "chest.dcm")))
    ).pixel_array
    stream = io.BytesIO()
    got.save_as(stream, enforce_file_format=True)
    np.testing.assert_array_equal(hd.seg.segread(io.BytesIO(stream.getvalue())).pixel_array, frames)
    assert frames[2:].any()


def _file(dataset: object) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)  # type: ignore[attr-defined]
    return stream.getvalue()
