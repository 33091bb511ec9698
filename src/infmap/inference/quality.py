"""The gate: is this an upright frontal chest film, good enough to judge?

``assess`` looks at the film before the network runs, ``assess_lungs`` at the lungs it found.
Limits are set well outside what real frontal films showed, so that the gate stops other things
than chest films rather than poor ones; between a limit and the ordinary, it warns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.types import BoolImage, Float32Image, Radiograph
from infmap.core.views import is_lateral
from infmap.core.zones import LungZones, split_lungs

Float64 = NDArray[np.float64]
MIN_SIDE = 64
MAX_ASPECT, WIDE_ASPECT = 2.5, 1.6
MIN_RANGE, LOW_RANGE = 0.08, 0.3
MAX_CLIPPED, MUCH_CLIPPED = 0.85, 0.5
MIN_LEVELS, FEW_LEVELS = 8, 24
MIN_SMOOTHNESS = 0.7
MAX_GRADIENT = 0.975
MIN_MATCH, LOW_MATCH = 0.1, 0.3
TURN_MARGIN = 0.1
UPRIGHT_FLARE = 0.03
"""Flare of the mediastinum from which the lungs are upright without a doubt."""

SEEN = 128
"""Longest side of the grid on which masks are measured."""

FRONTAL = """
0000124554210000
1122234554322211
2333333553333332
3444323553234443
3444213553124443
3453213663123543
3453224664223543
3443224774223443
2443235775323442
2443346886433442
2344456886544432
2345567887655432
1345678998765431
1356788998876531
1357889999887531
1367889999887631
"""
"""Mean tone rank of 450 frontal films (COVID-QU-Ex), made mirror-symmetric, in tenths."""


@dataclass(frozen=True)
class Quality:
    """What the gate measured and decided.

    Attributes:
        figures: name to measured value; NaN where it could not be measured.
        reject: one line that says why the film is not to be judged; None to go on.
        warnings: sentences a reader should see.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    reject: str | None = None
    warnings: tuple[str, ...] = ()

    def merged(self, later: Quality) -> Quality:
        """Both assessments as one; the earlier reason to reject comes first."""
        return Quality(
            {**self.figures, **later.figures},
            self.reject or later.reject,
            tuple(dict.fromkeys(self.warnings + later.warnings)),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON fields: the figures to 4 decimals, null for NaN."""
        return {
            name: round(float(value), 4) if math.isfinite(value) else None
            for name, value in self.figures.items()
        }


def assess(radiograph: Radiograph) -> Quality:
    """Judge a film by its pixels alone, before the network.

    Colour is no longer in the pixels; a reader's warning about it stays in the film's warnings.

    Args:
        radiograph: the film, air dark.

    Returns:
        Quality with ``min_side`` (pixels), ``aspect`` (long over short side), ``tone_range``
        (1st to 99th percentile), ``clipped_dark`` and ``clipped_bright`` (share of pixels),
        ``levels`` (distinct tones in 8 bits), ``smoothness`` (correlation of neighbouring
        pixels), ``gradient`` (share of the variance that a quadratic surface explains), and
        ``frontal_match`` and ``turned_match`` (correlation with the mean frontal film, as it is
        and at its best quarter turn).
    """
    height, width = radiograph.shape
    figures = {
        "min_side": float(min(height, width)),
        "aspect": max(height, width) / min(height, width),
    }
    if is_lateral(radiograph.view):
        reason = f"expected a frontal film, the file states view {radiograph.view}"
        return Quality(figures, f"{reason}; send the PA or AP film")
    if min(height, width) < MIN_SIDE:
        reason = f"too small: expected {MIN_SIDE} pixels a side or more, got {width} x {height}"
        return Quality(figures, f"{reason}; send the original film")
    figures |= _tones(radiograph.pixels)
    film = _shrink(radiograph.pixels, 64, 64)
    figures["gradient"] = _gradient(film)
    matches = _matches(film)
    figures["frontal_match"] = matches[0]
    figures["turned_match"] = max(matches[1:])
    reject = _first(_FILM_LIMITS, figures) or _orientation(matches)
    return Quality(figures, reject, () if reject else _all(_FILM_DOUBTS, figures))


def assess_lungs(
    zones: LungZones, radiograph: Radiograph, probs: Float32Image | None = None
) -> Quality:
    """Judge a film by the lungs that the network found on it.

    Args:
        zones: the lungs, on any grid (H, W) that covers the film exactly: the film's own, or the
            network's with its padding cut off (``Fit.window``).
        radiograph: the film, air dark.
        probs: float32 (H, W), lung probability on the grid of ``zones``, where at hand.

    Returns:
        Quality with ``lung_share`` (of the film), ``lung_ratio`` (smaller over larger lung),
        ``lung_overlap`` (common height over the shorter lung's), ``mediastinum_flare`` (how much
        the gap between the lungs widens from apex to base, in film widths),
        ``mediastinum_contrast`` (its tone above the lungs', in film ranges), ``lung_border``
        (largest share of a film edge inside the lungs), ``lung_doubt`` (pixels with probability
        between 0.25 and 0.75, per lung pixel), ``lung_offset`` (middle of the lungs from the
        film's, in film widths), and where the flare is small ``quarter_flare`` (the flare after
        the better quarter turn).

    Raises:
        ValueError: the probabilities are on another grid.
    """
    labels = zones.labels
    if probs is not None and probs.shape != labels.shape:
        raise ValueError(f"expected lung probabilities of {labels.shape}, got {probs.shape}")
    stride = max(1, -(-max(labels.shape) // SEEN))
    coarse = LungZones(np.ascontiguousarray(labels[::stride, ::stride]))
    right, left = coarse.right, coarse.left
    mask = right | left
    figures = {"lung_share": float(mask.mean())}
    if figures["lung_share"] > 0:
        film = _shrink(radiograph.pixels, *mask.shape)
        figures |= _geometry(mask, right, left)
        figures["mediastinum_contrast"] = _contrast(mask, right, left, film)
        edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
        figures["lung_border"] = max(float(edge.mean()) for edge in edges)
        if probs is not None:
            doubt = np.count_nonzero((probs > 0.25) & (probs < 0.75))
            figures["lung_doubt"] = doubt / np.count_nonzero(labels)
    reject = _first(_LUNG_LIMITS, figures)
    return Quality(figures, reject, () if reject else _all(_LUNG_DOUBTS, figures))


Rule = tuple[Callable[[Mapping[str, float]], bool], str]


@dataclass(frozen=True)
class Outside:
    """A test that a figure was measured and lies outside [low, high]."""

    name: str
    low: float = -math.inf
    high: float = math.inf

    def __call__(self, figures: Mapping[str, float]) -> bool:
        """Whether the figure lies outside."""
        value = figures.get(self.name, math.nan)
        return value < self.low or value > self.high


_is = Outside


def limits() -> dict[str, tuple[float, float]]:
    """Figure to the range outside which a film is rejected; infinite where there is no bound.

    Only figures that are judged by themselves: for a person who checks a rejected film.
    """
    found: dict[str, tuple[float, float]] = {}
    for test, _ in (*_FILM_LIMITS, *_LUNG_LIMITS):
        if isinstance(test, Outside):
            low, high = found.get(test.name, (-math.inf, math.inf))
            found[test.name] = max(low, test.low), min(high, test.high)
    return found | {"frontal_match": (MIN_MATCH, math.inf), "min_side": (MIN_SIDE, math.inf)}


def _lateral(figures: Mapping[str, float]) -> bool:
    return figures.get("lung_ratio", 1.0) < 0.05 and abs(figures["lung_offset"]) < 0.12


def _turned_lungs(figures: Mapping[str, float]) -> bool:
    flare, quarter = figures.get("mediastinum_flare", 0.0), figures.get("quarter_flare", 0.0)
    return not flare >= UPRIGHT_FLARE and quarter > 0.08 and not -flare >= quarter


_FILM_LIMITS: tuple[Rule, ...] = (
    (
        _is("aspect", high=MAX_ASPECT),
        "extreme shape: one side is {aspect:.1f} times the other; send the whole film uncropped",
    ),
    (
        _is("tone_range", low=MIN_RANGE),
        "blank or uniform: tones span {tone_range:.3f} of the range; check the exposure or export",
    ),
    (
        _is("levels", low=MIN_LEVELS),
        "only {levels:.0f} distinct tones; this is not a radiograph, or its tones were lost",
    ),
    (
        _is("clipped_dark", high=MAX_CLIPPED),
        "{clipped_dark:.0%} of the film is pure black; check the exposure or window",
    ),
    (
        _is("clipped_bright", high=MAX_CLIPPED),
        "{clipped_bright:.0%} of the film is pure white; check the exposure or window",
    ),
    (
        _is("smoothness", low=MIN_SMOOTHNESS),
        "noise: neighbouring pixels correlate at {smoothness:.2f}; this is not a radiograph",
    ),
    (
        _is("gradient", high=MAX_GRADIENT),
        "a smooth gradient without anatomy; this is not a radiograph",
    ),
)
_FILM_DOUBTS: tuple[Rule, ...] = (
    (_is("aspect", high=WIDE_ASPECT), "Unusual shape: one side is {aspect:.1f} times the other."),
    (_is("tone_range", low=LOW_RANGE), "Low contrast: tones span {tone_range:.2f} of the range."),
    (_is("levels", low=FEW_LEVELS), "Coarse tones: only {levels:.0f} levels."),
    (_is("clipped_dark", high=MUCH_CLIPPED), "{clipped_dark:.0%} of the film is pure black."),
    (
        _is("clipped_bright", high=MUCH_CLIPPED / 2),
        "{clipped_bright:.0%} of the film is pure white; it may be over-exposed.",
    ),
    (
        _is("frontal_match", low=LOW_MATCH),
        "The film looks unlike most frontal chest films (match {frontal_match:.2f}).",
    ),
)
_LUNG_LIMITS: tuple[Rule, ...] = (
    (
        _is("lung_share", low=0.02),
        "no lungs found ({lung_share:.1%} of the film); expected a frontal chest film",
    ),
    (
        _is("lung_share", high=0.75),
        "lungs fill {lung_share:.0%} of the film; expected a whole frontal chest film",
    ),
    (
        _turned_lungs,
        "on its side: the lungs lie above each other; turn the film by 90 degrees",
    ),
    (
        _lateral,
        "one lung field in the middle, no two side by side: a lateral view? send the frontal film",
    ),
    (
        _is("mediastinum_flare", low=-0.06),
        "upside down: the gap between the lungs narrows downwards; turn the film by 180 degrees",
    ),
    (
        _is("lung_overlap", low=0.4),
        "the two lungs are not side by side (common height {lung_overlap:.0%}); "
        "expected an upright frontal film",
    ),
    (
        _is("mediastinum_contrast", low=-0.05),
        "inverted: the lungs are brighter than the mediastinum; invert the tones",
    ),
    (
        _is("lung_border", high=0.6),
        "cut off: lungs cover {lung_border:.0%} of a film edge; send the whole film",
    ),
)
_LUNG_DOUBTS: tuple[Rule, ...] = (
    (_is("lung_ratio", low=0.05), "Only one lung was found; figures cover that lung alone."),
    (
        lambda f: 0.05 <= f.get("lung_ratio", 1.0) < 0.35,
        "The lungs differ much in area (ratio {lung_ratio:.2f}): part of one may be missing.",
    ),
    (_is("lung_share", low=0.05), "The lungs take only {lung_share:.1%} of the film."),
    (_is("lung_share", high=0.55), "The lungs take {lung_share:.0%} of the film: check the mask."),
    (
        _is("lung_border", high=0.15),
        "The lungs touch the film's edge ({lung_border:.0%} of it): part may be cut off.",
    ),
    (
        _is("mediastinum_contrast", low=0.06),
        "Lungs and mediastinum hardly differ in tone ({mediastinum_contrast:.2f}).",
    ),
    (_is("lung_doubt", high=0.5), "The lung borders are uncertain ({lung_doubt:.0%} of the area)."),
)


def _first(rules: tuple[Rule, ...], figures: Mapping[str, float]) -> str | None:
    return next((text.format(**figures) for test, text in rules if test(figures)), None)


def _all(rules: tuple[Rule, ...], figures: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(text.format(**figures) for test, text in rules if test(figures))


def _shrink(pixels: Float32Image, height: int, width: int) -> Float64:
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    small = image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, dtype=np.float64)


def _tones(pixels: Float32Image) -> dict[str, float]:
    stride = max(1, min(pixels.shape) // SEEN)
    here, beside = pixels[::stride, :-1:stride].ravel(), pixels[::stride, 1::stride].ravel()
    low, high = np.percentile(here, [1, 99])
    flat = min(float(here.std()), float(beside.std())) < 1e-6  # of a plain film: rounding only
    return {
        "tone_range": float(high - low),
        "clipped_dark": float((here <= 0.01).mean()),
        "clipped_bright": float((here >= 0.99).mean()),
        "levels": float(np.count_nonzero(np.bincount((here * 255).astype(np.int64)))),
        "smoothness": math.nan if flat else float(np.corrcoef(here, beside)[0, 1]),
    }


@cache
def _quadratics(shape: tuple[int, int]) -> Float64:
    """Orthonormal quadratic surfaces on a grid (H, W): (H * W, 6)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    return np.linalg.qr(terms)[0]


def _gradient(film: Float64) -> float:
    tone = film.ravel() - film.mean()
    energy = float(tone @ tone)
    height, width = film.shape
    explained = float(np.sum((_quadratics((height, width)).T @ tone) ** 2))
    return explained / energy if energy > 1e-9 else math.nan


def _trim(film: Float64) -> Float64:
    """Cut plain margins (collimation, padding), at most two fifths from each side."""

    def span(plain: NDArray[np.bool_]) -> slice:
        reach = int(0.4 * plain.size)
        lead = int(np.argmin(np.append(plain[:reach], False)))
        trail = int(np.argmin(np.append(plain[::-1][:reach], False)))
        return slice(lead, plain.size - trail)

    return film[span(_middle_range(film.T) < 0.04), span(_middle_range(film) < 0.04)]


def _middle_range(film: Float64) -> Float64:
    """10th to 90th percentile of each column."""
    ordered = np.sort(film, axis=0)
    tenth = len(ordered) // 10
    return np.asarray(ordered[-1 - tenth] - ordered[tenth])


def _matches(film: Float64) -> list[float]:
    """Correlation of tone ranks with the mean frontal film, turned by 0, 90, 180, 270 degrees."""
    mean = np.array([[int(c) for c in row] for row in FRONTAL.split()], dtype=np.float64)
    mean -= mean.mean()
    small = _shrink(_trim(film).astype(np.float32), *mean.shape).ravel()
    _, inverse, counts = np.unique(small, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)].reshape(mean.shape)
    rank = rank - rank.mean()
    scale = math.sqrt(float((rank**2).sum()) * float((mean**2).sum()))
    if scale == 0:
        return [math.nan] * 4
    return [float((rank * np.rot90(mean, k)).sum()) / scale for k in range(4)]


def _orientation(matches: list[float]) -> str | None:
    """Why a film is not upright, positive and frontal by its match; None where it is."""
    as_is = matches[0]
    turn = int(np.argmax(matches))
    if turn and matches[turn] - as_is > TURN_MARGIN and matches[turn] > abs(min(matches)):
        # np.rot90 turns counter-clockwise: undone by the same turn clockwise.
        return f"turned: it looks like a chest film rotated; turn it {turn * 90} degrees clockwise"
    if as_is < -MIN_MATCH and as_is == min(matches):
        return "inverted: its tones are those of a negative; invert them"
    if not as_is >= MIN_MATCH:
        return f"not a frontal chest film: match {as_is:.2f}, expected {MIN_MATCH} or more"
    return None


def _geometry(mask: BoolImage, right: BoolImage, left: BoolImage) -> dict[str, float]:
    areas = np.count_nonzero(right), np.count_nonzero(left)
    columns = np.flatnonzero(mask.any(axis=0))
    out = {
        "lung_ratio": float(min(areas) / max(areas)),
        "lung_offset": float(columns.mean()) / mask.shape[1] - 0.5,
        "mediastinum_flare": _flare(right, left),
    }
    if not out["mediastinum_flare"] >= UPRIGHT_FLARE:
        quarters = (np.ascontiguousarray(np.rot90(mask, k)) for k in (1, 3))
        flares = [np.nan_to_num(_flare(*split_lungs(q)), nan=-1.0) for q in quarters]
        out["quarter_flare"] = float(max(flares))
    if min(areas):
        spans = [np.flatnonzero(side.any(axis=1)) for side in (right, left)]
        common = min(s[-1] for s in spans) - max(s[0] for s in spans) + 1
        out["lung_overlap"] = float(common / min(s[-1] - s[0] + 1 for s in spans))
    return out


def _gaps(right: BoolImage, left: BoolImage) -> tuple[NDArray[np.int64], Float64, Float64]:
    """Rows that hold both lungs; there, the last column of the right, the first of the left."""
    rows = np.flatnonzero(right.any(axis=1) & left.any(axis=1))
    width = right.shape[1]
    last = width - 1 - np.argmax(right[rows][:, ::-1], axis=1)
    return rows, last.astype(np.float64), np.argmax(left[rows], axis=1).astype(np.float64)


def _flare(right: BoolImage, left: BoolImage) -> float:
    """Mean gap in the lower third of the common rows less that in the upper, in film widths."""
    rows, last, first = _gaps(right, left)
    if rows.size < 6:
        return math.nan
    third = rows.size // 3
    gap = first - last
    return (float(gap[-third:].mean()) - float(gap[:third].mean())) / int(right.shape[1])


def _contrast(mask: BoolImage, right: BoolImage, left: BoolImage, film: Float64) -> float:
    rows, last, first = _gaps(right, left)
    column = np.arange(mask.shape[1])
    between = np.zeros_like(mask)
    between[rows] = (column > last[:, None]) & (column < first[:, None])
    low, high = np.percentile(film, [1, 99])
    if not between.any() or high <= low:
        return math.nan
    difference = float(film[between].mean()) - float(film[mask].mean())
    return difference / float(high - low)
