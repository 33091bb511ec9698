"""A synthetic frontal chest film with known lungs and known infection.

Every organ is an analytic solid whose span along the beam is known for each pixel; parallel beams
run along z. The line integral of attenuation follows by adding and replacing spans, the film by
Beer and Lambert's law, scatter, quantum noise, the logarithm and a tone curve. Lengths are in
centimetres on a 40 x 40 cm detector: x to image right (the patient's left), y down, z towards the
detector.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import ZONES, BoolImage, Float32Image
from infmap.core.zones import LungZones, brixia_zones

Plane = NDArray[np.float32]
Span = tuple[Plane, Plane]

FIELD = 40.0
"""Side of the detector, cm."""

SOFT, AERATED, BONE = 0.17, 0.036, 0.22
"""Attenuation, 1/cm, at chest energies: soft tissue, aerated lung; bone on top of soft tissue."""

INFECTED = 0.15
"""A pixel is infected where opacities add at least this to the line integral."""

FAINTEST, DENSEST = 0.45, 1.80
"""Added line integral in the core of an opacity of density 0 (ground glass) and 1 (white)."""

SCATTER = 0.5
"""Scattered over primary signal, averaged over the film."""

PHOTONS = 12000.0
"""Quanta per 0.08 cm pixel in the open beam; the noise of a bedside film."""

LETTER_R = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")


@dataclass(frozen=True)
class Opacity:
    """One airspace opacity.

    Attributes:
        zone: "A" to "F" (Brixia): A to C the patient's right lung, apex to base; D to F the left.
        extent: share of the zone that is infected, [0, 1].
        density: 0 for ground glass to 1 for consolidation.

    Raises:
        ValueError: unknown zone, or a share outside [0, 1].
    """

    zone: str
    extent: float
    density: float

    def __post_init__(self) -> None:
        if self.zone not in ZONES:
            raise ValueError(f"expected a zone of {', '.join(ZONES)}, got {self.zone!r}")
        for name, value in (("extent", self.extent), ("density", self.density)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"expected {name} in [0, 1], got {value!r}")


@dataclass(frozen=True, eq=False)
class PhantomFilm:
    """A rendered film and its truth. All planes are in film pixels, (row, column).

    Attributes:
        pixels: float32 (H, W), [0, 1], air dark, frontal PA, patient's right at image left.
        lungs: bool (H, W), lung fields above the diaphragm, beside heart and mediastinum.
        right_lung: bool (H, W), the patient's right lung.
        left_lung: bool (H, W), the patient's left lung.
        infection: bool (H, W), inside the lungs, added line integral of ``INFECTED`` or more.
        opacities: what was asked for.
    """

    pixels: Float32Image
    lungs: BoolImage
    right_lung: BoolImage
    left_lung: BoolImage
    infection: BoolImage
    opacities: tuple[Opacity, ...]


@dataclass(frozen=True)
class _Habitus:
    """Proportions of one patient, cm unless said otherwise."""

    scale: tuple[float, float]
    shift: tuple[float, float]
    girth: float
    apex: float
    dome: tuple[float, float]
    vault: float
    thorax: float
    heart: float
    tilt: float
    bone: float
    breast: float
    gas: float
    lift: tuple[float, float]
    level: float


def render(seed: int, *, size: int = 512, opacities: Sequence[Opacity] = ()) -> PhantomFilm:
    """Render one film.

    Args:
        seed: 0 or more; draws habitus, vessels, texture and noise. The anatomy of a seed is the
            same at every size.
        size: side of the square film, 64 pixels or more.
        opacities: at most one a zone.

    Raises:
        ValueError: size below 64, a negative seed, or two opacities in one zone.
    """
    if size < 64:
        raise ValueError(f"expected a size of 64 pixels or more, got {size}")
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    zones = [o.zone for o in opacities]
    if len(set(zones)) < len(zones):
        raise ValueError(f"expected at most one opacity a zone, got zones {', '.join(zones)}")
    patient = _habitus(np.random.default_rng([seed, 0]))
    body = _Anatomy(patient, size)
    integral = body.integral() + _vessels(body, np.random.default_rng([seed, 1]))
    texture = _fractal(np.random.default_rng([seed, 2]), size, 24, 4)
    integral += 0.035 * texture * np.minimum(body.air, 8.0) / 8.0
    added = _added(body, opacities, np.random.default_rng([seed, 3]))
    pixels = _expose(integral + added, patient, np.random.default_rng([seed, 4]))
    _mark(pixels)
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
        22,
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


def _habitus(rng: np.random.Generator) -> _Habitus:
    def around(middle: float, spread: float) -> float:
        return middle + spread * float(rng.uniform(-1.0, 1.0))

    dome = around(27.6, 1.2)
    return _Habitus(
        scale=(around(1.08, 0.05), around(1.06, 0.04)),
        shift=(around(0.0, 0.6), around(0.2, 0.7)),
        girth=around(1.0, 0.07),
        apex=around(5.4, 0.5),
        dome=(dome, dome + around(1.1, 0.4)),
        vault=around(5.6, 0.8),
        thorax=around(13.6, 0.5),
        heart=around(1.0, 0.09),
        tilt=around(0.62, 0.12),
        bone=around(1.0, 0.2),
        breast=max(0.0, around(0.5, 1.5)),
        gas=around(0.8, 0.6),
        lift=(around(0.0, 0.6), around(0.0, 0.6)),
        level=around(0.0, 0.06),
    )


def _root(value: NDArray[np.floating[Any]], power: float) -> Plane:
    return np.asarray(np.maximum(value, 0.0) ** np.float32(1.0 / power), dtype=np.float32)


def _overlap(one: Span, other: Span) -> Plane:
    return np.asarray(
        np.maximum(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0.0),
        dtype=np.float32,
    )


class _Anatomy:
    """Spans of the solids on the pixel grid, and the lung fields that they leave.

    Attributes:
        x, y: float32 (1, W) and (H, 1), cm, of the pixel centres in the patient's frame.
        air: float32 (H, W), cm of aerated lung under a pixel.
        right, left: bool (H, W), lung fields.
    """

    def __init__(self, patient: _Habitus, size: int) -> None:
        self.patient, self.size = patient, size
        centre = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(FIELD / size)
        self.x = ((centre - FIELD / 2 - patient.shift[0]) / patient.scale[0])[None, :]
        self.y = ((centre - FIELD / 2 - patient.shift[1]) / patient.scale[1] + FIELD / 2)[:, None]
        self.pitch = (FIELD / size / patient.scale[0], FIELD / size / patient.scale[1])
        self.solids = list(self._mediastinum())
        fields, chords = [], []
        for side in (-1, 1):
            field, chord = self._lung(side)
            fields.append(field)
            chords.append(chord)
        self.air = chords[0] + chords[1]
        self.right, self.left = fields

    def ellipsoid(
        self, at: tuple[float, float, float], radii: tuple[float, float, float], turn: float = 0.0
    ) -> Span:
        """(near, far) of an ellipsoid, turned by ``turn`` radians in the film's plane."""
        dx, dy = self.x - at[0], self.y - at[1]
        c, s = math.cos(turn), math.sin(turn)
        u, v = (c * dx + s * dy) / radii[0], (c * dy - s * dx) / radii[1]
        half = radii[2] * _root(1.0 - u * u - v * v, 2.0)
        return at[2] - half, at[2] + half

    def _lung(self, side: int) -> tuple[BoolImage, Plane]:
        p = self.patient
        x, y = self.x * side, self.y
        top, widest, dome = p.apex, 29.0, p.dome[side > 0]
        rise = np.clip((widest - y) / (widest - top), 0.0, 1.0)
        full = np.where(y > top, 1.0, 0.0)
        outer = 5.2 + (p.thorax - 5.2) * _root(1.0 - rise**2.6, 2.3) * full
        inner = 5.2 - 4.0 * _root(1.0 - rise**9, 2.0) * full
        middle, half = (outer + inner) / 2, np.maximum((outer - inner) / 2, 1e-3)
        deep = 8.6 * _root(1.0 - rise**3, 2.2)
        offset = (x - middle) / half
        # The mediastinal face is rounder than the chest wall.
        chord = deep * _root(1.0 - np.abs(offset) ** np.where(offset > 0, 3.2, 2.2), 2.2)
        floor = np.clip((dome + 0.82 * p.vault - y) / 0.8, 0.0, 1.0)
        chord = chord * floor
        span = (-1.0 - chord, -1.0 + chord)
        across = ((x - 7.2) / 7.3) ** 2
        below = np.clip((dome + p.vault - y) / p.vault, 0.0, 1.0) ** 2
        vault = 9.0 * _root(1.0 - across - below, 5.0)
        air = 2 * chord - _overlap(span, (-0.6 - vault, -0.6 + vault))
        taken = np.zeros_like(air)
        hidden = vault > 0.5
        for solid in self.solids:
            taken = np.maximum(taken, _overlap(span, solid))
            hidden |= solid[1] - solid[0] > 1.2
        visible = (chord > 0.9) & ~hidden & (self.x * side > 0)
        return visible, np.maximum(air - taken, 0.0)

    def _mediastinum(self) -> Iterator[Span]:
        p = self.patient
        k, drop = p.heart, p.dome[1] - 28.0
        yield self.ellipsoid((2.1, 24.2 + drop, 2.5), (7.4 * k, 5.2 * k, 5.0), p.tilt)
        yield self.ellipsoid((-0.9, 23.0 + drop, 1.5), (3.9 * k, 5.6 * k, 4.6))
        yield self.ellipsoid((2.0, 18.6 + drop, 2.0), (2.5, 4.6, 3.5), -0.15)
        yield self.ellipsoid((1.6, 13.4, -1.0), (2.3, 2.1, 3.2))
        yield self.ellipsoid((-1.6, 14.6, 1.5), (2.0, 7.5, 2.8))
        yield self.ellipsoid((0.2, 9.0, 0.0), (2.9, 12.0, 4.6))
        yield self.ellipsoid((0.2, 24.0, -1.5), (2.5, 17.0, 5.5))

    def integral(self) -> Plane:
        """Float32 (H, W), line integral of attenuation without vessels and opacities."""
        body = self._body()
        soft = body - self.air
        total = SOFT * np.maximum(soft, 0.0) + AERATED * self.air
        total -= SOFT * self._gas()
        bone = self._spine() + self._ribs() + self._girdle()
        total += BONE * self.patient.bone * bone * np.minimum(body / 4.0, 1.0)
        return np.asarray(np.maximum(total, 0.0), dtype=np.float32)

    def _body(self) -> Plane:
        p = self.patient
        rows = [-9.0, 1.5, 3.5, 5.5, 8.0, 12.0, 16.0, 20.0, 26.0, 49.0]
        wide = [5.6, 5.9, 7.5, 13.0, 19.5, 22.0, 20.5, 17.6, 16.6, 16.4]
        deep = [5.6, 5.8, 6.2, 7.0, 8.2, 9.6, 10.4, 10.7, 10.9, 11.4]
        y = self.y[:, 0]
        smooth = _blur_matrix(self.size, 0.9 / self.pitch[1])
        width = (smooth @ np.interp(y, rows, wide).astype(np.float32))[:, None] * p.girth
        depth = (smooth @ np.interp(y, rows, deep).astype(np.float32))[:, None] * p.girth
        body = 2 * depth * _root(1.0 - np.abs(self.x / width) ** 2.6, 2.3)
        for side in (-1, 1):
            near, far = self.ellipsoid((7.8 * side, 25.0, 9.0), (6.0, 5.5, p.breast))
            body += (far - near) * 0.5
        return np.asarray(body, dtype=np.float32)

    def _gas(self) -> Plane:
        p = self.patient
        tube = np.zeros((self.size, self.size), dtype=np.float32)
        self.draw(tube, [(0.0, -4.0, 0.0), (0.1, 8.0, 0.0), (-0.3, 15.0, 0.0)], 0.85)
        self.draw(tube, [(-0.3, 15.0, 0.0), (-2.2, 17.2, 0.0), (-3.8, 18.6, 0.0)], 0.6)
        self.draw(tube, [(-0.3, 15.0, 0.0), (2.4, 17.4, 0.0), (4.0, 18.4, 0.0)], 0.55)
        at = (6.0, p.dome[1] + 2.4, 0.0)
        near, far = self.ellipsoid(at, (1.5 + p.gas, 0.8 + 0.5 * p.gas, 1.2 + p.gas), 0.15)
        return np.asarray(tube + far - near, dtype=np.float32)

    def _spine(self) -> Plane:
        level = self.y / 2.35
        disc = 0.80 + 0.20 * np.tanh(6.0 * (np.abs(np.sin(np.pi * level)) - 0.22))
        half = 1.75 + 0.012 * self.y
        column = 1.25 * _root(1.0 - np.abs(self.x / half) ** 3, 1.7) * disc
        for y in np.arange(1.2, 44.0, 2.35):
            for x, size in ((-1.15, 0.38), (1.15, 0.38), (0.0, 0.32)):
                near, far = self._ball(column, (x, float(y) + (0.9 if x == 0 else 0.0)), size)
                column[near] += far
        return np.asarray(column, dtype=np.float32)

    def _ball(
        self, plane: Plane, at: tuple[float, float], radius: float
    ) -> tuple[tuple[slice, slice], Plane]:
        window = self._window(plane, at, at, radius)
        dx, dy = self.x[:, window[1]] - at[0], self.y[window[0]] - at[1]
        return window, 0.55 * _root(1.0 - (dx * dx + dy * dy / 2.2) / radius**2, 2.0)

    def _ribs(self) -> Plane:
        p = self.patient
        total = np.zeros((self.size, self.size), dtype=np.float32)
        angle = np.linspace(0.12, 1.0, 40) * math.radians(152)
        for k in range(10):
            start = p.apex + 1.5 + 2.42 * k
            rise = min(max((29.0 - start - 2.0) / (29.0 - p.apex), 0.0), 0.97)
            wide = 5.2 + (p.thorax + 0.15 - 5.2) * (1.0 - rise**2.6) ** (1 / 2.3)
            lean = 3.2 + 0.75 * min(k, 6)
            turn = angle if k < 8 else angle[: 28 - 3 * (k - 8)]
            round_ = np.sin(np.minimum(turn, math.pi / 2) * 0.97 + 0.05)
            out = np.where(turn > math.pi / 2, 0.36 + 0.64 * np.sin(turn), round_)
            fall = 1.5 * lean * (turn / math.pi) ** 1.4 - 0.9 * np.sin(
                np.minimum(2.2 * turn, math.pi)
            )
            for side in (-1, 1):
                path = np.stack([side * wide * out, start + fall, -9.0 * np.cos(turn)], axis=1)
                one = np.zeros_like(total)
                self.draw(one, path[:25], 0.62, shell=0.45)
                total += one
                one = np.zeros_like(total)
                self.draw(one, path[24:], 0.70, shell=0.50)
                total += 0.75 * one
        return total

    def _girdle(self) -> Plane:
        total = np.zeros((self.size, self.size), dtype=np.float32)
        for side, lift in zip((-1, 1), self.patient.lift, strict=True):
            high = self.patient.apex + 2.8 + lift
            along = [(1.9, 1.2), (4.0, 0.9), (7.0, 0.5), (10.0, -0.2), (13.0, -0.5), (15.8, -0.2)]
            bone = np.zeros_like(total)
            self.draw(bone, [(side * x, high + y, 0.0) for x, y in along], 0.72, shell=0.4)
            total += 1.15 * bone
            blade = [(16.2, 10.4), (15.2, 13.2), (13.9, 16.6), (13.2, 19.4)]
            bone = np.zeros_like(total)
            self.draw(bone, [(side * x, y, 0.0) for x, y in blade], 0.55, shell=0.4)
            self.draw(bone, [(side * 16.4, 10.4, 0.0), (side * 12.6, 11.0, 0.0)], 0.5, shell=0.4)
            near, far = self.ellipsoid((side * 18.4, 10.2, 0.0), (2.3, 2.4, 1.5))
            total += 0.8 * bone + 0.6 * (far - near)
        return total

    def _window(
        self, plane: Plane, one: Sequence[float], other: Sequence[float], radius: float
    ) -> tuple[slice, slice]:
        bounds = []
        for axis, first, count in ((1, self.y[0, 0], 0), (0, self.x[0, 0], 1)):
            low = min(one[axis], other[axis]) - radius
            high = max(one[axis], other[axis]) + radius
            pitch = self.pitch[axis]
            start = max(0, math.ceil((low - float(first)) / pitch))
            stop = min(plane.shape[count], math.floor((high - float(first)) / pitch) + 1)
            bounds.append(slice(start, max(start, stop)))
        return bounds[0], bounds[1]

    def draw(
        self,
        plane: Plane,
        path: Sequence[Sequence[float]] | NDArray[np.float64],
        radius: float,
        *,
        end: float | None = None,
        shell: float = 0.0,
    ) -> None:
        """Draw a tube into ``plane`` as its chord along the beam, cm; in place.

        Args:
            plane: float32 (H, W); keeps the larger of its value and the tube's chord.
            path: (x, y, z) points, cm.
            radius: at the first point, cm.
            end: radius at the last point; the same where None.
            shell: share of the chord that the marrow lacks, [0, 1].
        """
        points = [tuple(float(v) for v in q) for q in path]
        last = radius if end is None else end
        for i, (a, b) in enumerate(zip(points, points[1:], strict=False)):
            r = radius + (last - radius) * (i + 0.5) / (len(points) - 1)
            window = self._window(plane, a, b, r)
            if window[0].start >= window[0].stop or window[1].start >= window[1].stop:
                continue
            x, y = self.x[:, window[1]], self.y[window[0]]
            ux, uy = b[0] - a[0], b[1] - a[1]
            flat = max(ux * ux + uy * uy, 1e-6)
            t = np.clip(((x - a[0]) * ux + (y - a[1]) * uy) / flat, 0.0, 1.0)
            gap = ((x - a[0] - t * ux) ** 2 + (y - a[1] - t * uy) ** 2) / (r * r)
            slant = min(math.sqrt(1.0 + (b[2] - a[2]) ** 2 / flat), 1.5)
            chord = 2 * r * slant * _root(1.0 - gap, 2.0)
            if shell:
                chord -= 2 * r * slant * shell * _root(1.0 - gap / 0.56, 2.0)
            np.maximum(plane[window], chord, out=plane[window])


def _vessels(body: _Anatomy, rng: np.random.Generator) -> Plane:
    """Line integral that the pulmonary vessels add, branching from both hila."""
    plane = np.zeros((body.size, body.size), dtype=np.float32)
    for side in (-1, 1):
        hilum = (side * 4.3, 18.3 - 0.8 * (side > 0))
        for heading in np.linspace(-1.35, 1.45, 9) + rng.uniform(-0.1, 0.1, 9):
            _branch(body, plane, rng, side, hilum, float(heading), 0.50, 4)
        body.draw(plane, [(side * 4.2, 16.8, 0), (side * 4.7, 18.6, 0), (side * 4.9, 21.5, 0)], 0.8)
    return np.asarray(
        2.0 * (SOFT - AERATED) * np.minimum(plane, 2.0) * np.minimum(body.air / 3.0, 1.0),
        dtype=np.float32,
    )


def _branch(
    body: _Anatomy,
    plane: Plane,
    rng: np.random.Generator,
    side: int,
    start: tuple[float, float],
    heading: float,
    radius: float,
    depth: int,
) -> None:
    x, y = start
    path = [(x, y, 0.0)]
    for _ in range(3):
        heading += float(rng.normal(0.0, 0.11))
        step = float(rng.uniform(0.55, 1.0))
        x, y = x + side * step * math.cos(heading), y + 1.15 * step * math.sin(heading)
        path.append((x, y, 0.0))
    body.draw(plane, path, radius, end=radius * 0.8)
    if depth == 0:
        return
    spread = float(rng.uniform(0.2, 0.42))
    for turn, narrow in ((spread, 0.68), (-spread * float(rng.uniform(0.5, 1.2)), 0.74)):
        _branch(body, plane, rng, side, (x, y), heading + turn, radius * narrow, depth - 1)


def _blur_matrix(size: int, sigma: float) -> Plane:
    """Float32 (size, size): Gaussian blur along one axis, normalized at the borders."""
    at = np.arange(size, dtype=np.float32)
    weight = np.exp(-0.5 * ((at[:, None] - at[None, :]) / max(sigma, 0.3)) ** 2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)


def _fractal(rng: np.random.Generator, size: int, cells: int, octaves: int) -> Plane:
    """Float32 (size, size) fractal noise, mean 0, deviation 1; alike at every size."""
    total = np.zeros((size, size), dtype=np.float32)
    for k in range(octaves):
        count = cells * 2**k
        knots = rng.standard_normal((count + 3, count + 3)).astype(np.float32)
        at = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size * count + 1.0
        gap = np.abs(at - np.arange(count + 3, dtype=np.float32)[None, :])
        weight = np.where(gap < 1.5, np.cos(np.minimum(gap, 1.5) * math.pi / 3.0) ** 2, 0.0)
        weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        total += 0.55**k * (weight @ knots @ weight.T)
    return np.asarray((total - total.mean()) / total.std(), dtype=np.float32)


def _added(body: _Anatomy, opacities: Sequence[Opacity], rng: np.random.Generator) -> Plane:
    """Float32 (H, W): line integral that the opacities add, 0 where no lung is aerated."""
    added = np.zeros((body.size, body.size), dtype=np.float32)
    cloud = _fractal(rng, body.size, 7, 4)
    mottle = _fractal(rng, body.size, 40, 2)
    asked = {o.zone: o for o in opacities if o.extent > 0}
    zones = brixia_zones(body.right | body.left)
    for names, lung, half in (("ABC", body.right, body.x <= 0), ("DEF", body.left, body.x > 0)):
        mine = [asked[z] for z in names if z in asked]
        if mine:
            one = _cloud(lung, zones, names, mine, cloud + _periphery(body, lung))
            added += np.where(half, one, 0.0)
    grain = 1.0 + 0.08 * np.clip(mottle, -2.0, 2.0) * np.minimum(added, 1.0)
    blur = _blur_matrix(body.size, body.size / 70)
    field = blur @ (body.right | body.left).astype(np.float32) @ blur.T
    reach = np.minimum(2.2 * field, 1.0) * np.minimum(body.air / 2.0, 1.0)
    return np.asarray(added * grain * reach, dtype=np.float32)


def _periphery(body: _Anatomy, lung: BoolImage) -> Plane:
    """Float32 (H, W): 0 at the hilum to 2.8 at the lung's outer wall."""
    aside = np.abs(body.x)
    outer = np.where(lung, aside, 0.0).max(axis=1, keepdims=True)
    return np.asarray(2.8 * np.exp(-np.maximum(outer - aside, 0.0) / 3.2), dtype=np.float32)


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
    matrix = _blur_matrix(size, size / 40)
    # Fades towards a clear zone, so that no straight border shows.
    clear = matrix @ (~present[zone_of]).astype(np.float32)
    field = field - 5.0 * clear[:, None]
    level = np.full(len(names), 0.0)
    peak = np.full(len(names), 0.0)
    for o in asked:
        peak[names.index(o.zone)] = FAINTEST + (DENSEST - FAINTEST) * o.density
    weight = matrix @ present[zone_of].astype(np.float32) + 1e-6
    for _ in range(4):
        cut = matrix @ (level * present)[zone_of].astype(np.float32) / weight
        for o in asked:
            here = (field - cut[:, None])[planes[o.zone]]
            if here.size:
                level[names.index(o.zone)] += float(np.quantile(here, 1.0 - o.extent))
    cut = matrix @ (level * present)[zone_of].astype(np.float32) / weight
    core = (matrix @ (peak * present)[zone_of].astype(np.float32) / weight)[:, None]
    core = np.maximum(core, 2 * INFECTED)
    offset = np.log(INFECTED / (core - INFECTED))
    amount = core / (1.0 + np.exp(-np.clip(4.5 * (field - cut[:, None]) + offset, -30, 30)))
    return np.asarray(amount, dtype=np.float32)


def _expose(integral: Plane, patient: _Habitus, rng: np.random.Generator) -> Float32Image:
    """Line integrals to tones: float32 (H, W), [0, 1]."""
    size = integral.shape[0]
    focus = _blur_matrix(size, 0.0011 * size)
    primary = np.exp(-(focus @ integral @ focus.T))
    spread = _blur_matrix(size, 0.075 * size)
    capped = np.minimum(primary, 0.45)
    signal = primary + SCATTER * (spread @ capped @ spread.T) * 0.35
    noise = rng.standard_normal(signal.shape).astype(np.float32)
    quanta = PHOTONS * (512.0 / size) ** 2
    signal += np.sqrt(signal / quanta) * noise
    tone = -np.log(np.maximum(signal, 1e-4))
    low, high = np.percentile(tone, [1.0, 99.0])
    tone = np.clip((tone - low) / (high - low), 0.0, 1.08) / 1.08
    return np.asarray(np.clip(tone ** (1.0 + patient.level), 0.0, 1.0), dtype=np.float32)


def _mark(pixels: Float32Image) -> None:
    """Burn in the side marker, in place, at the patient's right."""
    size = pixels.shape[0]
    dot = max(1, size // 160)
    glyph = np.array([[int(c) for c in row] for row in LETTER_R], dtype=bool)
    glyph = np.kron(glyph, np.ones((dot, dot), dtype=bool))
    top, left = round(0.05 * size), round(0.05 * size)
    view = pixels[top : top + glyph.shape[0], left : left + glyph.shape[1]]
    view[glyph] = 0.96
