"""Operating points and calibrations of a model folder, fitted on films it was not trained on.

One order, because each step reads the output of the one before it, as users get it:

1. the film's probability (Platt scaling) and
2. the operating points of film and of infected pixel, on the validation films;
3. the opacity threshold and
4. the severity, and the points that rule COVID-19 out and in, on all films given.

Everything is read from the network as deployed (int8 where that ships), on its own grid, by
``infmap.inference.postprocess``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.core.geometry import Letterbox
from infmap.inference.manifest import Manifest, PlattScaling, Thresholds
from infmap.inference.postprocess import (
    LEVELS,
    Findings,
    amount_log_odds,
    class_log_odds,
    find_lungs,
    first_level,
    map_amount,
    postprocess,
    to_levels,
)
from infmap.inference.runtimes import open_runtime
from infmap.training.dataset import INFECTION, OPACITY, Films
from infmap.training.extent import Readings, fit_extent
from infmap.training.operating import operating_lines, operating_points
from infmap.training.parts import RunFilms

CANDIDATES = tuple(round(0.01 * k, 2) for k in range(5, 96))
"""Thresholds that are tried, probability."""
SPECIFICITY = 0.995
"""Least specificity of the film's detection on validation films: there, one false alarm in two
hundred; on healthy films of hospitals left out, one in a hundred (docs/decisions/027)."""
FOUND_OPACITY = 0.02
"""Share of the lungs, [0, 1], from which an opacity counts as found: the least that a reader
outlines, some 8 cm2 of an adult's lungs."""
FALSE_OPACITY = 0.04
"""At most this share of normal films of the validation set may be read with an opacity; of films of
sources left out it is about twice as many (docs/decisions/027)."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a deployed network says of films it was not trained on.

    Attributes:
        films: the films with their truth.
        maps: uint8 (N, 3, S, S), 0..255 = probability of infection, opacity, lungs.
        logits: float32 (N, 3), classes.
    """

    films: Films
    maps: NDArray[np.uint8]
    logits: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.films)

    def part(self, keep: NDArray[np.bool_]) -> Outputs:
        """Some of the films."""
        return Outputs(self.films.part(keep), self.maps[keep], self.logits[keep])

    def findings(self, thresholds: Thresholds, detection: PlattScaling) -> Iterator[Findings]:
        """What users get of each film, on the network's grid."""
        for maps, logits in zip(self.maps, self.logits, strict=True):
            yield postprocess(maps, logits, _square(maps), thresholds, detection)


def read_outputs(folder: Path, films: Films) -> Outputs:
    """Run a model folder's OpenVINO network over packed films."""
    runtime = open_runtime("openvino", folder)
    maps = np.zeros((len(films), 3, *films.images.shape[1:]), np.uint8)
    logits = np.zeros((len(films), 3), np.float32)
    for start in range(0, len(films), 16):
        part = slice(start, start + 16)
        found, logits[part] = runtime(films.images[part, None].astype(np.float32) / 255.0)
        maps[part] = to_levels(found)
    return Outputs(films, maps, logits)


def unseen(films: Sequence[Film], rows: Sequence[Film], trained_on: Collection[str]) -> list[Film]:
    """Films of which no film of their patient or near-duplicates was trained on.

    Args:
        films: some of ``rows``.
        rows: the whole snapshot, for its groups.
        trained_on: film_id of the training images.
    """
    group = dict(zip((row["film_id"] for row in rows), film_groups(rows), strict=True))
    closed = {group[film_id] for film_id in trained_on if film_id in group}
    return [row for row in films if group[row["film_id"]] not in closed]


def unseen_readings(
    chosen: RunFilms, rows: Sequence[Film], trained_on: Collection[str], extents: Collection[str]
) -> list[Film]:
    """Films to calibrate extent on beside the validation set: read by radiologists, not seen."""
    validated = {row["film_id"] for row in chosen.validate}
    wanted = set(extents) - validated
    return [r for r in unseen(chosen.free, rows, trained_on) if r["film_id"] in wanted]


def calibrate(
    manifest: Manifest,
    outputs: Outputs,
    validation: NDArray[np.bool_],
    extents: Mapping[str, float],
) -> Manifest:
    """Fit everything that a manifest holds beside the network.

    Args:
        manifest: of the model folder; what cannot be fitted stays as it is.
        outputs: of films that the network was not trained on.
        validation: bool (N,), those on which the film's probability and the operating point of
            infection are decided.
        extents: film_id to radiologists' geographic extent, 0 to 8.

    Returns:
        The manifest with thresholds, detection, operating points and severity, each with its
        population; of a plain classifier with detection alone.
    """
    validated = outputs.part(validation)
    where = population(validated.films.rows)
    detection = fit_detection(validated, manifest.thresholds, where) or manifest.detection
    if not outputs.maps.any():  # nothing is localised that a point could be chosen on
        return replace(manifest, detection=detection)
    thresholds = manifest.thresholds
    points = choose_infection(validated, thresholds, detection)
    if points is not None:
        thresholds = replace(points, infection_chosen_on=where)
    opaque = choose_opacity(outputs, thresholds, detection)
    if opaque is not None:
        thresholds = replace(thresholds, opacity=opaque[0], opacity_chosen_on=opaque[1])
    severity = manifest.severity
    shares = lung_shares(outputs, thresholds, detection)
    rows = outputs.films.rows
    readings = Readings.known(
        shares,
        [extents.get(row["film_id"], np.nan) for row in rows],
        film_groups(rows),
    )
    read = [row for row in rows if row["film_id"] in extents]
    normal = outputs.films.classes == 2
    healthy = [row for row, clear in zip(rows, normal, strict=True) if clear]
    fitted = fit_extent(
        readings,
        shares[normal],
        population=f"readings: {population(read)}; healthy: {population(healthy)}",
    )
    severity = fitted if fitted.films else severity
    labelled = [row for row, label in zip(rows, outputs.films.covid19, strict=True) if label >= 0]
    both = operating_points(outputs, thresholds, detection, population(labelled))
    return replace(
        manifest,
        thresholds=thresholds,
        detection=detection,
        operating=both or manifest.operating,
        severity=severity,
    )


def card_lines(manifest: Manifest) -> list[str]:
    """What the model card says of operating points and calibrations."""
    at, severity = manifest.thresholds, manifest.severity
    lines = [
        f"- Probability of COVID-19: Platt scaling on {manifest.detection.population}.",
        f"- Operating point of detection: {at.covid:g}, the lowest at a specificity of "
        f"{SPECIFICITY:g} on {at.infection_chosen_on}.",
        f"- Infection threshold of a pixel: {at.infection:g}, highest mean Dice there.",
        f"- Opacity threshold: {at.opacity:g}, highest mean Dice with an opacity (at least "
        f"{FOUND_OPACITY:.0%} of the lungs) on at most {FALSE_OPACITY:.0%} of normal films "
        f"({at.opacity_chosen_on}).",
        *operating_lines(manifest.operating),
    ]
    if severity.films:
        covered = "" if severity.coverage is None else f"{severity.coverage:.1%}"
        lines.append(
            f"- Severity: {severity.population}. Interval from residuals of cross-validation by "
            f"patient, made for {1 - severity.alpha:.0%}; left-out patients covered: {covered}; "
            f"half width {severity.half_widths[0]:.1f} at score 0, {severity.half_widths[1]:.1f} "
            "at 8."
        )
    else:
        lines.append(f"- Severity: {severity.population}.")
    return lines


def population(rows: Sequence[Film]) -> str:
    """Films in words: each source with its published split and the number of films."""
    counts = Counter(
        " ".join(filter(None, (row["source"], row.get("official_split")))) for row in rows
    )
    return "; ".join(f"{name}, {n} films" for name, n in sorted(counts.items())) or "no film"


def fit_detection(
    outputs: Outputs, thresholds: Thresholds, where: str = "unknown films"
) -> PlattScaling | None:
    """Logistic regression on the amount of infection in the lungs, or on the class without maps.

    Args:
        outputs: films known to be of COVID-19 or not, and others, which are left out.
        thresholds: of which the lungs' is used.
        where: the films in words.

    Returns:
        The scaling; None where the films are all of COVID-19 or none is.
    """
    from scipy.optimize import minimize

    known = outputs.films.covid19 >= 0
    truth = outputs.films.covid19[known].astype(float)
    if not len(truth) or truth.min() == truth.max():
        return None
    found = amounts(outputs, thresholds)[known]
    localised = bool(found.any())
    x = amount_log_odds(found) if localised else class_log_odds(outputs.logits[known])

    def negative_log_likelihood(p: NDArray[np.float64]) -> float:
        z = x * p[0] + p[1]
        # The weak penalty keeps the slope finite where the classes are apart.
        return float(np.mean(np.logaddexp(0.0, z) - truth * z) + 1e-4 * p[0] ** 2)

    slope, intercept = (
        round(float(p), 5) for p in minimize(negative_log_likelihood, np.array([1.0, 0.0])).x
    )
    if localised:
        return PlattScaling(0.0, 0.0, intercept, where, amount_slope=slope)
    return PlattScaling(slope, 0.0, intercept, where)


def amounts(outputs: Outputs, thresholds: Thresholds) -> NDArray[np.float64]:
    """Amount of infection in each film's lungs, float64 (N,), [0, 1]; see ``map_amount``."""
    found = np.zeros(len(outputs))
    for index, maps in enumerate(outputs.maps):
        lungs = find_lungs(maps, _square(maps), thresholds).labels > 0
        found[index] = map_amount(maps[0][lungs])
    return found


def choose_infection(
    outputs: Outputs, thresholds: Thresholds, detection: PlattScaling
) -> Thresholds | None:
    """The operating points of film and of infected pixel.

    A film's is the lowest at which detection is specific enough, see ``specific_point``. A pixel's
    is the one of the highest mean Dice per film (1 where truth and result are both empty) over
    films with known infection, where a film that is not detected has no infected pixel.

    Returns:
        None without films of known infection.
    """
    known = outputs.films.dense[:, 0]
    if not known.any():
        return None
    # The lowest points leave the maps of all films that any candidate detects as the network has
    # them, so that one pass serves both choices.
    lowest = replace(thresholds, infection=CANDIDATES[0], film=CANDIDATES[0])
    found = list(outputs.findings(lowest, detection))
    film = specific_point(np.array([f.probability for f in found]), outputs.films.covid19)
    truth = (outputs.films.masks & INFECTION) > 0
    dice = [
        dice_by_level(found[i].infection * (found[i].probability >= film), truth[i])
        for i in np.flatnonzero(known)
    ]
    curve = np.mean(dice, axis=0)
    pixel = max(CANDIDATES, key=lambda candidate: float(curve[first_level(candidate)]))
    return replace(thresholds, infection=pixel, film=film)


def specific_point(probability: NDArray[np.float64], covid19: NDArray[np.int8]) -> float:
    """The lowest candidate at which films without COVID-19 are called so in one of a hundred.

    Args:
        probability: (N,), of COVID-19.
        covid19: int8 (N,), 1 it is, 0 it is not, -1 unknown.
    """
    others = probability[covid19 == 0]
    good = (c for c in CANDIDATES if not len(others) or (others >= c).mean() <= 1.0 - SPECIFICITY)
    return next(good, CANDIDATES[-1])


def choose_opacity(
    outputs: Outputs, thresholds: Thresholds, detection: PlattScaling
) -> tuple[float, str] | None:
    """The opacity threshold, and the films that it was chosen on.

    The highest Dice on films with known opacities, mean of the means over COVID-19 and over other
    pneumonias, among the candidates at which few normal films are read with an opacity, see
    ``FALSE_OPACITY``; the one with the fewest where none is.

    Returns:
        None without films of known opacities.
    """
    films = outputs.films
    truth = (films.masks & OPACITY) > 0
    drawn = films.dense[:, 1] & truth.any(axis=(1, 2))
    normal = films.classes == 2
    if not drawn.any():
        return None
    used = np.flatnonzero(drawn | normal)
    found = outputs.part(drawn | normal).findings(thresholds, detection)
    dice, opaque = [], []
    for index, finding in zip(used, found, strict=True):
        dice.append(dice_by_level(finding.opacity, truth[index]))
        area = _at_or_above(finding.opacity[finding.lungs])
        opaque.append(area / max(1, area[0]) >= FOUND_OPACITY)
    curve = _mean_of_means(np.stack(dice), films.classes[used], drawn[used])
    false = np.stack(opaque)[normal[used]].mean(axis=0) if normal.any() else np.zeros(LEVELS + 1)
    scores = []
    for candidate in CANDIDATES:
        level = first_level(candidate)
        alarms = float(false[level])
        good = alarms <= FALSE_OPACITY
        scores.append((good, 0.0 if good else -alarms, float(curve[level])))
    best = CANDIDATES[max(range(len(scores)), key=scores.__getitem__)]
    where = population([films.rows[i] for i in np.flatnonzero(drawn)])
    clear = population([films.rows[i] for i in np.flatnonzero(normal)])
    return best, f"opacities: {where}; normal: {clear}"


def lung_shares(
    outputs: Outputs, thresholds: Thresholds, detection: PlattScaling
) -> NDArray[np.float64]:
    """Mean opacity probability (N, 2) of the right and left lung; NaN where one was not found."""
    shares = [
        (f.mean_opacity("ABC"), f.mean_opacity("DEF"))
        for f in outputs.findings(thresholds, detection)
    ]
    return np.array(shares, np.float64).reshape(-1, 2)


def dice_by_level(levels: NDArray[np.uint8], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice of the pixels at or above every level, float64 (256,); 1 where both are empty.

    Args:
        levels: uint8 (H, W).
        truth: bool (H, W).
    """
    found, both = _at_or_above(levels.ravel()), _at_or_above(levels[truth])
    total = found + int(truth.sum())
    return np.where(total > 0, 2.0 * both / np.maximum(total, 1), 1.0)


def _at_or_above(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of pixels (N,) at or above every level, int64 (256,)."""
    return np.bincount(levels, minlength=LEVELS + 1)[::-1].cumsum()[::-1]


def _square(maps: NDArray[np.uint8]) -> Letterbox:
    """The network's own grid, for maps (3, S, S)."""
    size = maps.shape[1]
    return Letterbox(size, size, size)


def _mean_of_means(
    values: NDArray[np.float64], groups: NDArray[np.int64], keep: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean over groups of the mean of each, of films kept, float64 (256,)."""
    means = [values[keep & (groups == name)].mean(axis=0) for name in np.unique(groups[keep])]
    return np.asarray(np.mean(means, axis=0), np.float64)
