"""The Python examples of the pages run as they are printed, on rendered films."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.dicom.write import write_dx
from infmap.phantom import render

ROOT = Path(__file__).parents[1]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The films that the examples name, in the working directory."""
    monkeypatch.chdir(tmp_path)
    pixels = render(15, size=256, opacities=3).pixels
    grey = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    Path("films").mkdir()
    for name in ("chest.png", "films/a.png", "films/b.png"):
        grey.save(name)
    twelve_bits = np.round(pixels * 4095).astype(np.uint16)
    write_dx(Path("chest.dcm"), twelve_bits, spacing_mm=(1.4, 1.4), patient_id="PHANTOM")


@pytest.mark.parametrize("page", ["README.md", "docs/predict.md", "docs/report.md"])
@pytest.mark.usefixtures("films")
def test_the_examples_of_a_page_run(page: str) -> None:
    if "to_dicom" in (text := (ROOT / page).read_text(encoding="utf-8")):
        pytest.importorskip("highdicom")
    blocks = PYTHON.findall(text)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_readme_saves_the_overlay_it_promises(films: None) -> None:
    (block,) = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    exec(compile(block, "README.md", "exec"), {})
    with Image.open("overlay.png") as overlay:
        assert overlay.size == (256, 256)
