"""How far readers agree with each other and with themselves: Dice, Cohen's and Fleiss' kappa.

Dice is the mean over pairs of readings in which at least one has the label; kappa is pooled over
the pixels of the lungs, or of the film where its lungs are not known. Intervals are by patient.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import ZONES, BoolImage
from infmap.core.zones import LungZones, brixia_zones
from infmap.metrics import Bootstrap, Estimate, film_mean
from infmap.metrics.intervals import Clusters
from infmap.metrics.mask_agreement import (
    cohen_of,
    dice_of,
    fleiss_of,
    fleiss_sums,
    pair_counts,
)
from infmap.web.masks import Mask, plane

Kind = Literal["between", "within"]
Float64 = NDArray[np.float64]
ALL = "all"


@dataclass(frozen=True, eq=False)
class Reading:
    """A reader's mask of a film.

    Attributes:
        film: identifier.
        patient: identifier, the same for all films of one patient.
        reader: name.
        mask: uint8 (H, W), film pixels.
        decided: UTC milliseconds since 1970.
        lungs: bool (H, W), where known.
        repeat: the reader has read the film before, unannounced.
    """

    film: str
    patient: str
    reader: str
    mask: Mask
    decided: int
    lungs: BoolImage | None = None
    repeat: bool = False


@dataclass(frozen=True)
class Agreement:
    """How far two readers agree, or one with itself.

    Attributes:
        kind: "between" two readers, or "within" one who read a film twice.
        readers: their names, twice the same for "within"; "all" for all pairs together.
        label: what was marked.
        zone: "A" to "F" (Brixia), or "all".
        month: "2026-11" (UTC) of the later reading, or "all".
        dice: mean over films, [0, 1].
        kappa: Cohen's, of pixels, at most 1; NaN where chance alone would agree on every pixel.
    """

    kind: Kind
    readers: tuple[str, str]
    label: str
    zone: str
    month: str
    dice: Estimate
    kappa: Estimate


@dataclass(frozen=True)
class Pair:
    """Pixel counts of two readings of one film and label in one zone.

    Attributes:
        kind: as in ``Agreement``, and so are ``readers``, ``label``, ``zone`` and ``month``.
        patient: identifier, the same for all films of one patient.
        counts: pixels that both marked, the first alone, the second alone, and neither.
    """

    kind: Kind
    readers: tuple[str, str]
    label: str
    zone: str
    month: str
    patient: str
    counts: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Several:
    """What Fleiss' kappa needs of a film that several readers read.

    Attributes:
        patient: identifier, the same for all films of one patient.
        sums: of ``fleiss_sums``, by label.
    """

    patient: str
    sums: Mapping[str, Float64]


def agreements(
    pairs: Iterable[Pair],
    labels: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> list[Agreement]:
    """Agreement by pair of readers, by zone and by month.

    Rows come in this order for each label: all pairs together (whole film, by zone, by month),
    then each pair (whole film, by zone), first between readers and then within them.

    Args:
        pairs: of ``pairs_of`` each film.
        labels: names out of ``masks.LABELS``.
        draws: of the bootstrap by patient.
        seed: of the draws.
    """
    groups: dict[tuple[Kind, str, str, str, tuple[str, str]], list[Pair]] = defaultdict(list)
    for pair in pairs:
        everyone = (ALL, ALL)
        groups[pair.kind, pair.label, pair.zone, ALL, everyone].append(pair)
        groups[pair.kind, pair.label, pair.zone, ALL, pair.readers].append(pair)
        if pair.zone == ALL:
            groups[pair.kind, pair.label, ALL, pair.month, everyone].append(pair)
    rows = []
    for kind, label, zone, month, names in sorted(groups, key=lambda k: _order(k, labels)):
        group = groups[kind, label, zone, month, names]
        counts = np.array([pair.counts for pair in group], np.float64)
        bootstrap = Bootstrap([pair.patient for pair in group], draws, seed)
        mean, kappa = film_mean(dice_of(counts), bootstrap), _pooled(counts, bootstrap)
        rows.append(Agreement(kind, names, label, zone, month, mean, kappa))
    return rows


def fleiss(
    films: Iterable[Several],
    labels: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Fleiss' kappa by label over all films with two readers or more.

    Films may have different numbers of readers: each pixel's agreement is that of its own.
    """
    every = list(films)
    if not every:
        return dict.fromkeys(labels, Estimate(math.nan, math.nan, math.nan, 0))
    clusters = Clusters([film.patient for film in every])
    out = {}
    for label in labels:
        rows = np.array([film.sums[label] for film in every])
        drawn = fleiss_of(clusters.sums(rows, draws, seed))
        value = float(fleiss_of(rows.sum(axis=0, keepdims=True))[0])
        out[label] = Estimate(value, *clusters.percentiles(drawn, 0.95), len(rows))
    return out


def several_of(readings: Sequence[Reading], labels: Sequence[str]) -> Several | None:
    """The sums of a film's readings, repeats left out; None with one reader only."""
    first = [reading for reading in readings if not reading.repeat]
    if len(first) < 2:
        return None
    return Several(first[0].patient, {label: _fleiss_of(first, label) for label in labels})


def _order(
    key: tuple[Kind, str, str, str, tuple[str, str]], labels: Sequence[str]
) -> tuple[int, bool, tuple[str, str], int, str, str]:
    kind, label, zone, month, names = key
    one_pair = names != (ALL, ALL)
    return labels.index(label), kind == "within", (names if one_pair else ("", "")), (
        (zone != ALL) + 2 * (month != ALL)
    ), zone, month  # fmt: skip


def pairs_of(readings: Sequence[Reading], labels: Sequence[str]) -> Iterator[Pair]:
    """Every pair of readings of a film by two readers, and of a reading with its repeat."""
    first = sorted((r for r in readings if not r.repeat), key=lambda r: r.reader)
    zones = _zones(readings[0]) if readings else None
    for a, b in combinations(first, 2):
        yield from _compare("between", a, b, zones, labels)
    for again in (r for r in readings if r.repeat):
        for before in (r for r in first if r.reader == again.reader):
            yield from _compare("within", before, again, zones, labels)


def _zones(reading: Reading) -> LungZones | None:
    return None if reading.lungs is None else brixia_zones(reading.lungs)


def _compare(
    kind: Kind, a: Reading, b: Reading, zones: LungZones | None, labels: Sequence[str]
) -> Iterator[Pair]:
    moment = datetime.fromtimestamp(max(a.decided, b.decided) / 1000, UTC)
    month = f"{moment:%Y-%m}"
    of_pixel = None if zones is None else zones.labels
    for label in labels:
        first, second = plane(a.mask, label), plane(b.mask, label)
        # A mark outside the lungs is agreed upon or not as one inside is; only the background
        # that nobody would ever mark is left out, for it would make every kappa high.
        whole = pair_counts(
            first, second, None if of_pixel is None else (of_pixel > 0) | first | second
        )
        yield Pair(kind, (a.reader, b.reader), label, ALL, month, a.patient, _four(whole))
        if of_pixel is None or label == "lungs":  # zones are thirds of the lungs themselves
            continue
        for number, zone in enumerate(ZONES, 1):
            counts = pair_counts(first, second, of_pixel == number)
            yield Pair(kind, (a.reader, b.reader), label, zone, month, a.patient, _four(counts))


def _four(counts: NDArray[np.int64]) -> tuple[int, int, int, int]:
    both, first, second, neither = (int(n) for n in counts)
    return both, first, second, neither


def _pooled(counts: Float64, bootstrap: Bootstrap) -> Estimate:
    clusters = Clusters(bootstrap.groups)
    drawn = cohen_of(clusters.sums(counts, bootstrap.n, bootstrap.seed))
    value = float(cohen_of(counts.sum(axis=0, keepdims=True))[0])
    return Estimate(value, *clusters.percentiles(drawn, bootstrap.level), len(counts))


def _fleiss_of(readings: Sequence[Reading], label: str) -> Float64:
    planes = [plane(reading.mask, label) for reading in readings]
    lungs = readings[0].lungs
    if lungs is None:
        return fleiss_sums(planes)
    region = lungs | np.logical_or.reduce(planes)
    return fleiss_sums([p[region] for p in planes])
