"""Six films that every run shows its maps on, so that pages can set them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infmap.catalog.rows import Film
from infmap.inference.postprocess import to_levels
from infmap.study.activation import chosen_films, class_maps
from infmap.study.config import StudyConfig
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.training.dataset import INFECTION
from infmap.training.predict import predict_films

if TYPE_CHECKING:
    from infmap.study.scoring import Scorer

FILMS = 6
OUTSIDE = 2
"""Of the six, those of a source left out, where there are any."""


def example_films(held_out: Sequence[Film], external: Sequence[Film]) -> list[Film]:
    """Films with drawn infection, by hash and not by how well any run does on them."""
    outside = chosen_films([r for r in external if r["infection_mask"] and r["covid19"]], OUTSIDE)
    inside = chosen_films([r for r in held_out if r["infection_mask"] and r["covid19"]], FILMS)
    outside = outside[:OUTSIDE]
    return [*inside[: FILMS - len(outside)], *outside]


def write_examples(scorer: Scorer, study: StudyConfig, file: Path, *, classifier: bool) -> None:
    """Keep the films and the maps that a run makes of them, levels 0 to 255, network pixels.

    Of a segmentation network the map is its own ``infection``; of a classifier each method of the
    study has its own.
    """
    films = scorer.load(example_films(scorer.part(HELD_OUT), scorer.part(EXTERNAL)))
    if not len(films):
        return
    if classifier:
        maps = {
            name: to_levels(class_maps(scorer, study, films, name).values)
            for name in study.activation_maps
        }
    else:
        maps = {"infection": predict_films(scorer.network, films, scorer.config)[0][:, 0]}
    np.savez_compressed(
        file,
        sources=np.array([row["source"] for row in films.rows]),
        images=films.images,
        truth=(films.masks & INFECTION) > 0,
        names=np.array(list(maps)),
        maps=np.stack(list(maps.values())) if maps else np.zeros((0, *films.images.shape), "u1"),
    )
