"""The report in sentences, for a reader who sees no measurement groups."""

from __future__ import annotations

import math
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from infmap.core.types import Prediction
from infmap.dicom.derived import NOTICE, guarded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PATIENT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientNames",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)
"""Elements whose values no warning may repeat."""
_SHORTEST = 3  # characters; a shorter value is in most sentences by chance
_PATH = re.compile(
    r"(?:^|[\s'\"(])(?:~|\.{0,2}|[A-Za-z]:)[\\/]\S"  # /a, ./a, C:\a
    r"|\S[\\/]\S+[\\/]"  # a/b/
    r"|\w\.(?:dcm|dicom|ima|png|jpe?g|tiff?|bmp|webp)\b",
    re.IGNORECASE,
)


def comments(p: Prediction, header: Dataset) -> list[str]:
    """Texts of the report: what is found, and a text a warning.

    Args:
        p: what the system says of the film.
        header: of ``film_header``; warnings that repeat a value of it are left out.
    """
    found = " ".join([NOTICE, *_opacity(p), *_covid(p), *_limits(p)])
    kept = [w for w in p.warnings if not _names_someone(w, p, header)]
    texts = [found, *(f"Warning: {warning}" for warning in kept)]
    left = len(p.warnings) - len(kept)
    if left:
        texts.append(f"Warnings left out because they name a file or a person: {left}")
    return texts


def report_sentences(source: Dataset, p: Prediction) -> list[str]:
    """The same texts of a film whose header is not yet copied.

    Args:
        source: the film, with or without pixels.
        p: what the system says of it.

    Raises:
        UnreadableFilm: the film's header is damaged.
    """
    from infmap.dicom.header import film_header

    with guarded("a DICOM film to report on"):
        return comments(p, film_header(source, p.radiograph.sha256).dataset)


def _opacity(p: Prediction) -> list[str]:
    low, high = p.severity.interval
    if p.opaque.any():
        said = [
            f"Lung opacity, whatever its cause: {_percent(p.opacity_fraction)} of the lung area "
            f"(opacity map); right lung {_percent(p.opacity_fraction_right)}, left lung "
            f"{_percent(p.opacity_fraction_left)}."
        ]
    else:
        said = ["No lung opacity found (opacity map)."]
    allowed = f", which allows {', '.join(p.severity.grades)}" if p.severity.grades else ""
    return [
        *said,
        f"Severity grade of the opacity: {p.severity.grade}. Extent score "
        f"{p.severity.extent_score:.1f} of 8, 90 % interval {low:.1f} to {high:.1f}{allowed}.",
    ]


def _covid(p: Prediction) -> list[str]:
    point = p.thresholds.get("covid", math.nan)
    at = "the operating point" + ("" if math.isnan(point) else f" of {_percent(point)}")
    probability = f"probability {_percent(p.covid_probability)}"
    if not p.covid_detected:
        said = [f"COVID-19 not detected: {probability}, below {at}."]
    else:
        said = [f"COVID-19 detected: {probability}, at or above {at}."]
    if p.infected.any():
        said.append(
            f"Opacity attributed to COVID-19: {_percent(p.infected_fraction)} of the lung area "
            "(infection map)."
        )
    return said


def _limits(p: Prediction) -> list[str]:
    """What a reader must know of the figures."""
    said = []
    if not p.radiograph.side_stated:
        said.append(
            "The film's header does not state the patient's sides: right and left are those of "
            "the film as displayed."
        )
    on = p.calibrated_on
    said.append(
        f"Calibrated on: probability, {on.probability}; operating point, {on.operating_point}; "
        f"opacity, {on.opacity}; severity, {on.severity}."
    )
    checksum = f", SHA-256 {p.model_sha256}" if p.model_sha256 else ""
    said.append(f"Model {p.model}{checksum}.")
    return said


def _percent(share: float) -> str:
    """A share as per cent; what is not zero is not shown as zero, nor what is not all as all."""
    if not math.isfinite(share):
        return "not measured"
    if 0.0 < share < 0.001:
        return "below 0.1 %"
    if 0.999 < share < 1.0:
        return "above 99.9 %"
    return f"{100.0 * share:.1f} %"


def _names_someone(warning: str, p: Prediction, header: Dataset) -> bool:
    """Whether a warning may name a file or repeat what the header says of a person."""
    path = PurePath(p.radiograph.source.replace("\\", "/"))
    named = {p.radiograph.source, path.name}
    if not (path.stem.isalpha() and path.stem.islower()):  # "chest" is in many a sentence
        named.add(path.stem)
    # Names that the reader gives to films without a file.
    named -= {"array", "dataset", "bytes"}
    for keyword in PATIENT:
        named.update(re.split(r"[\^=\\]", str(header.get(keyword) or "")))
        named.add(str(header.get(keyword) or ""))
    text = warning.casefold()
    repeats = any(
        re.search(rf"(?<!\w){re.escape(v.casefold())}(?!\w)", text)
        for v in named
        if len(v.strip()) >= _SHORTEST
    )
    return repeats or _PATH.search(warning) is not None
