from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.deidentify.key import Key

A, B = Key(bytes(32)), Key(bytes([1]) * 32)


def test_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = Key.read_or_make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Key.read_or_make(path) == first
    assert Key.read_or_make(tmp_path / "other") != first


def test_the_secret_is_not_shown() -> None:
    assert "00" not in repr(A)


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    Key.read_or_make(path)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        Key.read_or_make(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("a film")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        Key.read_or_make(path)


def test_pseudonyms_hang_on_key_kind_and_value() -> None:
    name = A.pseudonym("patient", "p7")
    assert name == A.pseudonym("patient", "p7 ") and name[0] == "P" and len(name) == 13
    assert len({name, B.pseudonym("patient", "p7"), A.pseudonym("patient", "p8")}) == 3
    assert A.pseudonym("study", "p7")[1:] != name[1:]


def test_uids_are_valid_and_stable() -> None:
    from pydicom.uid import UID

    assert UID(A.uid("1.2.3")).is_valid
    assert A.uid("1.2.3") == A.uid("1.2.3\0") != A.uid("1.2.4")


def test_dates_always_move_back_and_never_stay() -> None:
    days = [A.days(f"p{number}") for number in range(2000)]
    assert max(days) <= -1 and min(days) >= -3650
    assert len(set(days)) > 1000
