"""The rules of a node: whose films are read, and where which results go; a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infmap.catalog.yaml_file import Strict, read_yaml
from infmap.dicom.network import Peer, Tls
from infmap.node.remotes import Manner, Remote, remote_of

Kind = Literal["seg", "fractional", "sr", "sc", "gsps", "pdf"]
Title = Annotated[str, StringConstraints(min_length=1, max_length=16)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=16, to_upper=True)]


class Destination(Strict):
    """A system that results go to; ``dicom`` or ``dicomweb``."""

    dicom: str | None = None
    """TITLE@HOST:PORT of a DIMSE peer."""
    dicomweb: str | None = None
    """Address of a DICOMweb service."""
    authorization: str | None = None
    """Environment variable with the Authorization header of DICOMweb."""
    timeout: float = Field(default=30.0, gt=0.0)
    """Seconds to wait for a connection or an answer."""
    search: bool = True
    """Ask it for an object before that is sent again; false where it cannot be searched."""
    commit: bool = False
    """Storage commitment, of DIMSE: an object counts as sent once the peer answers for it."""
    commit_within: float = Field(default=3600.0, gt=0.0)
    """Seconds that its report may take; an hour, for archives that write to tape first."""
    tls: bool = False
    """TLS of DIMSE, with the system's authorities; any file below turns it on as well."""
    authority: Path | None = None
    """PEM file of authorities."""
    certificate: Path | None = None
    """PEM file of the node's certificate, to show to the peer."""
    key: Path | None = None
    """PEM file of its private key."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.dicom is None) == (self.dicomweb is None):
            raise ValueError("expected either dicom: TITLE@HOST:PORT or dicomweb: https://...")
        if self.commit and self.dicom is None:
            raise ValueError("expected commit with dicom: TITLE@HOST:PORT, DICOMweb has none")
        return self

    def remote(self, calling: str) -> Remote:
        """How it is spoken to.

        Args:
            calling: title of the node.

        Raises:
            UsageError: the address is none, or the environment variable is not set.
        """
        tls = Tls.if_asked(self.tls, self.authority, self.certificate, self.key)
        manner = Manner(calling, self.timeout, tls, self.authorization)
        return remote_of(self.dicom or self.dicomweb or "", manner)


class Route(Strict):
    """Results of some films to some destinations; an empty list matches any film."""

    calling: tuple[Title, ...] = ()
    """Titles of the senders."""
    modality: tuple[Code, ...] = ()
    """Modalities of the films."""
    body_part: tuple[Code, ...] = ()
    """Body parts of the films."""
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of destinations."""
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("seg", "sr", "sc", "gsps", "pdf")
    """Objects that are sent."""

    def fits(self, calling: str, modality: str, body_part: str) -> bool:
        """Whether a film is one of these."""
        asked = (self.calling, calling), (self.modality, modality), (self.body_part, body_part)
        return all(not wanted or given in wanted for wanted, given in asked)


class Rules(Strict):
    """All rules of a node."""

    destinations: dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], Destination]
    """Name to destination."""
    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    """All that fit a film count."""
    accept: tuple[Title, ...] = ()
    """Titles of those who may send; anybody without it."""
    peers: dict[Title, str] = {}
    """Title of a sender to its HOST:PORT, for reports on storage commitment; without it a report
    goes over the association that asked."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for route in self.routes:
            for name in route.to:
                if name not in self.destinations:
                    raise ValueError(f"routes: no destination is called {name!r}")
        for title, place in self.peers.items():
            Peer.of(f"{title}@{place}")
        return self

    @property
    def callers(self) -> tuple[str, ...]:
        """Titles that may open associations: of ``accept``, and of those who report to the node."""
        reporting = [one.dicom or "" for one in self.destinations.values() if one.commit]
        titles = [address.partition("@")[0] for address in reporting]
        return tuple(dict.fromkeys((*self.accept, *titles))) if self.accept else ()

    def of(self, calling: str, modality: str, body_part: str) -> list[tuple[str, Kind]]:
        """Destination and kind of all that is to be sent of a film, each once, in their order."""
        fitting = [r for r in self.routes if r.fits(calling, modality, body_part)]
        return list(dict.fromkeys((to, k) for r in fitting for to in r.to for k in r.kinds))


def read_rules(path: Path) -> Rules:
    """Read a file of rules.

    Raises:
        MissingExtra: PyYAML is not installed.
        UsageError: the file is missing, is not YAML, or a rule is wrong.
    """
    return read_yaml(path, Rules, extra="dicom")
