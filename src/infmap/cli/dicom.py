"""infmap dicom: objects to and from a PACS."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infmap.cli.dicom_deidentify import deidentify
from infmap.cli.dicom_node import listen, queue

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from infmap.dicom.network import Sent
    from infmap.node.remotes import Remote

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
app.command()(deidentify)
app.command()(listen)
app.add_typer(queue, name="queue")

There = Annotated[
    str, typer.Option("--at", help="TITLE@HOST:PORT, or http(s)://... of a DICOMweb service")
]
Keys = Annotated[
    list[str],
    typer.Argument(help="what to search by: KEYWORD=VALUE, as in StudyDate=20200102"),
]
Level = Annotated[str, typer.Option(help="study, series or image")]
Calling = Annotated[str, typer.Option(help="title that infmap calls itself by")]
Seconds = Annotated[float, typer.Option("--timeout", min=0.1, help="s to wait for an answer")]
UseTls = Annotated[bool, typer.Option("--tls", help="TLS, with the system's authorities")]
Authority = Annotated[Path | None, typer.Option(help="PEM file of authorities; TLS")]
Certificate = Annotated[Path | None, typer.Option(help="PEM file of own certificate; TLS")]
Key = Annotated[Path | None, typer.Option(help="PEM file of its private key")]
Authorization = Annotated[
    str | None,
    typer.Option(
        metavar="VARIABLE",
        help="environment variable with the Authorization header of DICOMweb; "
        "INFMAP_AUTHORIZATION without it",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def push(
    inputs: Annotated[
        list[Path], typer.Argument(help="DICOM files and folders of them", metavar="INPUT...")
    ],
    at: There,
    calling: Calling = "INFMAP",
    timeout: Seconds = 30.0,
    tls: UseTls = False,
    authority: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    authorization: Authorization = None,
    as_json: Json = False,
) -> int:
    """Send DICOM files to a PACS: C-STORE or STOW-RS.

    Example: infmap dicom push results/seg results/sr --at ORTHANC@127.0.0.1:4242

    Status 0: all are stored; 3: some are not, each with the PACS's answer.
    """
    from infmap.core.errors import PeerError

    paths = _files(inputs)
    remote = _remote(at, calling, timeout, tls, authority, certificate, key, authorization)
    stored = 0
    # One at a time: a folder may hold more than fits into memory.
    for path in paths:
        try:
            sent = _pushed(remote, path.read_bytes())
        except PeerError as error:
            raise PeerError(f"{stored} of {len(paths)} objects stored, then {error}") from error
        stored += sent.stored
        if as_json:
            sys.stdout.write(json.dumps({"file": str(path), **_answer(sent)}) + "\n")
        elif not sent.stored:
            sys.stderr.write(f"infmap dicom: {path}: {sent.reason}\n")
    if not as_json:
        sys.stdout.write(f"{stored} of {len(paths)} objects stored\n")
    return 0 if stored == len(paths) else 3


def _pushed(remote: Remote, data: bytes) -> Sent:
    """The answer to one file; a damaged one is not sent, and stops no other."""
    import io

    import pydicom

    from infmap.core.quiet import quiet
    from infmap.dicom.network import Sent

    try:
        with quiet():
            header = pydicom.dcmread(io.BytesIO(data))
            # What any protocol needs to know of it; each raises where it is missing.
            _ = header.SOPInstanceUID, header.SOPClassUID, header.file_meta.TransferSyntaxUID
    except Exception:  # a damaged file may raise anything
        return Sent("", None, "expected a whole DICOM object, got a damaged one", final=True)
    (sent,) = remote.send([data])
    return sent


@app.command()
def query(
    keys: Keys,
    at: There,
    level: Level = "study",
    calling: Calling = "INFMAP",
    timeout: Seconds = 30.0,
    tls: UseTls = False,
    authority: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    authorization: Authorization = None,
    as_json: Json = False,
) -> int:
    """Search a PACS: C-FIND or QIDO-RS.

    Example: infmap dicom query ModalitiesInStudy=DX StudyDate=20200102 --at ORTHANC@127.0.0.1:4242

    Prints a line a match; --json prints DICOM JSON.
    """
    remote = _remote(at, calling, timeout, tls, authority, certificate, key, authorization)
    asked = _keys(keys)
    for found in remote.matches(asked, _level(level)):
        if as_json:
            sys.stdout.write(json.dumps(found.to_json_dict()) + "\n")
        else:
            sys.stdout.write(_row(found) + "\n")
    return 0


@app.command("get")
def get_(
    keys: Keys,
    at: There,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder for the files")] = None,
    to: Annotated[
        str | None, typer.Option(help="title of a receiver that the PACS knows: C-MOVE instead")
    ] = None,
    level: Level = "study",
    calling: Calling = "INFMAP",
    timeout: Seconds = 30.0,
    tls: UseTls = False,
    authority: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    authorization: Authorization = None,
) -> int:
    """Fetch objects from a PACS into a folder: C-GET or WADO-RS.

    Example: infmap dicom get StudyInstanceUID=1.2.840.1 --at ORTHANC@127.0.0.1:4242 -o films

    A file is named by its SOP Instance UID. With --to the PACS sends the objects to a receiver that
    it knows, such as infmap dicom listen.
    """
    from infmap.core.errors import UsageError
    from infmap.core.files import replacing

    remote = _remote(at, calling, timeout, tls, authority, certificate, key, authorization)
    if to is not None and out is None:
        return _move(remote, _keys(keys), to, _level(level))
    if out is None or to is not None:
        raise UsageError("expected either --out FOLDER or --to TITLE")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: expected a folder for the files, found none; name another one")
    out.mkdir(parents=True, exist_ok=True)

    def keep(data: bytes) -> None:
        with replacing(out / f"{_uid(data)}.dcm") as part:
            part.write_bytes(data)

    got = remote.get(_keys(keys), _level(level), keep)
    sys.stdout.write(f"{got} objects in {out}\n")
    return 0


def _move(remote: Remote, keys: dict[str, str], to: str, level: str) -> int:
    from infmap.core.errors import UsageError
    from infmap.dicom.network import move
    from infmap.node.remotes import Dimse

    if not isinstance(remote, Dimse):
        raise UsageError("--to: expected a peer of DIMSE in --at, TITLE@HOST:PORT")
    moved = move(remote.peer, keys, to, level)
    sys.stdout.write(f"{moved.done} objects sent to {to}, {moved.failed} not\n")
    return 3 if moved.failed else 0


def _remote(
    at: str,
    calling: str,
    timeout: float,
    tls: bool,
    authority: Path | None,
    certificate: Path | None,
    key: Path | None,
    authorization: str | None,
) -> Remote:
    from infmap.dicom.network import Tls
    from infmap.dicom.network.web import AUTHORIZATION
    from infmap.node.remotes import Manner, remote_of

    # As `infmap predict --query` has it; a destination of the rules gets none that it names not.
    if authorization is None and AUTHORIZATION in os.environ:
        authorization = AUTHORIZATION
    files = Tls.if_asked(tls, authority, certificate, key)
    return remote_of(at, Manner(calling, timeout, files, authorization))


def _files(inputs: Iterable[Path]) -> list[Path]:
    """Files named and files in folders named, sorted, those that begin with a dot left out."""
    from infmap.core.errors import UsageError

    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: expected a file or folder, found none")
    if not found:
        raise UsageError("expected DICOM files to send, found none in what was named")
    for path in found:
        with path.open("rb") as stream:
            if stream.read(132)[128:] != b"DICM":
                raise UsageError(f"{path}: expected a DICOM file (PS3.10), got another kind")
    return found


def _keys(given: Iterable[str]) -> dict[str, str]:
    from pydicom.datadict import tag_for_keyword

    from infmap.core.errors import UsageError
    from infmap.dicom.network.query import identifier_of

    keys: dict[str, str] = {}
    for one in given:
        keyword, equals, value = one.partition("=")
        if not equals or tag_for_keyword(keyword) is None:
            raise UsageError(
                f"expected KEYWORD=VALUE with a keyword of DICOM, such as PatientID=1, got {one!r}"
            )
        keys[keyword] = value
    identifier_of("STUDY", keys)  # a wrong value is said here, whatever the protocol
    return keys


def _level(given: str) -> str:
    from infmap.core.errors import UsageError
    from infmap.node.remotes import LEVELS

    if given.upper() not in LEVELS:
        raise UsageError(f"--level: expected study, series or image, got {given!r}")
    return given.upper()


def _row(found: Dataset) -> str:
    """Date, modalities and the identifier of the lowest level of a match."""
    from infmap.dicom.header import IDENTITY

    modality = found.get("ModalitiesInStudy") or found.get("Modality") or "-"
    names = modality if isinstance(modality, str) else ",".join(map(str, modality))
    return "  ".join([str(found.get("StudyDate") or "-"), names, *_given(found, IDENTITY)])


def _given(found: Dataset, keywords: Iterable[str]) -> list[str]:
    return [str(found.get(keyword)) for keyword in keywords if found.get(keyword)]


def _answer(sent: Sent) -> dict[str, str | int | bool | None]:
    return {"uid": sent.uid, "stored": sent.stored, "status": sent.status, "reason": sent.reason}


def _uid(data: bytes) -> str:
    """A SOP Instance UID that is safe as a file's name."""
    import io
    import re

    import pydicom

    from infmap.core.errors import PeerError

    uid = str(pydicom.dcmread(io.BytesIO(data), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
    if re.fullmatch(r"[0-9.]{1,64}", uid) is None:
        raise PeerError("expected an object with a SOP Instance UID, got another one")
    return uid
