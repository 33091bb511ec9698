"""Every bad input is one error of one line, or a film left to the quality gate."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from infmap.core.errors import FilmError
from infmap.core.types import Radiograph
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from bad_inputs import READER_REFUSES, make_bad_inputs  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad")
    make_bad_inputs(path)
    return path


def test_there_are_forty_and_they_never_change(tmp_path: Path) -> None:
    first = make_bad_inputs(tmp_path / "a")
    second = make_bad_inputs(tmp_path / "b")
    assert len(first) == len(READER_REFUSES) == 40
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert len({p.read_bytes() for p in first}) == 40
    assert sum(p.stat().st_size for p in first) < 1_000_000


@pytest.mark.parametrize("name", sorted(READER_REFUSES))
def test_each_is_refused_with_one_line_or_read(folder: Path, name: str) -> None:
    expected = READER_REFUSES[name]
    if expected is None:
        assert isinstance(read_radiograph(folder / name), Radiograph)
        return
    with pytest.raises(FilmError) as caught:
        read_radiograph(folder / name)
    assert type(caught.value) is expected
    reason = caught.value.reason
    assert reason.startswith("expected ") and "; " in reason and "\n" not in reason
    assert caught.value.film == str(folder / name)
    assert "Phantom" not in reason


def test_damaged_bytes_never_raise_anything_else(folder: Path) -> None:
    random_ = random.Random(0)
    for name in ("noise.png", "cut_scan.jpg", "lateral.dcm", "gradient.png"):
        whole = (folder / name).read_bytes()
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(random_.choice((1, 2, 8))):
                damaged[random_.randrange(min(len(damaged), 1800))] = random_.randrange(256)
            try:
                film = read_radiograph(bytes(damaged), max_pixels=4_000_000)
            except FilmError as error:
                assert "\n" not in error.reason
            else:
                assert isinstance(film, Radiograph)
