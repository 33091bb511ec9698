"""External validation of models that read a film at several sizes, and its mirror image.

    python benchmarks/readings.py SNAPSHOT A=MODEL B=MODEL -o FOLDER [--cache FOLDER]
                                  [--readings 256 192m]

As ``external.py score``, with the mean of all readings: the side of the network's input in pixels,
with an m where the mirror image is read. Maps are brought back to the size of the packed films.
Everything that a manifest holds beside the network is fitted again on the mean, on the films it was
fitted on at training. The model folders are left as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
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
from infmap.training.calibration import Outputs, calibrate, unseen_readings
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films, join_films, load_films
from infmap.training.origins import training_films
from infmap.training.pack import find_pack
from infmap.training.parts import select_films
from infmap.training.snapshot import read_extents, read_rows


@dataclass(frozen=True)
class Reading:
    """A film read once.

    Attributes:
        side: of the network's input, pixels.
        mirror: whether the mirror image is read.
    """

    side: int
    mirror: bool

    @classmethod
    def of(cls, text: str) -> Reading:
        """Of 192 or 192m; ValueError for anything else."""
        return cls(int(text.removesuffix("m")), text.endswith("m"))


def mirrored(films: Films) -> Films:
    """Films with their images mirrored, their masks as they were."""
    return replace(films, images=np.ascontiguousarray(films.images[:, :, ::-1]))


@lru_cache
def network_at(folder: Path, side: int) -> openvino.CompiledModel:
    """A model folder's network for films of side x side pixels."""
    core = openvino.Core()
    model = core.read_model(str(folder / "network.xml"))
    model.reshape([-1, 1, side, side])
    return core.compile_model(model, "CPU")


def read_at(side: int, folder: Path, films: Films) -> Outputs:
    """Run a model folder's network on films of side x side pixels, and bring its maps back."""
    network, whole = network_at(folder, side), films.images.shape[1:]
    maps = np.zeros((len(films), 3, *whole), np.uint8)
    logits = np.zeros((len(films), 3), np.float32)
    for start in range(0, len(films), 16):
        part = slice(start, start + 16)
        x = torch.from_numpy(films.images[part, None].astype(np.float32) / 255.0)
        small = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
        found = network([small.numpy()])
        large = F.interpolate(torch.from_numpy(np.array(found[0])), size=whole, mode="bilinear")
        maps[part], logits[part] = to_levels(large.numpy()), found[1]
    return Outputs(films, maps, logits)


class Mean:
    """Reads films several times; fits each model folder's operating points at its first film."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        self._fitted: dict[Path, Manifest] = {}

    def __call__(
        self, folder: Path, snapshot: Path, members: Sequence[Film], cache: Path | None
    ) -> Iterator[tuple[Manifest, Outputs]]:
        """As ``external.read``."""
        if folder not in self._fitted:
            self._fitted[folder] = self._fit(folder, snapshot, cache)
        for manifest, films in external.films_of(folder, snapshot, members):
            yield self._fitted[folder], self.read(folder, manifest, films, cache)

    def read(self, folder: Path, manifest: Manifest, films: Films, cache: Path | None) -> Outputs:
        """The mean of all readings, in pixels of ``films``."""
        shape = (len(films), 3, *films.images.shape[1:])
        maps, logits = np.zeros(shape, np.float32), np.zeros((len(films), 3), np.float32)
        for reading in self._readings:
            given = mirrored(films) if reading.mirror else films
            if reading.side == films.images.shape[-1]:
                found = external.predicted(folder, manifest, given, cache)
            else:
                network = partial(read_at, reading.side)
                found = external.predicted(folder, manifest, given, cache, network, reading.side)
            maps += found.maps[..., ::-1] if reading.mirror else found.maps
            logits += found.logits
        n = len(self._readings)
        return Outputs(films, np.rint(maps / n).astype(np.uint8), logits / n)

    def _fit(self, folder: Path, snapshot: Path, cache: Path | None) -> Manifest:
        """The manifest that ``infmap.training.run`` would write of the mean."""
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
        mean = self.read(folder, manifest, films, cache)
        return calibrate(manifest, mean, np.arange(len(films)) < len(val), extents)


def main() -> int:
    """Run the command; 3 where a floor is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    external.score_arguments(parser)
    parser.add_argument(
        "--readings", type=Reading.of, nargs="+", default=[Reading(256, False), Reading(256, True)]
    )
    parser.add_argument("--design", type=Path, default=external.DESIGN)
    given = parser.parse_args()
    try:
        return external.score(given, read_external(given.design), Mean(given.readings))
    except InfmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
