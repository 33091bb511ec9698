"""Masks that networks propose: who proposes what for which films, round by round.

A round is one training: networks propose for every film that is not settled, readers decide, and
networks trained on what was approved propose in the next round. A worker may run on the station's
machine or on another; it reads films as the station holds them, without the patient, and what it
did is kept film by film, so that a worker that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from PIL import Image
from sqlalchemy import Connection, select, text, update

from infmap.annotation import audit, films, planning, projects, schema
from infmap.annotation.importing import FULL
from infmap.annotation.planning import Planned
from infmap.annotation.smoothing import smoothed
from infmap.annotation.store import Store, new_id, now, put_mask
from infmap.core.errors import FilmError, UsageError
from infmap.core.types import Prediction
from infmap.web.film_encoding import decode_film
from infmap.web.masks import Mask, decode, encode, of_planes

_LONGEST_NAME = 128


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a network makes of one film.

    Attributes:
        mask: uint8 (H, W), film pixels, bits of ``masks.LABELS``.
        lungs: the lungs alone, as a mask, for brushes that stay inside; None without.
    """

    mask: Mask
    lungs: Mask | None = None


@dataclass(frozen=True)
class Proposer:
    """A network that proposes.

    Attributes:
        network: name@version.
        propose: makes the proposal for a film's file; raises FilmError where it has none.
    """

    network: str
    propose: Callable[[Path], Proposal]


@dataclass(frozen=True)
class Proposed:
    """What a worker did.

    Attributes:
        network: name@version.
        round: of the proposals.
        made: proposals that came in.
        without: films that the network rejects, with the reason.
        planned: what planning made of them.
    """

    network: str
    round: int
    made: int
    without: tuple[tuple[str, str], ...]
    planned: Planned


def of_prediction(prediction: Prediction, labels: Sequence[str]) -> Proposal:
    """The proposal that the system's own reading of a film makes, in a project with these labels.

    The infected region, ``smoothed``, becomes "infection" and the lungs "lungs"; it does not tell
    ground glass from consolidation, and finds no effusion.
    """
    infected = smoothed(prediction.infected, prediction.lungs)
    planes = {"infection": infected, "lungs": prediction.lungs}
    lungs = of_planes({"lungs": prediction.lungs})
    wanted = {label: where for label, where in planes.items() if label in labels}
    return Proposal(of_planes(wanted) if wanted else np.zeros_like(lungs), lungs)


class Station(Protocol):
    """A project of a station, here or on another machine."""

    def newest_round(self) -> int:
        """The round of the newest proposals; 0 before any."""
        ...

    def wanted(self, network: str, number: int) -> list[str]:
        """Films that need this network's proposal in this round."""
        ...

    def film(self, film: str) -> bytes:
        """A film as ``IFL1``."""
        ...

    def add(self, film: str, network: str, mask: bytes, number: int, lungs: bytes | None) -> None:
        """Hand a proposal in, IMK1."""
        ...

    def plan(self) -> Planned:
        """Make tasks of what came in."""
        ...


@dataclass(frozen=True)
class LocalStation:
    """A project of a station on this machine."""

    store: Store
    project: str
    by: str | None = None

    def newest_round(self) -> int:
        """See ``Station``."""
        with self.store.read() as c:
            return projects.get(c, self.project).round

    def wanted(self, network: str, number: int) -> list[str]:
        """See ``Station``."""
        with self.store.read() as c:
            return wanted(c, self.project, network, number)

    def film(self, film: str) -> bytes:
        """See ``Station``."""
        return (self.store.film_folder(film) / FULL).read_bytes()

    def add(self, film: str, network: str, mask: bytes, number: int, lungs: bytes | None) -> None:
        """See ``Station``."""
        with self.store.begin() as c:
            add(c, film, network, mask, number, lungs)

    def plan(self) -> Planned:
        """See ``Station``."""
        planning.measure(self.store, self.project)
        with self.store.begin() as c:
            return planning.plan(c, self.project, self.by)


def propose(
    station: Station,
    proposers: Sequence[Proposer],
    number: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Proposed]:
    """Let networks propose for every film that needs it.

    Args:
        station: the project.
        proposers: the networks, each of another name.
        number: of the round; the newest by default, 1 where there is none.
        progress: called with the network, films done and films in all.

    Raises:
        UsageError: no network, two of one name, or a round that is past.
    """
    names = [proposer.network for proposer in proposers]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"propose: expected networks of different names, got {names}")
    newest = station.newest_round()
    number = max(newest, 1) if number is None else number
    if not max(newest, 1) <= number <= newest + 1:
        raise UsageError(
            f"round: expected {max(newest, 1)} to go on or {newest + 1} to begin the next, "
            f"got {number}"
        )
    done = []
    for proposer in proposers:
        made, without = 0, []
        films_left = station.wanted(proposer.network, number)
        for place, film in enumerate(films_left, 1):
            try:
                with as_picture(station.film(film)) as (path, shape):
                    proposal = _checked(proposer, path, shape)
            except FilmError as error:
                without.append((film, error.reason))
            else:
                lungs = None if proposal.lungs is None else encode(proposal.lungs)
                station.add(film, proposer.network, encode(proposal.mask), number, lungs)
                made += 1
            if progress:
                progress(proposer.network, place, len(films_left))
        done.append((proposer.network, made, tuple(without)))
    # Once for all networks: a film's candidates come to the readers together.
    planned = station.plan()
    return [Proposed(name, number, made, without, planned) for name, made, without in done]


def wanted(c: Connection, project: str, network: str, number: int) -> list[str]:
    """Films without this network's proposal of this round that readers are still to see.

    Those are films that are not approved; in stage I also the ones outlined by hand that are to be
    compared with networks.

    Args:
        c: a transaction.
        project: identifier.
        network: name@version.
        number: of the round.

    Raises:
        NotFound: there is no such project.
    """
    rules = projects.get(c, project)
    f, p, n = schema.films, schema.proposals, schema.networks
    there = (
        select(p.c.film_id)
        .join(n, n.c.id == p.c.network_id)
        .where(n.c.name == network, p.c.round == number)
    )
    open_ones = f.c.state == "open"
    if rules.settings.stage == 1:
        open_ones |= (f.c.state == "approved") & (f.c.reading == 1)
    query = select(f.c.id).where(f.c.project_id == project, open_ones, f.c.id.not_in(there))
    return [row.id for row in c.execute(query.order_by(f.c.sha256))]


def add(
    c: Connection, film: str, network: str, mask: bytes, number: int, lungs: bytes | None = None
) -> str:
    """Take a proposal in; returns its identifier. The same network's second one changes nothing.

    Args:
        c: a writing transaction.
        film: identifier.
        network: name@version, 1 to 128 characters.
        mask: IMK1, in film pixels.
        number: of the round, 1 or more.
        lungs: IMK1 with the film's lungs, kept where the film has none.

    Raises:
        NotFound: there is no such film.
        UsageError: the mask is damaged or of another size, or the name or round is not as said.
    """
    if not 1 <= len(network) <= _LONGEST_NAME or number < 1:
        raise UsageError("proposal: expected a network's name@version and a round from 1 on")
    here = films.get(c, film)
    for data in (mask, lungs):
        if data is not None:
            decode(data, (here.height, here.width))
    if lungs is not None and here.lungs is None:
        films.set_lungs(c, film, lungs)
    n, p = schema.networks, schema.proposals
    # Two workers may bring a network's first proposal at one moment: the database settles it.
    c.execute(
        text("INSERT INTO networks (id, name) VALUES (:i, :n) ON CONFLICT DO NOTHING"),
        {"i": new_id(), "n": network},
    )
    of = c.execute(select(n.c.id).where(n.c.name == network)).scalar_one()
    same = select(p.c.id).where(p.c.film_id == film, p.c.network_id == of, p.c.round == number)
    known: str | None = c.execute(same).scalar()
    if known is not None:
        return known
    identifier = new_id()
    c.execute(
        p.insert().values(
            id=identifier, film_id=film, network_id=of, mask=put_mask(c, mask), round=number,
            created=now(),
        )
    )  # fmt: skip
    f, j = schema.films, schema.projects
    c.execute(update(f).where(f.c.id == film).values(disagreement=None))
    newer = update(j).where(j.c.id == here.project, j.c.round < number)
    if c.execute(newer.values(round=number)).rowcount:
        audit.note(c, None, "begin round", here.project, {"round": number, "network": network})
    return identifier


@contextmanager
def as_picture(film: bytes) -> Iterator[tuple[Path, tuple[int, int]]]:
    """A film of the station, ``IFL1``, as a PNG file that exists meanwhile, and its (H, W).

    Films of more than eight bits become 16-bit files of the same grey levels in proportion.

    Raises:
        FilmError: the bytes are no film.
    """
    try:
        levels, bits = decode_film(film)
    except ValueError as error:
        raise FilmError(str(error)) from error
    top = 255 if bits == 8 else 65_535
    grey = np.rint(levels * (top / (2**bits - 1)))
    with TemporaryDirectory(prefix="infmap-film-") as folder:
        path = Path(folder) / "film.png"
        Image.fromarray(grey.astype(np.uint8 if top == 255 else np.uint16)).save(path)
        yield path, levels.shape


def _checked(proposer: Proposer, path: Path, shape: tuple[int, int]) -> Proposal:
    proposal = proposer.propose(path)
    for mask in (proposal.mask, proposal.lungs):
        if mask is not None and (mask.shape != shape or mask.dtype != np.uint8):
            raise UsageError(
                f"{proposer.network}: expected a uint8 mask of {shape}, "
                f"got {mask.dtype} {mask.shape}"
            )
    return proposal
