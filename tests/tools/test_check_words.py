"""Tests of `tools/check_words.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from check_words import problems  # noqa: E402


def test_terms_are_found_in_pages_and_in_code(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Films are dealt out.\n\n`dealt` is a name.\n")
    module = tmp_path / "src" / "a.py"
    module.parent.mkdir()
    module.write_text('"""Finds burnt-in\ntext."""\n\nraise ValueError("no verb")\n')
    found = problems(tmp_path)
    assert [line.split(" say")[0] for line in found] == [
        "README.md:1: 'dealt';",
        "src/a.py:1: 'burnt-in';",
        "src/a.py:4: 'no verb';",
    ]


def test_rooms_that_were_read_keep_to_the_longer_list(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("A page.\n")
    for room in ("dicom", "hall"):
        module = tmp_path / "src" / "infmap" / room / "a.py"
        module.parent.mkdir(parents=True)
        module.write_text('"""Tones of a film."""\n')
    found = problems(tmp_path)
    assert found == ["src/infmap/dicom/a.py:1: 'Tones'; say grey levels, contrast"]


def test_plain_words_pass(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Images are assigned to folds.\n")
    assert problems(tmp_path) == []
