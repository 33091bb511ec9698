"""STOW-RS, QIDO-RS and WADO-RS (PS3.18 10.4 to 10.6)."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError, UsageError, needs_extra
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.header import IDENTITY
from infmap.dicom.network.outcome import NO_ANSWER, Busy, Refused, Sent, reason_of
from infmap.dicom.write import file_bytes

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient
    from pydicom.dataset import Dataset
    from requests import Response, Session

AUTHORIZATION = "INFMAP_AUTHORIZATION"
"""Environment variable with the Authorization header for DICOMweb, where a user names no other."""
PAGE = 500
"""Matches that are asked for at once: an answer of some hundred kilobytes."""
_PART = b"Content-Type: application/dicom\r\n\r\n"
"""Without a transfer syntax: some servers reject a part that names one."""
_PROCESSING_FAILURE = 0x0110
_OUT_OF_RESOURCES = 0xA700
_NOT_FOUND, _TOO_LARGE = 404, 413
_OF_OBJECTS = (400, 406, 409, _TOO_LARGE, 415, 422)
"""Statuses that are about what was sent, not about who sent it or where to."""
_FULL = (429, 503)
"""Statuses of a server that has stored nothing, and may later."""
_LATER = (408, 425, *_FULL)
_NEVER = (501, 505)
"""Statuses of 500 and above that waiting does not change: not implemented, version of HTTP."""
_LONGEST_WAIT = 24 * 3600.0
"""Seconds: a server that asks for more (Retry-After) is asked again after a day."""
_ADVICE = {
    401: "check the Authorization header that it is sent",
    403: "let these credentials search and store there",
    _NOT_FOUND: "check the address of the service",
}
_ANSWERED = (200, 202, 400, 409)
"""Statuses whose body tells what became of each object (PS3.18 table 10.5.3-1)."""


def authorization(variable: str | None = None) -> dict[str, str]:
    """Headers with the authorization that an environment variable holds.

    The variable is named, never its value given: other users of a machine see what a command is
    called with.

    Args:
        variable: its name; ``AUTHORIZATION``, if that is set, without one.

    Raises:
        UsageError: it is named and not set.
    """
    value = os.environ.get(variable or AUTHORIZATION)
    if value is None and variable is not None:
        raise UsageError(
            f"authorization: expected it in the environment variable {variable}, which is not set"
        )
    return {"Authorization": value} if value else {}


@dataclass(frozen=True)
class DicomWeb:
    """A DICOMweb server.

    Attributes:
        url: of the service, such as "https://pacs.example/dicom-web".
        headers: sent with each request, such as those of an authorization.
        seconds: to wait for a connection or for the next bytes of an answer.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 30.0

    def store(self, files: Sequence[bytes]) -> list[Sent]:
        """Send objects in one request.

        Args:
            files: whole files (PS3.10); sent byte by byte.

        Returns:
            An answer an object, in their order. An answer with status 200 may still refuse some of
            them: each is looked up in it. One that it does not mention has no status.

        Raises:
            MissingExtra: dicomweb-client is not installed.
            PeerError: no connection or no answer in time.
            Refused: it says no to whoever sends this, or has no such service.
        """
        uids = [_uid_of(data) for data in files]
        if not uids:
            return []
        # Random, so that no object holds it.
        boundary = uuid.uuid4().hex
        line = f"--{boundary}\r\n".encode()
        body = b"".join(line + _PART + data + b"\r\n" for data in files)
        response = self._post(body + f"--{boundary}--\r\n".encode(), boundary)
        status = response.status_code
        told = _told(response) if status in _ANSWERED else {}
        if status in _OF_OBJECTS and not told:
            if len(files) > 1:  # one of them may be to blame, or all together are too large
                half = len(files) // 2
                return self.store(files[:half]) + self.store(files[half:])
            what = "is too large for it" if status == _TOO_LARGE else "is not what it takes"
            reason = f"refused with HTTP {status}: the object {what}; see the server's log"
            return [Sent(uids[0], None, reason, final=True)]
        if status not in _ANSWERED:
            complaint = _complaint(self.url, response)
            if not isinstance(complaint, Busy):
                raise complaint
            code = _OUT_OF_RESOURCES if status in _FULL else None
            return [Sent(uid, code, str(complaint), wait=complaint.wait) for uid in uids]
        return [
            Sent(uid, told[uid], reason_of(told[uid]))
            if uid in told
            else Sent(uid, None, NO_ANSWER)
            for uid in uids
        ]

    def matches(self, filters: Mapping[str, str], level: str = "IMAGE") -> Iterator[Dataset]:
        """As ``find``, page by page, whatever the server gives at most in one answer; each once.

        Yields:
            As of ``find``.

        Raises:
            As ``find``.
        """
        seen: set[tuple[str, ...]] = set()
        offset = 0
        while page := self.find(filters, level, offset):
            offset += len(page)
            new = [one for one in page if _uids(one) not in seen]
            # A server that knows no pages gives the same ones again, in whatever order.
            if not new:
                return
            yield from new
            seen.update(_uids(one) for one in new)

    def find(
        self, filters: Mapping[str, str], level: str = "IMAGE", offset: int | None = None
    ) -> list[Dataset]:
        """Search; gives as much as the server gives at once.

        Args:
            filters: keyword or tag to value, such as ``{"StudyInstanceUID": uid}``.
            level: STUDY, SERIES or IMAGE, as ``query.find`` has it.
            offset: matches that are left out at the beginning, of a search by pages.

        Returns:
            What the server says of each, elements of PS3.18 tables 10.6.3-3 to 5; empty without
            any.

        Raises:
            MissingExtra: dicomweb-client is not installed.
            PeerError: no connection, or an answer that is none.
            Busy: it cannot answer now.
            Refused: it says no to whoever asks this, or has no such service.
        """
        ensure_importable()
        from pydicom.dataset import Dataset

        client = self._client()
        search = {
            "STUDY": client.search_for_studies,
            "SERIES": client.search_for_series,
            "IMAGE": client.search_for_instances,
        }[level]
        try:
            page = {} if offset is None else {"limit": PAGE, "offset": offset}
            found = search(search_filters=dict(filters), **page)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            said = getattr(error, "response", None)
            if said is not None:
                raise _complaint(self.url, said) from error
            raise PeerError(f"{self.url}: expected an answer to a query, got none") from error
        try:
            return [Dataset.from_json(item) for item in found]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # Orthanc answers the same paths beside its DICOMweb, with its own JSON.
            raise PeerError(
                f"{self.url}: expected DICOM JSON, got another answer; {_ADVICE[_NOT_FOUND]}"
            ) from error

    def fetch(self, study: str, series: str, instance: str) -> Dataset:
        """Get one instance as it is stored.

        Args:
            study: Study Instance UID.
            series: Series Instance UID.
            instance: SOP Instance UID.

        Raises:
            MissingExtra: dicomweb-client is not installed.
            PeerError: no connection, or no such instance.
        """
        client = self._client()
        # Any transfer syntax: a server asked for none in particular may convert.
        as_stored = (("application/dicom", "*"),)
        try:
            got: Dataset = client.retrieve_instance(study, series, instance, media_types=as_stored)
        except (OSError, ValueError) as error:
            said = getattr(error, "response", None)
            if said is not None and said.status_code != _NOT_FOUND:
                raise _complaint(self.url, said) from error
            raise PeerError(f"{self.url}: expected an instance, got none") from error
        return got

    def get(self, filters: Mapping[str, str], keep: Callable[[bytes], None]) -> int:
        """Get all instances that are found, one after the other.

        Args:
            filters: as of ``find``.
            keep: is handed each, a whole file (PS3.10).

        Returns:
            How many.

        Raises:
            MissingExtra: dicomweb-client is not installed.
            PeerError: no connection, or an answer that is none.
        """
        found = 0
        for one in self.matches(filters):
            uids = (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
            keep(file_bytes(self.fetch(*map(str, uids))))
            found += 1
        return found

    def _post(self, body: bytes, boundary: str) -> Response:
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        try:
            return self._session().post(
                f"{self.url.rstrip('/')}/studies",
                data=body,
                headers=headers,
                timeout=self.seconds,
                # Followed, a POST becomes a GET, and its answer looks like one of STOW-RS.
                allow_redirects=False,
            )
        except OSError as error:
            raise PeerError(
                f"{self.url}: expected an answer to STOW-RS, got none; whether the objects are "
                "stored is not known, so query before sending again"
            ) from error

    def _session(self) -> Session:
        with needs_extra("DICOMweb", "dicom"):
            import requests

        session = requests.Session()
        session.headers.update(self.headers)
        return session

    def _client(self) -> DICOMwebClient:
        ensure_importable()
        with needs_extra("DICOMweb", "dicom"):
            from dicomweb_client.api import DICOMwebClient

        try:
            client = DICOMwebClient(self.url.rstrip("/"), session=self._session())
        except ValueError as error:
            raise UsageError(
                f"expected the address of a DICOMweb service, such as "
                f"https://pacs.example/dicom-web, got {self.url!r}"
            ) from error
        client.set_http_retry_params(retry=False)
        return client


def _uid_of(data: bytes) -> str:
    ensure_importable()
    import pydicom

    with_uid = pydicom.dcmread(io.BytesIO(data), specific_tags=["SOPInstanceUID"])
    return str(with_uid.SOPInstanceUID)


def _told(response: Response) -> dict[str, int]:
    """Status of each object that an answer mentions (PS3.18 table 10.5.3-2)."""
    from pydicom.dataset import Dataset

    try:
        answer = Dataset.from_json(json.loads(response.content or b"{}"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    told: dict[str, int] = {}
    for item in answer.get("ReferencedSOPSequence", ()):
        told[str(item.ReferencedSOPInstanceUID)] = int(item.get("WarningReason", 0))
    # Last: one that stands in both is not stored.
    for item in answer.get("FailedSOPSequence", ()):
        reason = item.get("FailureReason")
        told[str(item.ReferencedSOPInstanceUID)] = int(reason or _PROCESSING_FAILURE)
    return told


def _complaint(url: str, response: Response) -> PeerError:
    """What a status that is no answer to the request means."""
    status = response.status_code
    if status in _LATER or (status >= 500 and status not in _NEVER):
        return Busy(f"{url}: it cannot answer now (HTTP {status})", status, _wait_of(response))
    advice = "give the address that it moved to" if 300 <= status < 400 else ""
    advice = advice or _ADVICE.get(status) or _ADVICE[_NOT_FOUND]
    return Refused(f"{url}: refused with HTTP {status}; {advice}")


def _wait_of(response: Response) -> float:
    """Seconds of Retry-After, which are a number or a date (RFC 9110 10.2.3)."""
    given = response.headers.get("Retry-After", "").strip()
    if given.isdecimal():
        seconds = float(given)
    else:
        try:
            at = parsedate_to_datetime(given)
        except ValueError:  # none, or nonsense
            return 0.0
        # A date of this form is in UTC, also where it does not say so.
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), _LONGEST_WAIT)


def _uids(found: Dataset) -> tuple[str, ...]:
    """What a match is known by: its UIDs, those below the level of the search empty."""
    return tuple(str(found.get(name, "")) for name in IDENTITY)
