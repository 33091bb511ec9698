"""Write a model folder's reference outputs: python tools/make_golden.py MODEL_FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infmap.api import load
from infmap.cli.doctor import GOLDEN, reference_figures
from infmap.inference import RUNTIMES

folder = Path(sys.argv[1])
figures = {name: reference_figures(load(folder, runtime=name)) for name in RUNTIMES}
text = json.dumps(figures, indent=2)
(folder / GOLDEN).write_text(text + "\n", encoding="utf-8")
