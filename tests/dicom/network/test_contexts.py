"""Tests of `infmap.dicom.network.contexts`, and of the page made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pydicom.uid import UID

from infmap.dicom.network.contexts import SENT, SYNTAX_NAMES

sys.path.insert(0, str(Path(__file__).parent))
from objects import all_objects, picture_film  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]


def test_every_object_has_its_context() -> None:
    table = {
        (kind, context.sop_class): context.syntaxes
        for context in SENT
        for kind in context.kind.split(", ")
    }
    made = all_objects() | {"film": picture_film()}
    assert {(kind, str(d.SOPClassUID)) for kind, d in made.items()} == set(table)
    for kind, dataset in made.items():
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        assert syntax in table[kind, str(dataset.SOPClassUID)]


def test_names_are_those_of_the_standard() -> None:
    assert all(UID(context.sop_class).name == context.name for context in SENT)
    assert all(UID(uid).name == name for uid, name in SYNTAX_NAMES.items())


def test_the_conformance_statement_is_made_from_the_contexts() -> None:
    command = [sys.executable, str(ROOT / "tools" / "conformance.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run tools/conformance.py"
