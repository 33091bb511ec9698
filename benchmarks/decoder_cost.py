"""What decoding in a process of its own costs, against decoding in place, taken in turn.

python benchmarks/decoder_cost.py [--side 2048] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import imagecodecs
import numpy as np

from infmap.dicom.codecs import Job, decode
from infmap.dicom.decoder_pool import decode_apart
from infmap.phantom import render


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Print medians in milliseconds as JSON."""
    parser = argparse.ArgumentParser(description="cost of decoding in a process of its own")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    film = np.rint(render(0, size=given.side).pixels * 4095).astype(np.uint16)
    streams = {
        "JPEG 2000": bytes(imagecodecs.jpeg2k_encode(film, codecformat="J2K", reversible=True)),
        "JPEG-LS": bytes(imagecodecs.jpegls_encode(film)),
        "JPEG": bytes(imagecodecs.ljpeg_encode(film)),
    }
    found: dict[str, dict[str, float]] = {}
    for kind, stream in streams.items():
        job = Job(kind, film.size, *film.shape)
        first = seconds(lambda: decode_apart(job, stream, "a film", []))  # noqa: B023
        place, apart = [], []
        for _ in range(given.rounds):
            place.append(seconds(lambda: decode(job, stream)))  # noqa: B023
            apart.append(seconds(lambda: decode_apart(job, stream, "a film", [])))  # noqa: B023
        a, b = statistics.median(place), statistics.median(apart)
        found[kind] = {"first_ms": first * 1e3, "in_place_ms": a * 1e3, "apart_ms": b * 1e3}
        found[kind]["ratio"] = b / a
    print(json.dumps({k: {n: round(v, 2) for n, v in d.items()} for k, d in found.items()}))


if __name__ == "__main__":
    main()
