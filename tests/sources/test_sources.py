"""One contract for every source, on a tiny rendered copy of its publisher's layout."""

import sys
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.sources import SOURCES, Box, MaskCrop, Polygon, SourceRecord
from infmap.sources.tables import iso_date, labels, sex, years

sys.path.insert(0, str(Path(__file__).parent))

from layouts import LAYOUTS as LAYOUTS_A  # noqa: E402
from layouts import Expected, film, table  # noqa: E402
from layouts_b import LAYOUTS as LAYOUTS_B  # noqa: E402

LAYOUTS = LAYOUTS_A | LAYOUTS_B
every_source = pytest.mark.parametrize("name", SOURCES)


@pytest.fixture
def laid_out(name: str, tmp_path: Path) -> tuple[Path, Expected]:
    return tmp_path, LAYOUTS[name](tmp_path)


def read(name: str, root: Path) -> dict[str, SourceRecord]:
    records = list(SOURCES[name].read(root))
    found = {record.film_name: record for record in records}
    assert len(found) == len(records), "film names must be unique in a source"
    return found


def test_every_source_has_a_layout_and_stands_under_its_own_name() -> None:
    assert set(LAYOUTS) == set(SOURCES)
    assert [source.name for source in SOURCES.values()] == list(SOURCES)


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


def test_qata_masks_tell_what_is_known_and_names_are_of_their_folder(tmp_path: Path) -> None:
    LAYOUTS["qata-cov19"](tmp_path)
    found = read("qata-cov19", tmp_path)
    bare = found["v1-normal_1.png"]
    assert (bare.covid19, bare.normal, bare.infection_mask) == (None, None, None)
    assert found["v2-test-covid_1.png"].official_split == "test"
    named = found["v2-train-sub-S09345_ses-E24192_run-1_bp-chest_vp-ap_cr.png"]
    assert (named.patient_id, named.view) == ("bimcv-covid19:sub-S09345", "AP")
    control = found["control-2-train-00000005_000.png"]
    assert (control.covid19, control.pneumonia, control.normal) == (False, None, None)
    assert (control.patient_id, control.official_split) == ("chestxray14:00000005", "train")
    assert found["early-no-covid_1.png"].infection_mask is None


def test_covid_qu_ex_reads_a_film_of_both_parts_once_with_its_infection(tmp_path: Path) -> None:
    LAYOUTS["covid-qu-ex"](tmp_path)
    found = read("covid-qu-ex", tmp_path)
    assert found["covid_0.png"].infection_mask
    assert "lung-covid_0.png" not in found
    assert found["lung-covid_10.png"].infection_mask is None
    assert found["lung-covid_10.png"].lung_mask
    mask = tmp_path / str(found["covid_0.png"].infection_mask)
    mask.unlink()
    (finding,) = SOURCES["covid-qu-ex"].check(tmp_path)
    assert finding == (
        "1 of 1 films of Infection Segmentation Data/Train/COVID-19 have no infection mask, "
        "the first is covid_0.png"
    )
    assert read("covid-qu-ex", tmp_path)["covid_0.png"].infection_mask is None


def test_radiography_folders_that_are_not_of_the_layout_are_named(tmp_path: Path) -> None:
    LAYOUTS["covid19-radiography"](tmp_path)
    (tmp_path / "COVID-19_Radiography_Dataset" / "Tuberculosis").mkdir()
    findings = SOURCES["covid19-radiography"].check(tmp_path)
    assert findings == ["unexpected folder Tuberculosis"]


def test_cohen_reads_laterals_scores_and_drawn_lungs_but_no_scans(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    found = read("cohen", tmp_path)
    assert set(found) == {"a.jpg", "a-L.jpg", "b.png", "c.png"}
    film = found["a.jpg"]
    assert (film.study_date, film.sex, film.age, film.offset_days) == ("2020-01-25", "F", 52, 0)
    assert found["a-L.jpg"].view == "L"
    assert found["a-L.jpg"].study_date is None
    assert {(s.name, s.value) for s in film.scores} == {("geographic_extent", 2.7), ("opacity", 2)}
    readings = {(s.name, s.reader): s.value for s in found["c.png"].scores}
    assert readings[("brixia_global", "junior")] == 17
    assert film.polygons[0] == Polygon(((3.5, 4.0), (9.0, 4.0), (9.0, 20.0)), "lungs", (24, 24))
    assert found["b.png"].polygons == ()
    assert (found["b.png"].covid19, found["b.png"].normal) == (None, None)


def test_cohen_names_damaged_and_strange_annotations(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    (tmp_path / "annotations" / "boxes.json").write_text("[1, 2]")
    (tmp_path / "annotations" / "covid-only" / "1.json").write_text("{")
    findings = SOURCES["cohen"].check(tmp_path)
    assert "2 of 3 files in annotations/ are no Darwin JSON, the first is 1.json" in findings
    assert read("cohen", tmp_path)["a.jpg"].polygons == ()


def test_cohen_names_scores_that_are_no_numbers_or_of_no_film(tmp_path: Path) -> None:
    LAYOUTS["cohen"](tmp_path)
    (tmp_path / "brixia-scores.csv").unlink()
    scores = tmp_path / "annotations" / "covid-severity-scores.csv"
    table(scores, "filename,geographic_mean,opacity_mean", [["z.png", 1, 2]])
    findings = SOURCES["cohen"].check(tmp_path)
    assert "brixia-scores.csv missing: no Brixia scores" in findings
    assert "1 scored films are not in metadata.csv, the first is z.png" in findings
    table(scores, "filename,geographic_mean,opacity_mean", [["a.jpg", "much", 2]])
    assert any("expected a number" in finding for finding in SOURCES["cohen"].check(tmp_path))
    with pytest.raises(UsageError, match="much"):
        read("cohen", tmp_path)


def test_radiologists_crops_keep_their_place_and_undrawn_films_are_unknown(tmp_path: Path) -> None:
    LAYOUTS["radiologist"](tmp_path)
    crops = read("radiologist", tmp_path)["a.jpeg"].crops
    assert crops[0] == MaskCrop("masks/0.png", "opacity", 5, 3, (24, 24))
    assert [crop.kind for crop in crops] == ["opacity", "lungs"]
    (tmp_path / "masks" / "1.png").unlink()
    (finding,) = SOURCES["radiologist"].check(tmp_path)
    assert finding == (
        "1 of 3 masks that structure.csv lists are not on disk, the first is masks/1.png"
    )
    (tmp_path / "structure.csv").unlink()
    assert SOURCES["radiologist"].check(tmp_path) == ["structure.csv missing: no masks"]
    record = read("radiologist", tmp_path)["a.jpeg"]
    assert (record.crops, record.opacity_drawn) == ((), False)


def test_hannover_offsets_count_from_admission_to_the_film(tmp_path: Path) -> None:
    LAYOUTS["hannover"](tmp_path)
    found = read("hannover", tmp_path)
    assert [record.offset_days for record in found.values()] == [0, 2, None]
    assert found["61bc50d1.png"].view == "PA"
    assert found["61bc50d1.png"].sex == "F"


def test_actualmed_takes_the_day_from_the_notes_and_keeps_doubt_unknown(tmp_path: Path) -> None:
    LAYOUTS["actualmed"](tmp_path)
    negative, positive, doubt = read("actualmed", tmp_path).values()
    assert (negative.study_date, negative.normal) == ("2020-03-10", True)
    assert positive.covid19 is True
    assert (doubt.covid19, doubt.pneumonia, doubt.normal) == (None, None, None)


def test_listed_films_that_are_missing_or_extra_are_counted(tmp_path: Path) -> None:
    LAYOUTS["actualmed"](tmp_path)
    (tmp_path / "images" / "CR.1.2.840.1.png").unlink()
    film(tmp_path / "images" / "extra.png")
    assert SOURCES["actualmed"].check(tmp_path) == [
        "1 of 3 films that metadata.csv lists are not on disk, the first is CR.1.2.840.1.png",
        "1 films in images/ that metadata.csv does not list, the first is extra.png",
    ]


def test_figure1_finds_films_by_patient_and_reads_latin_text(tmp_path: Path) -> None:
    LAYOUTS["figure1"](tmp_path)
    found = read("figure1", tmp_path)
    assert found["COVID-00003a.png"].patient_id == found["COVID-00003b.png"].patient_id
    assert found["COVID-00002.jpg"].age is None
    assert found["COVID-00002.jpg"].covid19 is None


def test_chestxray14_keeps_its_official_split_and_its_boxes(tmp_path: Path) -> None:
    LAYOUTS["chestxray14"](tmp_path)
    normal, pneumonia, infiltration, test = read("chestxray14", tmp_path).values()
    assert [normal.official_split, test.official_split] == ["train", "test"]
    assert (pneumonia.sex, pneumonia.age, pneumonia.view) == ("F", 51, "AP")
    assert pneumonia.boxes[0] == Box("Pneumonia", 3.5, 4, 10, 12)
    assert infiltration.pneumonia is None
    (tmp_path / "test_list.txt").unlink()
    assert SOURCES["chestxray14"].check(tmp_path) == [
        "test_list.txt missing: no official split",
        "1 of 4 films are in none of train_val_list.txt, test_list.txt, "
        "the first is 00000003_000.png",
    ]


def test_chestxray14_is_also_read_from_a_folder_a_label(tmp_path: Path) -> None:
    film(tmp_path / "No_findings" / "00000001_000.jpg")
    film(tmp_path / "Pneumonia" / "00000001_001.jpg")
    found = read("chestxray14", tmp_path)
    assert found["00000001_000.jpg"].normal is True
    assert found["00000001_001.jpg"].patient_id == "chestxray14:00000001"


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


@pytest.mark.parametrize(
    "wrong",
    [{"sex": "X"}, {"age": 200.0}, {"study_date": "2020"}, {"official_split": "dev"},
     {"lung_mask": "/masks/a.png"}, {"covid19": True, "normal": True}],
)  # fmt: skip
def test_a_record_refuses_what_cannot_be(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        SourceRecord(path="a.png", **wrong)


def test_regions_refuse_what_has_no_area() -> None:
    with pytest.raises(ValueError, match="area"):
        Box("Pneumonia", 1, 1, 0, 5)
    with pytest.raises(ValueError, match="three points"):
        Polygon(((0, 0), (1, 1)), "lungs")


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
        ("radiologist", "radiologist", 57),
        ("chestxray14", "nih", 192),
        ("actualmed", "actualmed", 2),
    ],
)
def test_real_collections_have_the_counts_that_are_documented(
    data: Path, name: str, folder: str, films: int
) -> None:
    assert len(read(name, data / folder)) == films
