"""The lungs of a film, by the shipped model: text is not blanked over them unseen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infmap.api import load
from infmap.core.errors import FilmError
from infmap.deidentify.candidates import Lungs


def shipped_lungs() -> Lungs:
    """What finds lungs; the model is loaded once, when it is first asked."""
    model = None

    def find(plane: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        nonlocal model
        model = model or load()
        try:
            return model.predict(plane).lungs
        except FilmError:  # a lateral film, a hand: nothing is known of lungs there
            return None

    return find
