"""Write a model folder's reference outputs: python tools/make_golden.py MODEL_FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infmap.api import load
from infmap.inference import RUNTIMES
from infmap.workflows.doctor import GOLDEN, reference_figures


def write_golden(folder: Path) -> None:
    """Write what each runtime says of the rendered films that ``infmap doctor`` reads."""
    figures = {name: reference_figures(load(folder, runtime=name)) for name in RUNTIMES}
    text = json.dumps(figures, indent=2)
    (folder / GOLDEN).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden(Path(sys.argv[1]))
