"""A synthetic frontal chest film with known lungs and known infection.

Every organ is an analytic solid whose span along the beam is known for each pixel; parallel beams
run along z. The line integral of attenuation follows by adding and replacing spans, the film by
Beer and Lambert's law, scatter, quantum noise, the logarithm and a grey-level curve. Lengths are in
centimetres on a 40 x 40 cm detector: x to image right (the patient's left), y down, z towards the
detector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infmap.phantom.anatomy import Anatomy, habitus
from infmap.phantom.exposure import expose, mark
from infmap.phantom.fields import fractal
from infmap.phantom.film import Opacity, PhantomFilm
from infmap.phantom.opacities import INFECTED, added_by, drawn
from infmap.phantom.vessels import vessels

__all__ = ["INFECTED", "Opacity", "PhantomFilm", "render", "sample_films"]


def render(seed: int, *, size: int = 512, opacities: Sequence[Opacity] | int = 0) -> PhantomFilm:
    """Render one film.

    Args:
        seed: 0 or more; draws habitus, vessels, texture and noise. The anatomy of a seed is the
            same at every size.
        size: side of the square film, 64 pixels or more.
        opacities: at most one a zone; or how many to draw from the seed, 0 to 6.

    Raises:
        ValueError: size below 64, a negative seed, two opacities in one zone, or more than six.
    """
    # 64: the gate's least side; ribs and vessels vanish below.
    if size < 64:
        raise ValueError(f"expected a size of 64 pixels or more, got {size}")
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    if isinstance(opacities, int):
        opacities = drawn(opacities, np.random.default_rng([seed, 5]))
    zones = [o.zone for o in opacities]
    if len(set(zones)) < len(zones):
        raise ValueError(f"expected at most one opacity a zone, got zones {', '.join(zones)}")
    # One generator for each part: adding an opacity leaves the anatomy and the noise as they were.
    patient = habitus(np.random.default_rng([seed, 0]))
    body = Anatomy(patient, size)
    integral = body.integral() + vessels(body, np.random.default_rng([seed, 1]))
    # Fine vessels that are not drawn: noise of 24 cells, at most 0.045 in the line integral, full
    # from 8 cm of aerated lung. Chosen by hand.
    texture = fractal(np.random.default_rng([seed, 2]), size, 24, 4)
    integral += 0.045 * texture * np.minimum(body.air, 8.0) / 8.0
    added = added_by(body, opacities, np.random.default_rng([seed, 3]))
    pixels = expose(integral + added, patient, np.random.default_rng([seed, 4]))
    mark(pixels)
    return PhantomFilm(
        pixels=pixels,
        lungs=body.right | body.left,
        right_lung=body.right,
        left_lung=body.left,
        infection=(added >= INFECTED) & (body.right | body.left),
        opacities=tuple(opacities),
    )


_SAMPLES: tuple[tuple[str, int, tuple[tuple[str, float, float], ...]], ...] = (
    ("healthy-1", 11, ()),
    ("healthy-2", 12, ()),
    ("healthy-3", 13, ()),
    ("mild-right-base", 14, (("C", 0.30, 0.40),)),
    ("moderate-bilateral-bases", 15, (("B", 0.30, 0.4), ("C", 0.55, 0.5), ("F", 0.50, 0.5))),
    (
        "severe-bilateral-peripheral",
        16,
        tuple(zip("ABCDEF", (0.3, 0.6, 0.8, 0.25, 0.6, 0.75), [0.55] * 6, strict=True)),
    ),
    ("consolidation-right-middle", 17, (("B", 0.65, 0.90), ("C", 0.25, 0.6))),
    ("ground-glass-left", 18, (("D", 0.30, 0.2), ("E", 0.55, 0.3), ("F", 0.45, 0.3))),
)


def sample_films() -> list[tuple[str, PhantomFilm]]:
    """Eight fixed films, (name, film), from healthy to severe."""
    return [
        (name, render(seed, opacities=[Opacity(*o) for o in asked]))
        for name, seed, asked in _SAMPLES
    ]
