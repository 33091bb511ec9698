"""Films of a project: what the station knows of each, without knowing the patient."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from infmap.annotation import schema
from infmap.annotation.errors import NotFound
from infmap.annotation.store import new_id, now, put_mask
from infmap.web.columns import TableRow


@dataclass(frozen=True)
class NewFilm:
    """A film that comes in.

    Attributes:
        sha256: of the file, hexadecimal: a file comes into a project once.
        width: film pixels as displayed.
        height: film pixels as displayed.
        bits: of a grey level, 8 to 16.
        window_center: grey level at the middle of the window that it opens with.
        window_width: grey levels.
        patient: ``patient_hash``; None where the file names none.
        day: of the examination, days since 1970; None where unknown.
        source: path of the file, for administrators and export only.
        lungs: IMK1 with the lungs of a network, for brushes that stay inside; None without.
    """

    sha256: str
    width: int
    height: int
    bits: int
    window_center: float
    window_width: float
    patient: str | None = None
    day: int | None = None
    source: str = ""
    lungs: bytes | None = None


@dataclass(frozen=True)
class Film:
    """A film of a project.

    Attributes:
        id: random text.
        project: identifier.
        state: "open"; "disputed": its readers disagree and a senior has to decide; "approved";
            "unusable": rejected by all its readers.
        lungs: digest of the mask; None where there is none.
        has_patient: whether the file named a patient.

    The other attributes are those of ``NewFilm``.
    """

    id: str
    project: str
    sha256: str
    width: int
    height: int
    bits: int
    window_center: float
    window_width: float
    day: int | None
    source: str
    lungs: str | None
    state: str
    has_patient: bool


@dataclass(frozen=True)
class Prior:
    """An earlier film of the same patient.

    Attributes:
        film: identifier.
        days_before: days from it to the film asked about, 0 for the same day.
    """

    film: str
    days_before: int


def patient_hash(key: bytes, patient: str) -> str:
    """A patient's identifier as a keyed SHA-256: equal for equal ones, and not to be reversed."""
    return hmac.new(key, patient.strip().encode(), hashlib.sha256).hexdigest()


def add(c: Connection, project: str, film: NewFilm) -> str:
    """Take a film into a project, once however often its file comes; returns its identifier.

    Args:
        c: a writing transaction.
        project: identifier.
        film: what is known of it. Lungs of a file that is there already replace the older ones.
    """
    table = schema.films
    lungs = put_mask(c, film.lungs) if film.lungs is not None else None
    query = select(table.c.id).where(table.c.project_id == project, table.c.sha256 == film.sha256)
    known: str | None = c.execute(query).scalar()
    if known is not None:
        if lungs is not None:
            c.execute(update(table).where(table.c.id == known).values(lungs=lungs))
        return known
    film_id = new_id()
    c.execute(
        table.insert().values(
            id=film_id, project_id=project, sha256=film.sha256, width=film.width,
            height=film.height, bits=film.bits, window_center=film.window_center,
            window_width=film.window_width, patient=film.patient, day=film.day,
            source=film.source, lungs=lungs, state="open", reading=1, settled=0, disagreement=None,
            imported=now(),
        )
    )  # fmt: skip
    return film_id


def get(c: Connection, film: str) -> Film:
    """The film of an identifier, whoever asks; see ``visible``.

    Raises:
        NotFound: there is none.
    """
    row = c.execute(select(schema.films).where(schema.films.c.id == film)).one_or_none()
    if row is None:
        raise NotFound("film")
    return _of(row)


def every(c: Connection, project: str) -> list[Film]:
    """All films of a project, by the digest of their files: equal in every copy of a station."""
    table = schema.films
    query = select(table).where(table.c.project_id == project).order_by(table.c.sha256)
    return [_of(row) for row in c.execute(query)]


def set_lungs(c: Connection, film: str, mask: bytes) -> None:
    """Give a film its lungs, IMK1, for brushes that stay inside."""
    digest = put_mask(c, mask)
    c.execute(update(schema.films).where(schema.films.c.id == film).values(lungs=digest))


def priors(c: Connection, film: str, most: int = 8) -> list[Prior]:
    """Earlier films of the same patient in the same project, the latest first.

    Films of the same day count as earlier where they came in first: which was taken first is not
    known to the day.

    Raises:
        NotFound: there is no such film.
    """
    f = schema.films
    this = c.execute(select(f).where(f.c.id == film)).one_or_none()
    if this is None:
        raise NotFound("film")
    if this.patient is None or this.day is None:
        return []
    same_day = (f.c.day == this.day) & (
        (f.c.imported < this.imported) | ((f.c.imported == this.imported) & (f.c.id < this.id))
    )
    query = (
        select(f.c.id, f.c.day)
        .where(f.c.project_id == this.project_id, f.c.patient == this.patient, f.c.id != film)
        .where((f.c.day < this.day) | same_day)
        .order_by(f.c.day.desc(), f.c.imported.desc(), f.c.id.desc())
        .limit(most)
    )
    return [Prior(row.id, this.day - row.day) for row in c.execute(query)]


def visible(c: Connection, film: str, user: str) -> bool:
    """Whether a user was given a task on a film, or on a later film of the same patient.

    Args:
        c: a transaction.
        film: identifier.
        user: identifier.
    """
    f, t, given = schema.films, schema.tasks, schema.leases
    this = c.execute(select(f.c.project_id, f.c.patient).where(f.c.id == film)).one_or_none()
    if this is None:
        return False
    same = f.c.id == film
    if this.patient is not None:
        same |= f.c.patient == this.patient
    query = (
        select(t.c.film_id)
        .join(given, given.c.task_id == t.c.id)
        .join(f, f.c.id == t.c.film_id)
        .where(given.c.user_id == user, f.c.project_id == this.project_id)
        .where(same)
        .distinct()
    )
    shown = [row.film_id for row in c.execute(query)]
    return film in shown or any(prior.film == film for s in shown for prior in priors(c, s))


def _of(row: TableRow) -> Film:
    return Film(
        row.id, row.project_id, row.sha256, row.width, row.height, row.bits, row.window_center,
        row.window_width, row.day, row.source, row.lungs, row.state, row.patient is not None,
    )  # fmt: skip
