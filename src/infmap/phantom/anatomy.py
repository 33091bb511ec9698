"""Organs as analytic solids: lung fields, spans along the beam, bones, gas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import BoolImage
from infmap.phantom.fields import Plane, blur_matrix, root

Span = tuple[Plane, Plane]

FIELD = 40.0
"""Side of the detector, cm."""

# 0.17 is muscle at 100 keV (NIST: 0.169 cm2/g); lung is a fifth of it, by its density; bone was
# chosen by hand.
SOFT, AERATED, BONE = 0.17, 0.036, 0.22
"""Attenuation, 1/cm, at chest energies: soft tissue, aerated lung; bone on top of soft tissue."""


@dataclass(frozen=True)
class Habitus:
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
    slant: tuple[float, float]


def habitus(rng: np.random.Generator) -> Habitus:
    """Draw the proportions of one patient."""

    def around(middle: float, spread: float) -> float:
        return middle + spread * float(rng.uniform(-1.0, 1.0))

    # Middle and spread of each proportion, cm on the detector; chosen by hand, not measured.
    dome = around(27.6, 1.2)
    # The right dome stands higher, by the liver below it: dome[0] is the right one.
    return Habitus(
        scale=(around(1.08, 0.05), around(1.06, 0.04)),
        shift=(around(0.0, 0.6), around(0.2, 0.7)),
        girth=around(1.02, 0.09),
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
        level=around(0.12, 0.08),
        slant=(around(1.05, 0.12), around(1.05, 0.12)),
    )


def _overlap(one: Span, other: Span) -> Plane:
    return np.asarray(
        np.maximum(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0.0),
        dtype=np.float32,
    )


class Anatomy:
    """Spans of the solids on the pixel grid, and the lung fields that they leave.

    Attributes:
        x, y: float32 (1, W) and (H, 1), cm, of the pixel centres in the patient's frame.
        air: float32 (H, W), cm of aerated lung under a pixel.
        right, left: bool (H, W), lung fields.
    """

    def __init__(self, patient: Habitus, size: int) -> None:
        self.patient, self.size = patient, size
        centre = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(FIELD / size)
        # The patient's frame: scaling the coordinates once scales every organ alike.
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
        half = radii[2] * root(1.0 - u * u - v * v, 2.0)
        return at[2] - half, at[2] + half

    def _lung(self, side: int) -> tuple[BoolImage, Plane]:
        p = self.patient
        x, y = self.x * side, self.y
        top, widest, dome = p.apex, 29.0, p.dome[side > 0]
        rise = np.clip((widest - y) / (widest - top), 0.0, 1.0)
        full = np.where(y > top, 1.0, 0.0)
        outer = 4.9 + (p.thorax - 4.9) * root(1.0 - rise**2.5, 2.2) * full
        inner = 4.9 - 3.5 * root(1.0 - rise**4.5, 1.7) * full
        middle, half = (outer + inner) / 2, np.maximum((outer - inner) / 2, 1e-3)
        deep = 8.6 * root(1.0 - rise**3, 2.2)
        # -1 at the mediastinal wall of the lung, 1 at the chest wall.
        offset = (x - middle) / half
        # The mediastinal face is rounder than the chest wall.
        outside = root(1.0 - np.abs(offset) ** 3.2, 2.2)
        chord = deep * np.where(offset > 0, outside, root(1.0 - np.abs(offset) ** 2.0, 1.35))
        # The lung behind the dome of the diaphragm ends in a thin edge, 0.8 cm deep.
        floor = np.clip((dome + 0.82 * p.vault - y) / 0.8, 0.0, 1.0)
        chord = chord * floor
        span = (-1.0 - chord, -1.0 + chord)
        across = ((x - 7.2) / 7.3) ** 2
        below = np.clip((dome + p.vault - y) / p.vault, 0.0, 1.0) ** 2
        vault = 9.0 * root(1.0 - across - below, 5.0)
        # What the dome takes of the lung along the beam is abdomen.
        air = 2 * chord - _overlap(span, (-0.6 - vault, -0.6 + vault))
        taken = np.zeros_like(air)
        hidden = vault > 0.5
        for solid in self.solids:
            taken = np.maximum(taken, _overlap(span, solid))
            hidden |= solid[1] - solid[0] > 1.2
        # cm: where less lung than this lies under a pixel, or more than this of mediastinum before
        # it, a reader does not draw the field.
        visible = (chord > 0.9) & ~hidden & (self.x * side > 0)
        return visible, np.maximum(air - taken, 0.0)

    def _mediastinum(self) -> Iterator[Span]:
        p = self.patient
        k, drop = p.heart, p.dome[1] - 28.0
        # Left ventricle, right atrium, pulmonary trunk, aortic arch, superior vena cava, upper
        # mediastinum, spine with its muscles: centre and radii in cm.
        yield self.ellipsoid((2.1, 24.2 + drop, 2.5), (7.4 * k, 5.2 * k, 6.0), p.tilt)
        yield self.ellipsoid((-0.9, 23.0 + drop, 1.5), (3.9 * k, 5.6 * k, 5.8))
        yield self.ellipsoid((2.0, 18.6 + drop, 2.0), (2.5, 4.6, 3.5), -0.15)
        yield self.ellipsoid((1.6, 13.4, -1.0), (2.3, 2.1, 3.2))
        yield self.ellipsoid((-1.6, 14.6, 1.5), (2.0, 7.5, 2.8))
        yield self.ellipsoid((0.2, 9.0, 0.0), (2.9, 12.0, 6.5))
        yield self.ellipsoid((0.2, 24.0, -1.5), (2.6, 17.0, 7.5))

    def integral(self) -> Plane:
        """Float32 (H, W), line integral of attenuation without vessels and opacities."""
        body = self._body()
        soft = body - self.air
        total = SOFT * np.maximum(soft, 0.0) + AERATED * self.air
        # Trachea, bronchi and the stomach's bubble were counted as soft tissue by the body's
        # outline.
        total -= SOFT * self._gas()
        bone = self._spine() + self._ribs() + self._girdle()
        total += BONE * self.patient.bone * bone * np.minimum(body / 4.0, 1.0)
        return np.asarray(np.maximum(total, 0.0), dtype=np.float32)

    def _body(self) -> Plane:
        p = self.patient
        # Half width and half depth of the body (cm) at heights of the film: neck, shoulders, chest,
        # flanks.
        rows = [-9.0, 1.5, 3.5, 5.5, 8.0, 12.0, 16.0, 20.0, 26.0, 49.0]
        wide = [5.6, 5.9, 7.5, 13.0, 19.5, 22.0, 20.5, 17.6, 16.6, 16.4]
        deep = [5.6, 5.8, 6.2, 7.0, 8.2, 9.6, 10.4, 10.7, 10.9, 11.4]
        y = self.y[:, 0]
        smooth = blur_matrix(self.size, 0.9 / self.pitch[1])
        width = (smooth @ np.interp(y, rows, wide).astype(np.float32))[:, None] * p.girth
        depth = (smooth @ np.interp(y, rows, deep).astype(np.float32))[:, None] * p.girth
        body = 2 * depth * root(1.0 - np.abs(self.x / width) ** 2.6, 2.3)
        for side in (-1, 1):
            near, far = self.ellipsoid((7.8 * side, 25.0, 9.0), (6.0, 5.5, p.breast))
            body += (far - near) * 0.5
        return np.asarray(body, dtype=np.float32)

    def _gas(self) -> Plane:
        p = self.patient
        tube = np.zeros((self.size, self.size), dtype=np.float32)
        # Trachea and main bronchi: radii of 8.5, 6 and 5.5 mm.
        self.draw(tube, [(0.0, -4.0, 0.0), (0.1, 8.0, 0.0), (-0.3, 15.0, 0.0)], 0.85)
        self.draw(tube, [(-0.3, 15.0, 0.0), (-2.2, 17.2, 0.0), (-3.8, 18.6, 0.0)], 0.6)
        self.draw(tube, [(-0.3, 15.0, 0.0), (2.4, 17.4, 0.0), (4.0, 18.4, 0.0)], 0.55)
        at = (6.0, p.dome[1] + 2.4, 0.0)
        near, far = self.ellipsoid(at, (1.5 + p.gas, 0.8 + 0.5 * p.gas, 1.2 + p.gas), 0.15)
        return np.asarray(tube + far - near, dtype=np.float32)

    def _spine(self) -> Plane:
        # 2.35 cm from one vertebra to the next.
        level = self.y / 2.35
        disc = 0.74 + 0.26 * np.tanh(6.0 * (np.abs(np.sin(np.pi * level)) - 0.22))
        half = 1.75 + 0.012 * self.y
        # Discs are less dense than bodies: tanh makes the change sharp, but not a step.
        column = 0.9 * root(1.0 - np.abs(self.x / half) ** 2.4, 1.3) * disc
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
        return window, 0.55 * root(1.0 - (dx * dx + dy * dy / 2.2) / radius**2, 2.0)

    def _ribs(self) -> Plane:
        p = self.patient
        total = np.zeros((self.size, self.size), dtype=np.float32)
        # 152 degrees around the chest, from the spine to where cartilage begins.
        angle = np.linspace(0.12, 1.0, 40) * math.radians(152)
        # Ten pairs of ribs; the last two end early, being free.
        for k in range(10):
            start = p.apex + 1.5 + 2.42 * k
            rise = min(max((29.0 - start - 2.0) / (29.0 - p.apex), 0.0), 0.97)
            # The curve of the lung's own wall, 2 mm inside: ribs follow it.
            wide = 4.9 + (p.thorax - 0.2 - 4.9) * (1.0 - rise**2.5) ** (1 / 2.2)
            lean = 3.2 + 0.75 * min(k, 6)
            turn = angle if k < 8 else angle[: 28 - 3 * (k - 8)]
            round_ = np.sin(np.minimum(turn, math.pi / 2) * 0.97 + 0.05)
            out = np.where(turn > math.pi / 2, 0.36 + 0.64 * np.sin(turn), round_)
            fall = 1.5 * lean * (turn / math.pi) ** 1.4 - 0.9 * np.sin(
                np.minimum(2.2 * turn, math.pi)
            )
            for side in (-1, 1):
                path = np.stack(
                    [side * wide * out, start + p.slant[side > 0] * fall, -9.0 * np.cos(turn)],
                    axis=1,
                )
                one = np.zeros_like(total)
                self.draw(one, path[:25], 0.58, end=0.66, shell=0.55)
                # The posterior arc counts double the anterior one, which is partly cartilage.
                # Chosen by hand.
                total += 1.15 * one
                one = np.zeros_like(total)
                self.draw(one, path[24:], 0.66, end=0.5, shell=0.55)
                total += 0.55 * one
        return total

    def _girdle(self) -> Plane:
        total = np.zeros((self.size, self.size), dtype=np.float32)
        for side, lift in zip((-1, 1), self.patient.lift, strict=True):
            high = self.patient.apex + 2.8 + lift
            along = [(1.6, 1.9), (3.5, 1.5), (6.5, 0.7), (9.5, -0.6), (12.5, -1.7), (15.6, -2.0)]
            bone = np.zeros_like(total)
            self.draw(
                bone, [(side * x, high + y, 0.0) for x, y in along], 0.62, end=0.55, shell=0.5
            )
            total += 1.5 * bone
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
            # A tube along the beam has no end in its chord: 1.5 is where the thin-tube formula is
            # given up.
            slant = min(math.sqrt(1.0 + (b[2] - a[2]) ** 2 / flat), 1.5)
            chord = 2 * r * slant * root(1.0 - gap, 2.0)
            if shell:
                # 0.56: the marrow's radius is three quarters of the bone's, squared.
                chord -= 2 * r * slant * shell * root(1.0 - gap / 0.56, 2.0)
            np.maximum(plane[window], chord, out=plane[window])
