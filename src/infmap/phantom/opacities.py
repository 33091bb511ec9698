"""Opacities as soft clouds that meet the share of each zone asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infmap.core.types import ZONES, BoolImage
from infmap.core.zones import LungZones, brixia_zones
from infmap.phantom.anatomy import Anatomy
from infmap.phantom.fields import Plane, blur_matrix, fractal
from infmap.phantom.film import Opacity

INFECTED = 0.30
"""A pixel is infected where opacities add at least this to the line integral."""

FAINTEST, DENSEST = 0.80, 1.90
"""Added line integral in the core of an opacity of density 0 (ground glass) and 1 (white)."""


def drawn(count: int, rng: np.random.Generator) -> list[Opacity]:
    """Opacities in ``count`` different zones, the bases more often than the apices."""
    if not 0 <= count <= len(ZONES):
        raise ValueError(f"expected 0 to {len(ZONES)} opacities, got {count}")
    # COVID-19 favours the bases (Wong et al. 2020): 1 to 2 to 3 is by hand.
    often = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    picked = rng.choice(len(ZONES), size=count, replace=False, p=often / often.sum())
    return [
        Opacity(ZONES[i], float(rng.uniform(0.15, 0.7)), float(rng.uniform(0.1, 0.9)))
        for i in sorted(picked)
    ]


def added_by(body: Anatomy, opacities: Sequence[Opacity], rng: np.random.Generator) -> Plane:
    """Float32 (H, W): line integral that the opacities add, 0 where no lung is aerated."""
    added = np.zeros((body.size, body.size), dtype=np.float32)
    cloud = fractal(rng, body.size, 6, 4)
    # Cells across the film: 6 for the shape of a cloud, 40 for its grain.
    mottle = fractal(rng, body.size, 40, 2)
    asked = {o.zone: o for o in opacities if o.extent > 0}
    zones = brixia_zones(body.right | body.left)
    for names, lung, half in (("ABC", body.right, body.x <= 0), ("DEF", body.left, body.x > 0)):
        mine = [asked[z] for z in names if z in asked]
        if mine:
            one = _cloud(lung, zones, names, mine, cloud + _periphery(body, lung))
            added += np.where(half, one, 0.0)
    grain = 1.0 + 0.08 * np.clip(mottle, -2.0, 2.0) * np.minimum(added, 1.0)
    # The edge of a lung fades over a 70th of the film, so that the truth has no razor's edge.
    blur = blur_matrix(body.size, body.size / 70)
    field = blur @ (body.right | body.left).astype(np.float32) @ blur.T
    reach = np.minimum(2.2 * field, 1.0) * np.minimum(body.air / 2.0, 1.0)
    return np.asarray(added * grain * reach, dtype=np.float32)


def _periphery(body: Anatomy, lung: BoolImage) -> Plane:
    """Float32 (H, W): 0 at the hilum to 2.2 at the lung's outer wall."""
    aside = np.abs(body.x)
    outer = np.where(lung, aside, 0.0).max(axis=1, keepdims=True)
    return np.asarray(2.2 * np.exp(-np.maximum(outer - aside, 0.0) / 4.5), dtype=np.float32)


def _cloud(
    lung: BoolImage,
    zones: LungZones,
    names: str,
    asked: Sequence[Opacity],
    field: Plane,
) -> Plane:
    """Added line integral of one lung's opacities.

    A zone's share is met by the quantile of the field at which the sigmoid passes ``INFECTED``;
    cuts and densities blend across the border of two infected zones.
    """
    size = lung.shape[0]
    rows = np.flatnonzero(lung.any(axis=1))
    planes = {z: zones.plane(z) & lung for z in names}
    cuts = np.linspace(rows[0], rows[-1] + 1, len(names) + 1)
    zone_of = np.clip(np.searchsorted(cuts, np.arange(size), side="right") - 1, 0, len(names) - 1)
    present = np.array([any(o.zone == z for o in asked) for z in names])
    matrix = blur_matrix(size, size / 40)
    # Fades towards a clear zone, so that no straight border shows.
    clear = matrix @ (~present[zone_of]).astype(np.float32)
    # 5 deviations: enough to keep a cloud out of a clear zone, whatever the noise.
    field = field - 5.0 * clear[:, None]
    level = np.full(len(names), 0.0)
    peak = np.full(len(names), 0.0)
    for o in asked:
        peak[names.index(o.zone)] = FAINTEST + (DENSEST - FAINTEST) * o.density
    weight = matrix @ present[zone_of].astype(np.float32) + 1e-6
    # Neighbouring zones share their border, so each cut moves the other's share: four rounds settle
    # it.
    for _ in range(4):
        cut = matrix @ (level * present)[zone_of].astype(np.float32) / weight
        for o in asked:
            here = (field - cut[:, None])[planes[o.zone]]
            if here.size:
                level[names.index(o.zone)] += float(np.quantile(here, 1.0 - o.extent))
    cut = matrix @ (level * present)[zone_of].astype(np.float32) / weight
    core = (matrix @ (peak * present)[zone_of].astype(np.float32) / weight)[:, None]
    # The sigmoid below reaches INFECTED at half of its height or lower, so its foot is always
    # there.
    core = np.maximum(core, 2 * INFECTED)
    offset = np.log(INFECTED / (core - INFECTED))
    amount = core / (1.0 + np.exp(-np.clip(4.4 * (field - cut[:, None]) + offset, -30, 30)))
    return np.asarray(amount, dtype=np.float32)
