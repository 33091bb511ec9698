"""Make the model folder that the package ships from a trained one; see docs/release.md.

    python tools/release_model.py TRAINED --card CARD.md -o src/infmap/weights/NAME

Writes the deployed network, the weights, the ONNX graph, the list of training images, the card, the
manifest with checksums, and the reference outputs of both runtimes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infmap.core.errors import InfmapError
from infmap.inference import RUNTIMES
from infmap.training.release import release
from infmap.workflows.reference import write_golden


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("trained", type=Path)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder to be")
    given = parser.parse_args()
    try:
        manifest = release(given.trained, given.out, given.card)
        write_golden(given.out, tuple(RUNTIMES))
    except InfmapError as error:
        sys.stderr.write(f"release_model: {error}\n")
        return 2
    size = sum(file.stat().st_size for file in given.out.iterdir())
    print(f"{manifest.label}: {size / 2**20:.1f} MiB in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
