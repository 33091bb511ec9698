"""How often a mirrored film is warned, and a film that is not.

    python benchmarks/side.py ../shared/data

Every film is judged as it is and mirrored. The weights of ``infmap.inference.side`` were fitted on
COVID-QU-Ex Train and the COVID-19 Radiography Database; none of the films here is in either. Some
are mirrored by their publisher: they count as false warnings, and are printed to be looked at.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np

import infmap
from infmap.core.errors import FilmError
from infmap.inference.side import LIMIT

SOURCES = {
    "COVID-QU-Ex Val, normal": "covid-qu-ex/*/*/Val/Normal/images/*.png",
    "COVID-QU-Ex Val, other pneumonia": "covid-qu-ex/*/*/Val/Non-COVID/images/*.png",
    "COVID-QU-Ex Val, COVID-19": "covid-qu-ex/*/*/Val/COVID-19/images/*.png",
    "ChestX-ray14": "nih/**/*.jpg",
    "COVID-19 Image Data Collection": "cohen/images/*",
    "general-blockchain": "radiologist/images/*",
    "Kermany (children)": "kermany/**/*.jpeg",
    "COVID-CXNet": "covid-cxnet/*.*g",
}


def main() -> None:
    """Print a line a source and one over all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=1000, help="most films a source")
    given = parser.parse_args()
    model = infmap.load()
    total = np.zeros((2, 2), int)
    for source, pattern in SOURCES.items():
        files = sorted(given.data.glob(pattern))
        random.Random(0).shuffle(files)
        found = [assess(model, file) for file in files[: given.films]]
        counts = np.zeros((2, 2), int)
        for file, scores in zip(files, found):
            for mirrored, score in enumerate(scores):
                if score is not None:
                    counts[mirrored] += (1, score < LIMIT)
            if scores[0] is not None and scores[0] < LIMIT:
                print(f"  warned as it is: {file.relative_to(given.data)} ({scores[0]:.2f})")
        total += counts
        print(line(source, counts), flush=True)
    print(line("all", total))


def assess(model: infmap.Model, file: Path) -> list[float | None]:
    """Side score of a film as it is and mirrored; None where it is not judged."""
    from infmap.dicom import read_radiograph

    scores: list[float | None] = []
    try:
        pixels = read_radiograph(file).pixels
    except FilmError:
        return [None, None]
    for plane in (pixels, np.ascontiguousarray(pixels[:, ::-1])):
        try:
            scores.append(model.predict(plane).quality["side_score"])
        except FilmError:
            scores.append(None)
    return scores


def line(name: str, counts: np.ndarray) -> str:
    """Films judged and warned, as they are and mirrored."""
    (plain, false), (mirrored, warned) = counts.tolist()
    return (
        f"{name}: as they are {false} of {plain} warned ({false / max(plain, 1):.1%}), "
        f"mirrored {warned} of {mirrored} ({warned / max(mirrored, 1):.1%})"
    )


if __name__ == "__main__":
    main()
