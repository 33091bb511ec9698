"""Tables as users write them: delimiters, encodings, decimals, names of columns, odd rows."""

from __future__ import annotations

import codecs
import sys
from datetime import date
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import SourceFailure, SourceRecord, folder
from infmap.sources.tables import (
    BEYOND,
    iso_date,
    labels,
    number,
    read_table,
    sex,
    whole_number,
    years,
)

sys.path.insert(0, str(Path(__file__).parent))

from layouts import film  # noqa: E402

ROWS = [["path", "patient_id", "note"], ["a.png", "Zoë", "one, two; three"], ["b.png", "", ""]]


def written(delimiter: str) -> str:
    def cell(text: str) -> str:
        return f'"{text}"' if set(text) & set(",;\t|\n") else text

    return "".join(delimiter.join(map(cell, row)) + "\r\n" for row in ROWS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_delimiter_and_encoding_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(written(delimiter).encode(encoding))
    one, two = read_table(tmp_path / "t.csv", ("path",))
    assert one == {"path": "a.png", "patient_id": "Zoë", "note": "one, two; three"}
    assert two == {"path": "b.png", "patient_id": "", "note": ""}


def test_a_big_endian_mark_and_the_delimiter_that_excel_names_are_read(tmp_path: Path) -> None:
    text = "sep=;\r\npath;x\r\na.png;1\r\n"
    (tmp_path / "t.csv").write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    assert read_table(tmp_path / "t.csv", ("path",)) == [{"path": "a.png", "x": "1"}]


def test_cells_hold_new_lines_and_rows_without_a_cell_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('path,note\n,\n"a.png","two\nlines"\n\n,,\n')
    assert read_table(tmp_path / "t.csv", ("path",)) == [{"path": "a.png", "note": "two\nlines"}]


def test_names_of_columns_may_differ_in_case_and_spaces(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(" Path ;Patient ID;Infection-Mask;Own Name\na.png;p;m.png;x\n")
    (row,) = read_table(tmp_path / "t.csv", ("path",), ("patient_id", "infection_mask"))
    assert row == {"path": "a.png", "patient_id": "p", "infection_mask": "m.png", "Own Name": "x"}


def test_a_column_twice_is_refused_and_cells_beyond_the_last_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,PATH\na,b\n")
    with pytest.raises(UsageError, match="'path' once, got it twice"):
        read_table(tmp_path / "t.csv", ("path",))
    (tmp_path / "t.csv").write_text("path,age\na,52,5\n")
    assert read_table(tmp_path / "t.csv", ("path",))[0][BEYOND] == "5"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"path\0\0\1\n")
    with pytest.raises(UsageError, match="no text"):
        read_table(tmp_path / "t.csv", ("path",))


def test_decimal_commas_are_numbers_and_thousands_are_not() -> None:
    assert (number("52,5"), years("52,5"), whole_number("3,0")) == (52.5, 52.5, 3)
    assert (whole_number("1,000"), years("1,000")) == (None, None)
    assert iso_date("31.12.2020") == "2020-12-31"


def test_odd_rows_are_failures_with_a_reason_and_the_others_are_films(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "sub/c.png", "d.png"):
        film(tmp_path / name)
    rows = {
        "a.png;covid19;m.png;1 2;54,5": None,
        "a.png;normal;;;": "expected each film once",
        "sub\\c.png;NA;;;nan": None,
        f"{tmp_path}/b.png;;;;": "expected paths below its folder",
        "..\\b.png;;;;": "expected paths below its folder",
        "C:\\b.png;;;;": "expected paths below its folder",
        "b.png;;../m.png;;": "expected paths below its folder",
        "b.png;;m.png;two;": "expected numbers for infection_value, got 'two'",
        "d.png;;;;;more": "beyond the last",
        ";covid19;;;": "expected paths below its folder",
    }
    head = "Path;Label;Infection Mask;infection_value;Age\n"
    (tmp_path / "films.csv").write_text(head + "\n".join(rows) + "\n")
    found = list(folder.SOURCE.read(tmp_path))
    reasons = [one.reason if isinstance(one, SourceFailure) else None for one in found]
    for reason, expected in zip(reasons, rows.values(), strict=True):
        assert (reason is None) == (expected is None) and (expected or "") in (reason or "")
    first, _, second = found[:3]
    assert isinstance(first, SourceRecord) and isinstance(second, SourceRecord)
    assert (first.age, first.covid19) == (54.5, True)
    assert first.mask_values == (("infection_mask", (1.0, 2.0)),)
    assert (second.path, second.covid19, second.age) == ("sub/c.png", None, None)
    assert isinstance(found[-1], SourceFailure) and found[-1].path == "row 10 of films.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("March 5, 2020", "2020-03-05"), ("12 March 2020", "2020-03-12"), ("2/29/2020", "2020-02-29"),
     ("20200313", "2020-03-13"), ("2020", None), ("March 2003", None), ("", None)],
)  # fmt: skip
def test_only_full_dates_are_dates(text: str, expected: str | None) -> None:
    assert iso_date(text) == expected
    assert expected is None or date.fromisoformat(expected)


def test_cells_that_say_nothing_certain_are_unknown() -> None:
    assert [years(text) for text in ("52", "052Y", "006M", "50+", "414", "")] == [
        52, 52, 0.5, None, None, None,
    ]  # fmt: skip
    assert [sex(text) for text in ("f", "Male", "O", "")] == ["F", "M", None, None]
    assert labels("Pneumonia/Viral/COVID-19") == (True, False, False)
    assert labels("Tuberculosis") == (False, None, False)
    assert labels("Unknown") == (None, None, None)
