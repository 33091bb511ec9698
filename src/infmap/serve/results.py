"""Results: one a film's bytes, model and threshold, however often it is asked for.

The row says what came of a film and who the patient is (as a keyed hash); its folder holds the line
and the planes. The identifier is a keyed hash of what the result is of, so that the same film gives
the same one and nobody without the key can tell whether a film is there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NotRequired

from pydantic import TypeAdapter
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    select,
    true,
)  # fmt: skip
from typing_extensions import TypedDict

from infmap.report.lines import PredictionLine
from infmap.serve.errors import NotFound
from infmap.serve.schema import items as item_table
from infmap.serve.schema import jobs as job_table
from infmap.serve.schema import results as table
from infmap.serve.store import Store
from infmap.web.columns import TableRow
from infmap.web.database import inserting, portions

Status = Literal["ok", "rejected", "failed"]
Layer = Literal["infection", "opacity", "lungs"]
LINE, FACTS, PREVIEW = "result.json", "film.json", "preview.jpg"
"""Files of a result's folder, beside one PNG a layer."""


class Facts(TypedDict):
    """What a viewer needs of a film beside its line.

    Attributes:
        width: film pixels as displayed.
        height: film pixels as displayed.
        bits: of a grey level of the full film, 8 to 16.
        window_center: grey level at the middle of the window that it opens with.
        window_width: grey levels.
        study_date: ISO date; None where unknown.
        pixel_spacing: millimetres between pixel centres at the detector, (row, column); None where
            unknown.
        dicom: the film came as a DICOM file.
        figures: the prediction's own figures, to all digits, as JSON text; None where there is no
            prediction.
        view: "AP", "PA"... as the file states it; None where it does not. Results that were written
            before it was noted have no such key.
    """

    width: int
    height: int
    bits: int
    window_center: float
    window_width: float
    study_date: str | None
    pixel_spacing: tuple[float, float] | None
    dicom: bool
    figures: str | None
    view: NotRequired[str | None]


@dataclass(frozen=True)
class Result:
    """What came of a film.

    Attributes:
        film: identifier.
        sha256: of the film's bytes.
        model_sha: checksum of the model folder.
        threshold: of infection, in (0, 1).
        named: a job named the threshold: it is the one point of film and pixel, where the model's
            own has others beside it.
        status: "ok"; "rejected", read but not fit for use; "failed", not readable.
        reason: why not, one line.
        patient: keyed hash; None where the file names none.
        study_date: days since 1970; None where unknown.
        infected_fraction: of the lung area, [0, 1]; None where the film was not assessed.
        opacity_fraction: the same for any opacity.
        score: extent score, 0 to 8.
        created: UTC milliseconds since 1970.
        view: "AP", "PA"... as the file states it; "" where it does not; None where it was not
            noted, as in results of earlier versions.
    """

    film: str
    sha256: str
    model_sha: str
    threshold: float
    named: bool
    status: Status
    reason: str | None
    patient: str | None
    study_date: int | None
    infected_fraction: float | None
    opacity_fraction: float | None
    score: float | None
    created: int
    view: str | None = None


@dataclass(frozen=True)
class Same:
    """Another film of the same patient.

    Attributes:
        film: identifier of its result.
        days: from the film asked about to it; negative for an earlier one.
        infected_fraction: of the lung area, [0, 1].
        opacity_fraction: the same for any opacity.
        score: extent score, 0 to 8.
        view: as in ``Result``.
    """

    film: str
    days: int
    infected_fraction: float | None
    opacity_fraction: float | None
    score: float | None
    view: str | None


def film_id(key: bytes, sha256: str, model_sha: str, threshold: float, named: bool) -> str:
    """Identifier of a result, 22 letters, digits, "-" and "_".

    Args:
        key: the server's.
        sha256: of the film's bytes.
        model_sha: of the model folder.
        threshold: of infection.
        named: a job named it; else it is the model's own.
    """
    point = f"{threshold!r}\0{'named' if named else 'own'}"
    text = f"film\0{sha256}\0{model_sha}\0{point}"
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def patient_hash(key: bytes, issuer: str, patient: str) -> str | None:
    """A patient's identifier as a keyed hash, equal for equal ones; None for none.

    Two hospitals number their patients alike: the issuer is part of it.
    """
    if not patient.strip():
        return None
    text = f"patient\0{issuer.strip()}\0{patient.strip()}"
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def keep(c: Connection, *made: Result) -> None:
    """Write the rows of results; one that failed before gives way, any other stays as it is.

    Args:
        c: a writing transaction.
        made: results whose folders, where they have one, are on the disk.
    """
    if not made:
        return
    rows = [
        {
            "film_id": result.film, "sha256": result.sha256, "model_sha": result.model_sha,
            "threshold": result.threshold, "named": result.named, "status": result.status,
            "reason": result.reason, "patient": result.patient, "study_date": result.study_date,
            "infected_fraction": result.infected_fraction,
            "opacity_fraction": result.opacity_fraction, "score": result.score,
            "created": result.created, "view": result.view,
        }
        for result in made
    ]  # fmt: skip
    new = inserting(c, table)
    failed_before: ColumnElement[bool] = table.c.status == "failed"
    changed = {name: new.excluded[name] for name in rows[0]}
    c.execute(
        new.on_conflict_do_update(index_elements=_WHOSE, set_=changed, where=failed_before),
        rows,
    )


def get(c: Connection, film: str) -> Result:
    """The result of an identifier, whoever asks; see ``visible``.

    Raises:
        NotFound: there is none.
    """
    row = c.execute(_ONE, {"of": film}).one_or_none()
    if row is None:
        raise NotFound("film")
    return _of(row)


def known(c: Connection, films: Iterable[str]) -> set[str]:
    """Those of some results that have a row."""
    found = set[str]()
    for some in portions(films):
        found.update(c.execute(select(table.c.film_id).where(table.c.film_id.in_(some))).scalars())
    return found


def stored(
    c: Connection, digests: Iterable[str], model_sha: str, threshold: float, named: bool
) -> list[Result]:
    """Results that there are of some films with one model and threshold; see ``Result``."""
    found: list[Result] = []
    # By what they are of, not by identifier: older results have identifiers made otherwise.
    alike = {"model": model_sha, "at": threshold, "by_name": named}
    for some in portions(digests):
        found += [_of(row) for row in c.execute(_ALIKE, {"some": some, **alike})]
    return found


def visible(c: Connection, film: str, key: str | None) -> bool:
    """Whether an API key may see a film: one of its own jobs has it.

    Args:
        c: a transaction.
        film: identifier.
        key: identifier of the key; None where all may be seen.
    """
    query = select(table.c.film_id).where(table.c.film_id == film, _seen_by(key))
    return c.execute(query).first() is not None


def seen(c: Connection, digests: Iterable[str], key: str) -> set[str]:
    """Those of some checksums of films that have a result which an API key may see."""
    found = set[str]()
    for some in portions(digests):
        query = select(table.c.sha256).where(table.c.sha256.in_(some), _seen_by(key))
        found.update(c.execute(query).scalars())
    return found


def name(c: Connection, film: str, key: str | None) -> tuple[str, str]:
    """What the client calls a film and the model's name, of the newest item that has it.

    Raises:
        NotFound: there is none that the key may see.
    """
    i = item_table
    query = select(i.c.name, i.c.model).where(i.c.film_id == film)
    if key is not None:
        query = query.join(job_table, job_table.c.id == i.c.job_id).where(job_table.c.key_id == key)
    row = c.execute(query.order_by(i.c.created.desc(), i.c.id).limit(1)).one_or_none()
    if row is None:
        raise NotFound("film")
    return row.name, row.model


def others(c: Connection, this: Result, key: str | None) -> list[tuple[str, str]]:
    """The same film's results with other models or thresholds: identifier and model's name."""
    given = {"of": this.sha256, "this": this.film, "key": key}
    ids = c.execute(_others(key is None), given).scalars().all()
    return [(one, name(c, one, key)[1]) for one in ids]


def same_patient(c: Connection, this: Result, key: str | None, most: int = 100) -> list[Same]:
    """Other assessed films of a result's patient with the same model, the earliest first."""
    if this.patient is None or this.study_date is None:
        return []
    query = (
        select(table)
        .where(table.c.patient == this.patient, table.c.film_id != this.film)
        .where(table.c.status == "ok")
        .where(table.c.model_sha == this.model_sha, table.c.threshold == this.threshold)
        .where(table.c.named == this.named)
        .where(table.c.study_date.is_not(None), _seen_by(key))
        .order_by(table.c.study_date, table.c.created, table.c.film_id)
        .limit(most)
    )
    return [
        Same(row.film_id, row.study_date - this.study_date, row.infected_fraction,
             row.opacity_fraction, row.score, row.view)
        for row in c.execute(query)
    ]  # fmt: skip


def folder(store: Store, film: str) -> Path:
    """Where the files of a result lie.

    Raises:
        NotFound: it is no identifier.
    """
    # It becomes part of a path.
    if not film.isascii() or not film.replace("-", "").replace("_", "").isalnum():
        raise NotFound("film")
    return store.results / film[:2] / film


def line(store: Store, film: str) -> PredictionLine:
    """The line of a film, as ``infmap predict`` writes it.

    Raises:
        NotFound: there is none.
    """
    parsed: PredictionLine = json.loads(_read(store, film, LINE))
    return parsed


def facts(store: Store, film: str) -> Facts:
    """What a viewer needs of a film beside its line.

    Raises:
        NotFound: there is none.
    """
    return parse_facts(_read(store, film, FACTS))


def parse_facts(data: bytes) -> Facts:
    """What ``film.json`` holds.

    Raises:
        ValueError: it is none.
    """
    return _FACTS.validate_json(data)


def layer(store: Store, film: str, name: Layer) -> Path:
    """The PNG file of a layer: 8 bits, 0 to 255 is probability 0 to 1; of lungs 0 or 255.

    Raises:
        NotFound: there is none.
    """
    path = folder(store, film) / f"{name}.png"
    if not path.is_file():
        raise NotFound("film")
    return path


@lru_cache
def _others(anyone: bool) -> Select[str]:
    alike = (table.c.sha256 == bindparam("of")) & (table.c.film_id != bindparam("this"))
    mine = _seen_by(None if anyone else bindparam("key"))
    query = select(table.c.film_id).where(alike, table.c.status == "ok", mine)
    return query.order_by(table.c.created, table.c.film_id)


def _seen_by(key: str | BindParameter[str] | None) -> ColumnElement[bool]:
    """Condition on a row: one of the API key's own jobs has the film; any row without a key."""
    if key is None:
        return true()
    i = item_table
    return exists().where(
        i.c.film_id == table.c.film_id, job_table.c.id == i.c.job_id, job_table.c.key_id == key
    )


_FACTS = TypeAdapter(Facts)
# What every film asks is built once: building costs as much as running it.
_ONE = select(table).where(table.c.film_id == bindparam("of"))
_POINT = (table.c.model_sha == bindparam("model")) & (table.c.threshold == bindparam("at"))
_ALIKE = select(table).where(
    table.c.sha256.in_(bindparam("some", expanding=True)), _POINT,
    table.c.named == bindparam("by_name"),
)  # fmt: skip
_WHOSE = ("sha256", "model_sha", "threshold", "named")


def _read(store: Store, film: str, file: str) -> bytes:
    try:
        return (folder(store, film) / file).read_bytes()
    except FileNotFoundError as error:
        raise NotFound("film") from error


def _of(row: TableRow) -> Result:
    return Result(
        row.film_id, row.sha256, row.model_sha, row.threshold, row.named, row.status, row.reason,
        row.patient, row.study_date, row.infected_fraction, row.opacity_fraction, row.score,
        row.created, row.view,
    )  # fmt: skip
