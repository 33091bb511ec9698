"""External validation of models that read every film twice: itself, and its mirror image.

    python benchmarks/second_reading.py SNAPSHOT A=MODEL B=MODEL -o FOLDER [--cache FOLDER]
                                        [--size 256]

As ``external.py score``, with the mean of both readings. The mirror image is read at --size network
pixels, and its maps are brought back to the size of the first. Everything that a manifest holds
beside the network is fitted again on the mean, on the films it was fitted on at training. The model
folders are left as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import external
import numpy as np
import openvino
import torch
import torch.nn.functional as F

from infmap.catalog.rows import Film
from infmap.core.errors import InfmapError
from infmap.inference.manifest import Manifest, read_manifest
from infmap.inference.postprocess import to_levels
from infmap.study.external import read_external
from infmap.training.calibration import Outputs, calibrate, read_outputs, unseen_readings
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films, join_films, load_films
from infmap.training.origins import training_films
from infmap.training.pack import find_pack
from infmap.training.parts import select_films
from infmap.training.snapshot import read_extents, read_rows


def mirrored(films: Films) -> Films:
    """Films with their images mirrored, their masks as they were."""
    return replace(films, images=np.ascontiguousarray(films.images[:, :, ::-1]))


class TwoReadings:
    """Reads films twice; operating points of each model folder are fitted at its first film.

    Args:
        size: side of the mirror image, network pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._networks: dict[Path, openvino.CompiledModel] = {}
        self._fitted: dict[Path, Manifest] = {}

    def __call__(
        self, folder: Path, snapshot: Path, members: Sequence[Film], cache: Path | None
    ) -> Iterator[tuple[Manifest, Outputs]]:
        """As ``external.read``."""
        if folder not in self._fitted:
            self._fitted[folder] = self._fit(folder, snapshot, cache)
        for manifest, first in external.read(folder, snapshot, members, cache):
            yield self._fitted[folder], self._mean(folder, manifest, first, cache)

    def _mean(
        self, folder: Path, manifest: Manifest, first: Outputs, cache: Path | None
    ) -> Outputs:
        turned = mirrored(first.films)
        if self._size == first.films.images.shape[-1]:
            second, _ = external.predicted(folder, manifest, turned, cache)
        else:
            second = self._small(folder, turned)
        maps = (first.maps.astype(np.float32) + second.maps[..., ::-1]) / 2.0
        logits = (first.logits + second.logits) / 2.0
        return Outputs(first.films, np.rint(maps).astype(np.uint8), logits)

    def _small(self, folder: Path, films: Films) -> Outputs:
        side = (self._size, self._size)
        if folder not in self._networks:
            core = openvino.Core()
            network = core.read_model(str(folder / "network.xml"))
            network.reshape([-1, 1, *side])
            self._networks[folder] = core.compile_model(network, "CPU")
        n, whole = len(films), films.images.shape[1:]
        maps, logits = np.zeros((n, 3, *whole), np.uint8), np.zeros((n, 3), np.float32)
        for start in range(0, n, 16):
            part = slice(start, start + 16)
            x = torch.from_numpy(films.images[part, None].astype(np.float32) / 255.0)
            small = F.interpolate(x, size=side, mode="bilinear", antialias=True)
            found = self._networks[folder]([small.numpy()])
            large = F.interpolate(torch.from_numpy(np.array(found[0])), size=whole, mode="bilinear")
            maps[part], logits[part] = to_levels(large.numpy()), found[1]
        return Outputs(films, maps, logits)

    def _fit(self, folder: Path, snapshot: Path, cache: Path | None) -> Manifest:
        """The manifest that ``infmap.training.run`` would write of both readings."""
        manifest = read_manifest(folder)
        config = TrainingConfig.model_validate(manifest.training.configuration)
        rows, resolve = read_rows(snapshot)
        extents, chosen = read_extents(snapshot), select_films(rows, config)
        more = unseen_readings(chosen, rows, training_films(folder), extents)
        spec = manifest.preprocessing
        pack = find_pack(snapshot, spec)
        val, others = (
            load_films(some, resolve, spec, config.lung_sources, pack=pack)
            for some in (chosen.validate, more)
        )
        films = join_films(val, others)
        both = self._mean(folder, manifest, read_outputs(folder, films), cache)
        return calibrate(manifest, both, np.arange(len(films)) < len(val), extents)


def main() -> int:
    """Run the command; 3 where a floor is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    external.score_arguments(parser)
    parser.add_argument("--size", type=int, default=256, help="side of the mirror image, pixels")
    parser.add_argument("--design", type=Path, default=external.DESIGN)
    given = parser.parse_args()
    try:
        return external.score(given, read_external(given.design), TwoReadings(given.size))
    except InfmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
