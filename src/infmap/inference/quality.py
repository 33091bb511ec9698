"""The gate: is this an upright frontal chest film, of sufficient quality to analyse?

``assess`` looks at the film before the network runs, ``assess_lungs`` at the lungs it found. What
they measure is in ``film_figures``, ``lung_figures`` and ``likeness``, the limits in ``limits``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from infmap.core.types import Float32Image, Radiograph
from infmap.core.views import is_lateral
from infmap.core.zones import LungZones
from infmap.inference.film_figures import film_figures, frontal_match, shrink
from infmap.inference.limits import (
    FILM_REJECTS,
    FILM_WARNINGS,
    LUNG_REJECTS,
    LUNG_WARNINGS,
    Limit,
)
from infmap.inference.lung_figures import lung_figures

POSITION = ("unlikeness", "lung_doubt")
"""Figures that a film which is rotated or a negative breaks."""

TURNED, TURN_MARGIN = 0.5, 0.25
"""Match of a quarter turn with the mean frontal film, and lead before the film as it is, from which
a rejected film is said to be rotated: no upright real film reaches both."""

NEGATIVE = -0.3
"""Match below which a rejected film is said to be a negative: 99.9 % of films lie above 0."""


@dataclass(frozen=True)
class Quality:
    """What the gate measured and decided.

    Attributes:
        figures: name to measured value; NaN where it could not be measured.
        reject: one line that says why the film is not to be assessed; None to go on.
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

    def to_dict(self) -> dict[str, float | None]:
        """JSON fields: the figures to 4 decimals, null for NaN."""
        return {
            name: round(float(value), 4) if math.isfinite(value) else None
            for name, value in self.figures.items()
        }


def assess(radiograph: Radiograph) -> Quality:
    """Assess a film by its pixels alone, before the network.

    Colour is no longer in the pixels; a reader's warning about it stays in the film's warnings.

    Args:
        radiograph: the film's exposed field, air dark.

    Returns:
        Quality with ``min_side`` (film pixels), ``aspect`` (long over short side), and the figures
        of ``film_figures``.
    """
    height, width = radiograph.shape
    figures = {
        "min_side": float(min(height, width)),
        "aspect": max(height, width) / min(height, width),
    }
    if is_lateral(radiograph.view):
        reason = f"expected a frontal film, the file states view {radiograph.view}"
        return Quality(figures, f"{reason}; send the PA or AP film")
    # Of a film below the least side nothing else is measured: the figures need a grid of 64 pixels.
    if _first(FILM_REJECTS[:1], figures) is None:
        figures |= film_figures(radiograph.pixels)
    return _assessed(figures, FILM_REJECTS, FILM_WARNINGS)


def assess_lungs(
    zones: LungZones, radiograph: Radiograph, probs: Float32Image | None = None
) -> Quality:
    """Assess a film by the lungs that the network found on it.

    Args:
        zones: the lungs, on any grid (H, W) that covers the field exactly: the film's own, or the
            network's with its padding cut off (``Letterbox.window``).
        radiograph: the film's exposed field, air dark.
        probs: float32 (H, W), lung probability on the grid of ``zones``, where at hand.

    Returns:
        Quality with ``lung_share`` (of the field), ``lung_ratio`` (smaller over larger lung),
        ``lung_height`` (of both lungs over their width), ``lung_border`` (largest share of a film
        edge inside the lungs), ``lung_base_cut`` (share of the lungs' width on the lower edge),
        ``tilt`` (degrees, positive counter-clockwise), ``mediastinum_contrast`` (its grey level
        above the lungs', in film ranges), and with probabilities ``lung_doubt`` (pixels with
        probability between 0.25 and 0.75, per lung pixel), ``third_lung`` (area of the third region
        of lung over that of the largest) and ``unlikeness`` (log-odds of being no upright frontal
        chest film).

    Raises:
        ValueError: the probabilities are on another grid.
    """
    if probs is not None and probs.shape != zones.labels.shape:
        raise ValueError(f"expected lung probabilities of {zones.labels.shape}, got {probs.shape}")
    quality = _assessed(lung_figures(zones, radiograph.pixels, probs), LUNG_REJECTS, LUNG_WARNINGS)
    unlike = any(limit.broken(quality.figures) for limit in LUNG_REJECTS if limit.name in POSITION)
    if not unlike:
        return quality
    # Rotated and inverted films break the same limits as other pictures. Saying which it is tells
    # the user what to do, so the more useful reason takes the place of the general one.
    return Quality(quality.figures, _position(radiograph.pixels) or quality.reject)


def limits() -> dict[str, tuple[float, float]]:
    """Figure to the range outside which a film is rejected; infinite where there is no bound."""
    found: dict[str, tuple[float, float]] = {}
    for limit in (*FILM_REJECTS, *LUNG_REJECTS):
        low, high = found.get(limit.name, (-math.inf, math.inf))
        found[limit.name] = max(low, limit.low), min(high, limit.high)
    return found


def _first(rules: tuple[Limit, ...], figures: Mapping[str, float]) -> Limit | None:
    return next((limit for limit in rules if limit.broken(figures)), None)


def _assessed(
    figures: dict[str, float], rejects: tuple[Limit, ...], warnings: tuple[Limit, ...]
) -> Quality:
    broken = _first(rejects, figures)
    if broken:
        return Quality(figures, broken.say(figures))
    return Quality(figures, None, tuple(w.say(figures) for w in warnings if w.broken(figures)))


def _position(pixels: Float32Image) -> str | None:
    """Why a film that is unlike others is so, where its position or grey levels tell."""
    # 64: the same grid as in film_figures, so that matches are comparable with its limits.
    film = shrink(pixels, 64, 64)
    matches = [frontal_match(film, quarters) for quarters in range(4)]
    turn = max(range(4), key=lambda quarter: matches[quarter])
    if turn and matches[turn] > TURNED and matches[turn] - matches[0] > TURN_MARGIN:
        # np.rot90 turns counter-clockwise: undone by the same turn clockwise.
        return f"image is rotated by {turn * 90} degrees; rotate it clockwise by {turn * 90}"
    if matches[0] < NEGATIVE and matches[0] == min(matches):
        return "grey levels are inverted: lungs are brighter than the mediastinum; invert them"
    return None
