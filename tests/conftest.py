"""What all tests share."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real films, or skip."""
    folder = Path(os.environ.get("INFMAP_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real films: {folder} does not exist; set INFMAP_DATA")
    return folder


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same global random state before every test, torch's where it is in use."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
