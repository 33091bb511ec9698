"""STOW-RS, QIDO-RS and WADO-RS (PS3.18 10.4 to 10.6)."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError, needs_extra
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.outcome import NO_ANSWER, Sent, reason_of
from infmap.dicom.write import file_bytes

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient
    from pydicom.dataset import Dataset
    from requests import Response, Session

_PART = b"Content-Type: application/dicom\r\n\r\n"
"""Without a transfer syntax: some servers reject a part that names one."""
_PROCESSING_FAILURE = 0x0110
_TOO_LARGE, _UNAVAILABLE = 413, 503
_ANSWERED = (200, 202, 400, 409)
"""Statuses whose body tells what became of each object (PS3.18 table 10.5.3-1)."""


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
            PeerError: no connection, no answer in time, or one that is none of STOW-RS.
        """
        uids = [_uid_of(data) for data in files]
        if not uids:
            return []
        # Random, so that no object holds it.
        boundary = uuid.uuid4().hex
        line = f"--{boundary}\r\n".encode()
        body = b"".join(line + _PART + data + b"\r\n" for data in files)
        response = self._post(body + f"--{boundary}--\r\n".encode(), boundary)
        if response.status_code in (_TOO_LARGE, _UNAVAILABLE):
            return [Sent(uid, 0xA700, reason_of(0xA700)) for uid in uids]
        if response.status_code not in _ANSWERED:
            raise PeerError(f"{self.url}: expected to store, got HTTP {response.status_code}")
        told = _told(response)
        return [
            Sent(uid, told[uid], reason_of(told[uid]))
            if uid in told
            else Sent(uid, None, NO_ANSWER)
            for uid in uids
        ]

    def find(self, filters: Mapping[str, str], level: str = "IMAGE") -> list[Dataset]:
        """Search.

        Args:
            filters: keyword or tag to value, such as ``{"StudyInstanceUID": uid}``.
            level: STUDY, SERIES or IMAGE, as ``query.find`` has it.

        Returns:
            What the server says of each, elements of PS3.18 tables 10.6.3-3 to 5; empty without
            any.

        Raises:
            MissingExtra: dicomweb-client is not installed.
            PeerError: no connection, or an answer that is none.
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
            found = search(search_filters=dict(filters))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            raise PeerError(f"{self.url}: expected an answer to a query, got none") from error
        return [Dataset.from_json(item) for item in found]

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
        found = self.find(filters)
        for one in found:
            uids = (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
            keep(file_bytes(self.fetch(*map(str, uids))))
        return len(found)

    def _post(self, body: bytes, boundary: str) -> Response:
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        try:
            return self._session().post(
                f"{self.url.rstrip('/')}/studies", data=body, headers=headers, timeout=self.seconds
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

        client = DICOMwebClient(self.url.rstrip("/"), session=self._session())
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
