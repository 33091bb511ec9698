"""Tests of `infmap.report.pdf`."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infmap.core.types import Prediction, Radiograph, Severity
from infmap.report.pdf import film_pdf, rows

pytest.importorskip("reportlab")

ZERO = np.zeros((40, 60), np.float32)
FILM = Prediction(
    infection=ZERO,
    opacity=ZERO,
    lungs=ZERO > 0,
    infected=ZERO > 0,
    opaque=ZERO > 0,
    covid_probability=0.02,
    covid_detected=False,
    infected_fraction=0.0,
    infected_fraction_right=0.0,
    infected_fraction_left=0.0,
    opacity_fraction=0.3,
    opacity_fraction_right=0.4,
    opacity_fraction_left=math.nan,
    zones={"A": 0.0, "B": math.nan},
    severity=Severity("moderate", 3.0, (2.0, 4.5)),
    quality={},
    warnings=(),
    model="m@1",
    radiograph=Radiograph(ZERO, "jane.png"),
)


def test_the_same_film_gives_the_same_file() -> None:
    first = film_pdf(FILM, ["Research use only."])
    assert first.startswith(b"%PDF-") and film_pdf(FILM, ["Research use only."]) == first
    assert film_pdf(replace(FILM, covid_probability=0.9), ["Research use only."]) != first


def test_figures_are_named_and_unknown_ones_are_a_dash() -> None:
    found = dict(rows(FILM))
    assert found["COVID-19"] == "not detected, probability 0.02"
    assert re.fullmatch(
        r"30.% of lung area \(right 40.%, left –\)", found["Lung opacity, whatever its cause"]
    )
    assert found["The same by zone"].endswith("B –")


def test_every_page_says_what_it_is_for(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: apt-get install poppler-utils")
    sentences = ["<b>Signs & 小東 are printed as text.", *["A long report."] * 60]
    (tmp_path / "a.pdf").write_bytes(film_pdf(FILM, sentences))
    done = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "a.pdf"), "-"], capture_output=True, check=True
    )
    pages = done.stdout.decode().split("\f")[:-1]
    assert len(pages) > 1 and all("RESEARCH USE ONLY" in page for page in pages)
    assert "<b>Signs & " in pages[0] + pages[1] and "jane" not in "".join(pages)
