"""Write a model folder's reference outputs: python tools/make_golden.py MODEL_FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.inference import RUNTIMES
from infmap.workflows.reference import write_golden

if __name__ == "__main__":
    write_golden(Path(sys.argv[1]), tuple(RUNTIMES))
