"""What requests bring, checked before any of it is used."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from infmap.serve.jobs import MOST_ITEMS

# Identifiers that the server makes have 22 characters.
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
DIGEST_PATTERN = r"^[0-9a-f]{64}$"
LONGEST_NAME = 4096
"""Letters of a film's name: a whole path on a client's disk."""
LONGEST_WAIT = 120.0
"""Seconds that one film is waited for within one request; proxies give up at about two minutes."""

Made = Literal[
    "full", "preview.jpg", "zones", "overlay", "pdf", "seg", "seg-fractional", "sr", "sc", "gsps",
    "pdf-dicom", "fhir",
]  # fmt: skip
"""What is made of a film when it is asked for."""


def _plain(text: str) -> str:
    # PostgreSQL takes no NUL in text, and half a surrogate pair is no character at all.
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise ValueError("expected text without control characters")
    return text


Plain = Annotated[str, AfterValidator(_plain)]
FilmName = Annotated[Plain, Field(min_length=1, max_length=LONGEST_NAME)]
ModelName = Annotated[Plain, Field(min_length=1, max_length=128)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Threshold = Annotated[float, Field(gt=0.0, lt=1.0)]

IdInPath = Annotated[str, Path(pattern=ID_PATTERN)]
DigestInPath = Annotated[str, Path(pattern=DIGEST_PATTERN)]
NameInQuery = Annotated[FilmName, Query(description="what you call the film")]
ModelInQuery = Annotated[ModelName | None, Query(description="a name of /v1/models")]
ThresholdInQuery = Annotated[
    Threshold | None, Query(description="of infection, instead of the model's")
]
WaitInQuery = Annotated[
    float, Query(ge=0.0, le=LONGEST_WAIT, description="seconds until the answer is 202")
]


class Body(BaseModel):
    """A JSON object with the keys of its fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(Body):
    """An API key."""

    key: Annotated[Plain, Field(min_length=1, max_length=256)]


class FilmBody(Body):
    """A film that will be sent."""

    name: FilmName
    sha256: Digest
    size: Annotated[int, Field(ge=0, lt=2**53)]


class JobBody(Body):
    """Films that are to be read together; the same ``id`` again is the same job."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")] | None = None
    films: Annotated[list[FilmBody], Field(min_length=1, max_length=MOST_ITEMS)]
    models: Annotated[list[ModelName], Field(min_length=1, max_length=16)] | None = None
    threshold: Threshold | None = None
