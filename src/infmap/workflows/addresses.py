"""Films by path, or by address on a DICOMweb server: found by a query, fetched where they are read.

An address is that of WADO-RS: ROOT/studies/UID/series/UID/instances/UID (PS3.18 10.4.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from infmap.core.errors import PeerError, UnreadableFilm, UsageError
from infmap.core.types import Radiograph
from infmap.dicom import read_radiograph
from infmap.dicom.write import file_bytes

if TYPE_CHECKING:
    from infmap.dicom.network import DicomWeb

FILMS = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
)
"""SOP classes that a query keeps: CR and DX for presentation. Own objects, such as secondary
captures, are none of them, so that a result is never read as a film."""

_ADDRESS = re.compile(r"(https?://\S+)/studies/([\d.]+)/series/([\d.]+)/instances/([\d.]+)")


def is_address(path: str) -> bool:
    """Whether a film is named by its address on a server, not by a path."""
    return _ADDRESS.fullmatch(path) is not None


def name_of(path: str) -> str:
    """A path whose name without ending is that of the film: an instance's UID has no ending."""
    return f"{path}.dcm" if is_address(path) else path


def read_film(path: str, variable: str | None = None) -> Radiograph:
    """Read a film by path or address.

    Args:
        path: or address.
        variable: see ``infmap.dicom.network.web.authorization``.

    Raises:
        UnreadableFilm: missing, damaged, or the server does not hand it out.
        RejectedFilm: read, and no frontal film.
    """
    if is_address(path):
        return read_radiograph(film_bytes(path, variable), name=path)
    return read_radiograph(path)


def film_bytes(path: str, variable: str | None = None) -> bytes:
    """The bytes of a film's file; the same at each call for an address, too.

    Args:
        path: or address.
        variable: see ``infmap.dicom.network.web.authorization``.

    Raises:
        OSError: the file is missing or may not be read.
        UnreadableFilm: the server does not hand it out.
    """
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return Path(path).read_bytes()
    from infmap.dicom.network import DicomWeb
    from infmap.dicom.network.web import authorization

    root, *uids = found.groups()
    try:
        dataset = DicomWeb(root, authorization(variable)).fetch(*uids)
    except PeerError as error:
        raise UnreadableFilm(f"expected a film, {error}; check the server and run again") from error
    return file_bytes(dataset)


def query_films(text: str, variable: str | None = None) -> list[str]:
    """Addresses of the films that a DICOMweb server has for a query.

    Args:
        text: the service and the attributes to search by, such as
            "https://pacs.example/dicom-web?StudyDate=20260101-20260131". Each instance once, in
            the order of their addresses, so that the same answer is the same list.
        variable: see ``infmap.dicom.network.web.authorization``.

    Raises:
        MissingExtra: dicomweb-client is not installed.
        PeerError: the server does not answer.
        UsageError: no address of a service, or it has no such film.
    """
    from infmap.dicom.network import DicomWeb
    from infmap.dicom.network.web import authorization

    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"--query: expected http(s)://HOST/ROOT?ATTRIBUTE=VALUE, got {text!r}")
    root = urlunsplit(parts._replace(query="", fragment="")).rstrip("/")
    filters = dict(parse_qsl(parts.query, keep_blank_values=True))
    found = sorted(set(_found(DicomWeb(root, authorization(variable)), root, filters)))
    if not found:
        raise UsageError(f"--query: {root} has no film (CR or DX) for {parts.query or 'any value'}")
    return found


def _found(web: DicomWeb, root: str, filters: dict[str, str]) -> Iterator[str]:
    # One class at a time: a list of values is matched by few servers. Without the class in the
    # answer, that of the question is it.
    for sop_class in FILMS:
        for found in web.matches(filters | {"SOPClassUID": sop_class}):
            if str(found.get("SOPClassUID", sop_class)) == sop_class:
                yield (
                    f"{root}/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
                    f"/instances/{found.SOPInstanceUID}"
                )
