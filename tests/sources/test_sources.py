"""One contract for every source, on a tiny rendered copy of its publisher's layout."""

import importlib
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from infmap import sources
from infmap.core.errors import UsageError
from infmap.sources import SOURCES

sys.path.insert(0, str(Path(__file__).parent))
from layouts import Expected, film, table  # noqa: E402
from reading import LAYOUTS, read  # noqa: E402

every_source = pytest.mark.parametrize("name", SOURCES)


@pytest.fixture
def laid_out(name: str, tmp_path: Path) -> tuple[Path, Expected]:
    return tmp_path, LAYOUTS[name](tmp_path)


def test_every_source_has_a_layout_and_stands_under_its_own_name() -> None:
    assert set(LAYOUTS) == set(SOURCES)
    assert [source.name for source in SOURCES.values()] == list(SOURCES)


def test_every_module_that_defines_a_source_is_registered() -> None:
    folder = Path(sources.__file__).parent
    defining = [p.stem for p in folder.glob("*.py") if "\nSOURCE = " in p.read_text("utf-8")]
    modules = [importlib.import_module(f"infmap.sources.{name}") for name in defining]
    assert {id(module.SOURCE) for module in modules} <= {id(s) for s in SOURCES.values()}


@every_source
def test_a_source_says_what_it_is_and_how_to_get_it(name: str) -> None:
    source = SOURCES[name]
    for field in fields(source):
        if field.type == "str":
            text = getattr(source, field.name)
            assert text and "\n" not in text, field.name
    assert all(part.url.startswith("https://") and part.file for part in source.downloads)


@every_source
def test_a_complete_layout_is_read_in_full(name: str, laid_out: tuple[Path, Expected]) -> None:
    root, expected = laid_out
    records = list(read(name, root).values())
    assert len(records) == expected.films
    for n, label in enumerate(("covid19", "pneumonia", "normal")):
        assert sum(getattr(r, label) is True for r in records) == expected.classes[n], label
    assert sum(r.infection_mask is not None for r in records) == expected.infection_masks
    assert sum(r.lung_mask is not None for r in records) == expected.lung_masks
    for kind in ("boxes", "scores", "crops", "polygons"):
        assert sum(len(getattr(r, kind)) for r in records) == getattr(expected, kind), kind
    for record in records:
        masks = (record.infection_mask, record.opacity_mask, record.lung_mask)
        paths = [record.path, *filter(None, masks), *(crop.path for crop in record.crops)]
        assert all((root / path).is_file() and "\\" not in path for path in paths)
        assert record.licence != ""


@every_source
def test_a_complete_layout_has_no_findings_but_those_it_is_known_for(
    name: str, laid_out: tuple[Path, Expected]
) -> None:
    root, expected = laid_out
    findings = SOURCES[name].check(root)
    assert len(findings) == len(expected.findings), findings
    for part in expected.findings:
        assert any(part in finding for finding in findings), findings


@every_source
def test_reading_twice_gives_the_same_films_in_the_same_order(
    name: str, laid_out: tuple[Path, Expected]
) -> None:
    root, _ = laid_out
    assert list(SOURCES[name].read(root)) == list(SOURCES[name].read(root))


@every_source
def test_what_an_archive_unpacks_into_a_folder_is_found(name: str, tmp_path: Path) -> None:
    expected = LAYOUTS[name](tmp_path / "data-master")
    records = read(name, tmp_path).values()
    assert len(records) == expected.films
    for record in records:
        assert (tmp_path / record.path).is_file()
        assert all((tmp_path / crop.path).is_file() for crop in record.crops)
    assert len(SOURCES[name].check(tmp_path)) == len(expected.findings)


@every_source
def test_a_film_that_is_gone_is_left_out_and_the_others_stay(
    name: str, laid_out: tuple[Path, Expected]
) -> None:
    root, _ = laid_out
    before = read(name, root)
    gone = next(iter(before))
    (root / before[gone].path).unlink()
    # A film of covid-qu-ex that is gone from the infection part may still be in the lung part.
    after = {key: record for key, record in read(name, root).items() if key in before}
    assert set(after) == set(before) - {gone}
    assert all(isinstance(finding, str) for finding in SOURCES[name].check(root))


@every_source
def test_a_damaged_table_is_a_finding_and_never_an_exception(
    name: str, laid_out: tuple[Path, Expected]
) -> None:
    root, expected = laid_out
    for path in sorted(root.rglob("*.csv")):
        whole = path.read_bytes()
        path.write_bytes(b"\xff\xfe,\n1,2")
        findings = SOURCES[name].check(root)
        assert any(path.name in f and "expected" in f for f in findings), (path.name, findings)
        assert not any("\n" in finding for finding in findings)
        path.write_bytes(whole)
    assert len(SOURCES[name].check(root)) == len(expected.findings)


@every_source
def test_an_empty_folder_is_an_error_to_read_and_a_finding_to_check(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        list(SOURCES[name].read(tmp_path))
    assert SOURCES[name].check(tmp_path)
    assert SOURCES[name].check(tmp_path / "missing")


def test_listed_films_that_are_missing_or_extra_are_counted(tmp_path: Path) -> None:
    LAYOUTS["actualmed"](tmp_path)
    (tmp_path / "images" / "CR.1.2.840.1.png").unlink()
    film(tmp_path / "images" / "extra.png")
    assert SOURCES["actualmed"].check(tmp_path) == [
        "1 of 3 films that metadata.csv lists are not on disk, the first is CR.1.2.840.1.png",
        "1 films in images/ that metadata.csv does not list, the first is extra.png",
    ]


def test_a_film_that_a_table_lists_twice_is_read_once_and_named(tmp_path: Path) -> None:
    LAYOUTS["hannover"](tmp_path)
    header = "patient_id,image_id,sex,age,admission_offset,projection"
    row = ["042f06a9", "b343e657", "m", "", "0", "ap"]
    table(tmp_path / "data.csv", header, [row, row])
    assert len(read("hannover", tmp_path)) == 1
    assert "1 films stand more than once in data.csv, the first is b343e657.png" in SOURCES[
        "hannover"
    ].check(tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "films"),
    [
        ("covid-qu-ex", "covid-qu-ex", 4660),
        ("cohen", "cohen", 157),
        ("general-blockchain", "radiologist", 57),
        ("chestxray14", "nih", 192),
        ("actualmed", "actualmed", 2),
    ],
)
def test_real_collections_have_the_counts_that_are_documented(
    data: Path, name: str, folder: str, films: int
) -> None:
    assert len(read(name, data / folder)) == films
