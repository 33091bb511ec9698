"""Write a model folder's reference outputs: python tools/make_golden.py MODEL_FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infmap.api import load
from infmap.cli.doctor import GOLDEN, reference_figures

folder = Path(sys.argv[1])
text = json.dumps(reference_figures(load(folder, runtime="onnxruntime")), indent=2)
(folder / GOLDEN).write_text(text + "\n", encoding="utf-8")
