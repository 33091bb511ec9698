"""What a server says of films, as values; an answer of another shape is an error in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infmap.core.errors import PeerError
from infmap.core.files import Json

Kind = Literal[
    "json", "full", "preview.jpg", "zones", "overlay", "pdf", "seg", "seg-fractional", "sr", "sc",
    "gsps", "pdf-dicom", "fhir", "infection", "opacity", "lungs",
]  # fmt: skip
"""What there is to download of a film; the last three are its maps, PNG in film pixels."""


@dataclass(frozen=True)
class Film:
    """A film that was read.

    Attributes:
        id: identifier of the result; the same film with the same model has the same one.
        name: what the caller calls it.
        model: name of the model that read it.
        figures: one line of ``results.jsonl``; docs/predict.md says what its fields mean.
        answer: everything that the server tells of the film, as JSON.
    """

    id: str
    name: str
    model: str
    figures: Mapping[str, Json]
    answer: Mapping[str, Json]

    @classmethod
    def of(cls, answer: Json) -> Film:
        """A film as the server tells it.

        Raises:
            PeerError: it is none.
        """
        whole = mapping(answer)
        return cls(
            text(whole, "film"), text(whole, "name"), text(whole, "model"),
            mapping(whole.get("line")), whole,
        )  # fmt: skip


@dataclass(frozen=True)
class FilmEvent:
    """What came of one film of a job.

    Attributes:
        position: of the film in the job, from 0.
        name: what the caller calls it.
        model: name of the model.
        state: "waiting", "queued", "leased", "done", "failed" or "cancelled".
        film: identifier of the result, for ``Client.film`` and ``Client.download``; None where
            there is none.
        status: "ok", "rejected" or "failed"; None where it is not read yet.
        reason: why it was not assessed, one line.
    """

    position: int
    name: str
    model: str
    state: str
    film: str | None
    status: str | None
    reason: str | None

    @classmethod
    def of(cls, answer: Json) -> FilmEvent:
        """An item or an event as the server tells it.

        Raises:
            PeerError: it is none.
        """
        whole = mapping(answer)
        position = whole.get("position")
        if not isinstance(position, int):
            raise unexpected("position")
        return cls(
            position, text(whole, "name"), text(whole, "model"), text(whole, "state"),
            _optional(whole, "film"), _optional(whole, "status"), _optional(whole, "reason"),
        )  # fmt: skip


def mapping(value: Json) -> Mapping[str, Json]:
    """A JSON object.

    Raises:
        PeerError: it is none.
    """
    if not isinstance(value, dict):
        raise unexpected("an object")
    return value


def text(values: Mapping[str, Json], key: str) -> str:
    """Text that an answer must have.

    Raises:
        PeerError: it has none.
    """
    found = values.get(key)
    if not isinstance(found, str):
        raise unexpected(key)
    return found


def rows(value: Json) -> list[Json]:
    """A JSON list.

    Raises:
        PeerError: it is none.
    """
    if not isinstance(value, list):
        raise unexpected("a list")
    return value


def unexpected(what: str) -> PeerError:
    """The error of an answer that is not what this version of infmap knows."""
    return PeerError(f"server: expected an answer with {what}; is it infmap serve of this version?")


def _optional(values: Mapping[str, Json], key: str) -> str | None:
    found = values.get(key)
    return found if isinstance(found, str) else None
