"""Write docs/conformance.md from the contexts in the code: tools/conformance.py [--check]."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "conformance.md"
INTRODUCTION = """\
# DICOM conformance statement

What the code proposes and asks for over the network, after PS3.2. This page is made from
`infmap.dicom.network.contexts` by `python tools/conformance.py`; a test holds both equal. What the
objects hold: [DICOM objects](dicom.md). Research use only.

One association carries all objects of a call, one after the other, without asynchronous
operations. The application entity title is INFMAP unless another is given. TLS by option, with
certificates on both sides; no user identity for DIMSE. DICOMweb uses what its URL and headers say.

## DIMSE, as service class user

"""
BETWEEN = """
A film of another class is proposed in the transfer syntax that it has. Each pair of class and
transfer syntax is a presentation context of its own, so that a peer which takes one of several
still gets the others. Nothing is converted: an object whose context is refused counts as not
accepted.

| status of C-STORE | taken as |
|---|---|
| 0000, B000, B006, B007 | stored |
| A700 to A7FF, 0110 | not stored; a later try may succeed |
| any other | not stored; another try would fail the same way |
| no answer | unknown: to be queried before sending again |

## DIMSE, as service class provider

`infmap dicom listen`, as described in [PACS](node.md), in these transfer syntaxes:

"""
WEB_TITLE = """
## DICOMweb, as user agent

"""


def page() -> str:
    """The whole page."""
    from infmap.dicom.network.contexts import (
        COMMITMENT,
        FIND,
        GET,
        MOVE,
        SENT,
        SYNTAX_NAMES,
        VERIFICATION,
        WEB,
    )

    lines = ["| kind | SOP class | UID | transfer syntaxes |", "|---|---|---|---|"]
    for service, name, uid in (
        ("C-ECHO", "Verification", VERIFICATION),
        ("C-FIND", "Study Root Query/Retrieve Information Model - FIND", FIND),
        ("C-MOVE", "Study Root Query/Retrieve Information Model - MOVE", MOVE),
        ("C-GET", "Study Root Query/Retrieve Information Model - GET", GET),
        ("N-ACTION, N-EVENT-REPORT", "Storage Commitment Push Model", COMMITMENT),
    ):
        lines.append(f"| ({service}) | {name} | {uid} | default of the peer |")
    for context in SENT:
        syntaxes = "; ".join(f"{SYNTAX_NAMES[uid]} ({uid})" for uid in context.syntaxes)
        lines.append(f"| {context.kind} | {context.name} | {context.sop_class} | {syntaxes} |")
    web = ["| service | request | media type |", "|---|---|---|"]
    web += [f"| {service} | `{request}` | `{media}` |" for service, request, media in WEB]
    parts = [INTRODUCTION, *lines, BETWEEN, *provided(), WEB_TITLE, *web]
    # A text has its own line ends; a row of a table has none.
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


def provided() -> list[str]:
    """What a node accepts."""
    from infmap.dicom.network.contexts import (
        COMMITMENT,
        FILMS,
        RECEIVED_SYNTAXES,
        SENT,
        VERIFICATION,
    )

    rows = ["| SOP class | UID | becomes of it |", "|---|---|---|"]
    rows.append(f"| Verification | {VERIFICATION} | answered |")
    rows.append(f"| Storage Commitment Push Model | {COMMITMENT} | answered for kept films |")
    rows += [f"| {c.name} | {c.sop_class} | read, or kept out with a reason |" for c in FILMS]
    rows += [f"| {c.name} | {c.sop_class} | answered, not kept |" for c in SENT]
    from pydicom.uid import UID

    # The preferred one first.
    return [*(f"- {UID(uid).name} ({uid})" for uid in RECEIVED_SYNTAXES), "", *rows]


def main() -> int:
    sys.path.insert(0, str(ROOT / "src"))  # this copy, not one that happens to be installed
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
