"""What is particular to each of the further sources, beyond the contract of them all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.sources import (
    bimcv_covid19,
    covid_cxnet,
    folder,
    jsrt,
    kermany,
    montgomery,
    rsna_pneumonia,
    shenzhen,
    siim_covid19,
)
from infmap.sources.record import Box, MaskCrop, Polygon, SourceFailure, SourceRecord
from infmap.sources.source import Source

sys.path.insert(0, str(Path(__file__).parent))

from layouts import film, mask, table  # noqa: E402
from layouts_b import LAYOUTS, dicom, text  # noqa: E402


def found(source: Source, root: Path) -> dict[str, SourceRecord]:
    records = source.read(root)
    return {one.film_name: one for one in records if isinstance(one, SourceRecord)}


def classes(record: SourceRecord) -> tuple[bool | None, bool | None, bool | None]:
    return record.covid19, record.pneumonia, record.normal


def test_covid_cxnet_takes_patient_and_day_from_the_table(tmp_path: Path) -> None:
    LAYOUTS["covid-cxnet"](tmp_path)
    films = found(covid_cxnet.SOURCE, tmp_path)
    one = films["covid19-282-.jfif"]
    assert (one.patient_id, one.sex, one.age) == ("covid-cxnet:11", "M", 47)
    assert (one.offset_days, one.view) == (4, "PA")
    assert films["covid19-001.png"].patient_id is None
    (tmp_path / "COVID-CXNet-master" / "metadata.csv").unlink()
    assert covid_cxnet.SOURCE.check(tmp_path) == [
        "metadata.csv missing: no patients, views and days"
    ]


def test_covid_cxnet_reads_normal_films_and_names_rows_without_film(tmp_path: Path) -> None:
    LAYOUTS["covid-cxnet"](tmp_path)
    home = tmp_path / "COVID-CXNet-master"
    film(home / "chest_xray_images" / "normal" / "260.jpg")
    (home / "chest_xray_images" / "covid19" / "260.jpg").unlink()
    (home / "chest_xray_images" / "covid19" / "001.png").unlink()
    films = found(covid_cxnet.SOURCE, tmp_path)
    assert set(films) == {"covid19-282-.jfif", "normal-260.jpg"}
    assert (films["normal-260.jpg"].normal, films["normal-260.jpg"].patient_id) == (True, None)
    assert covid_cxnet.SOURCE.check(tmp_path) == [
        "1 of 2 films that metadata.csv lists are not on disk, the first is 260.jpg"
    ]


def test_bimcv_says_covid19_by_report_or_near_test_and_never_rules_it_out(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    films = found(bimcv_covid19.SOURCE, tmp_path)
    by_patient = {record.patient_id: record for record in films.values()}
    assert classes(by_patient["bimcv-covid19:sub-S03044"]) == (True, False, False)
    # A pneumonia of the report, and a positive test 14 days later.
    assert classes(by_patient["bimcv-covid19:sub-S03045"]) == (True, False, False)
    # A normal film, and a positive test 15 days later.
    assert classes(by_patient["bimcv-covid19:sub-S03046"]) == (None, False, True)
    assert classes(by_patient["bimcv-covid19:sub-S03047"]) == (None, None, False)
    assert by_patient["bimcv-covid19:sub-S03047"].age is None
    lateral = films["sub-S03044_ses-E06259_run-1_bp-chest_vp-ll_dx.png"]
    assert (lateral.view, lateral.study_date) == ("LATERAL", "2020-04-01")
    assert (lateral.sex, lateral.age) == ("M", 74)


def test_bimcv_names_inverted_films_strangers_and_damaged_tables(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    home = tmp_path / "covid19_posi"
    header = next(home.rglob("*vp-ap_cr.json"))
    header.write_text(header.read_text().replace("MONOCHROME2", "MONOCHROME1"))
    people = home / "participants.tsv"
    people.write_text("".join(people.read_text().splitlines(keepends=True)[:-1]))
    findings = bimcv_covid19.SOURCE.check(tmp_path)
    assert any(f.startswith("1 of 5 films are MONOCHROME1") for f in findings)
    assert any(f.startswith("1 of 5 films are of patients that participants") for f in findings)
    people.write_text("one\ttwo\n")
    (finding,) = bimcv_covid19.SOURCE.check(tmp_path)
    assert "expected the column 'participant'" in finding
    with pytest.raises(UsageError, match="participant"):
        list(bimcv_covid19.SOURCE.read(tmp_path))


def test_bimcv_takes_a_cut_cell_of_labels_for_unknown(tmp_path: Path) -> None:
    LAYOUTS["bimcv-covid19"](tmp_path)
    path = next(tmp_path.rglob("labels_covid19_posi.tsv"))
    path.write_text(path.read_text().replace("['infiltrates']", "['infiltr"))
    films = found(bimcv_covid19.SOURCE, tmp_path)
    name = "sub-S03047_ses-E06302_run-1_bp-chest_vp-ap_cr.png"
    assert classes(films[name]) == (None, None, None)
    (finding,) = bimcv_covid19.SOURCE.check(tmp_path)
    assert finding.startswith("1 of 5 films have no readable labels")


def test_kermany_names_give_patients_and_folders_the_split(tmp_path: Path) -> None:
    LAYOUTS["kermany"](tmp_path)
    films = found(kermany.SOURCE, tmp_path)
    one, two = films["train-person12_bacteria_34.jpeg"], films["train-person12_bacteria_35.jpeg"]
    assert one.patient_id == two.patient_id == "kermany:person12"
    assert films["train-NORMAL2-IM-0059-0001.jpeg"].patient_id == "kermany:NORMAL2-IM-0059"
    assert films["val-NORMAL2-IM-1427-0001.jpeg"].official_split == "val"
    assert classes(one) == (False, True, False)


def test_kermany_names_patients_of_two_splits_odd_names_and_a_second_copy(tmp_path: Path) -> None:
    LAYOUTS["kermany"](tmp_path)
    home = tmp_path / "chest_xray"
    film(home / "test" / "PNEUMONIA" / "person12_virus_1.jpeg")
    film(home / "test" / "NORMAL" / "BACTERIA-1008087-0001.jpeg")
    film(home / "test" / "NORMAL" / "other.jpeg")
    film(home / "chest_xray" / "train" / "NORMAL" / "IM-0115-0001.jpeg")
    assert kermany.SOURCE.check(tmp_path) == [
        "1 of 11 film names give no patient, the first is other.jpeg",
        "1 patients stand in several of train, val and test, the first is kermany:person12",
        "unexpected folder chest_xray in chest_xray: a second copy, not read",
    ]
    assert len(found(kermany.SOURCE, tmp_path)) == 11


def test_rsna_boxes_classes_and_patients_of_chestxray14(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    films = found(rsna_pneumonia.SOURCE, tmp_path)
    opacity = films["b.dcm"]
    assert opacity.boxes == (Box("Lung Opacity", 2, 1, 3, 4), Box("Lung Opacity", 5, 1, 2, 4))
    assert opacity.patient_id == "chestxray14:00000012"
    assert (opacity.view, opacity.sex, opacity.age) == ("PA", "F", 51)
    assert classes(films["c.dcm"]) == (False, False, False)
    assert films["c.dcm"].view == "AP"
    test = films["d.dcm"]
    assert (test.official_split, *classes(test)) == ("test", False, None, None)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").write_text("{")
    (finding,) = rsna_pneumonia.SOURCE.check(tmp_path)
    assert "expected a list of subset_img_id and img_id" in finding


def test_rsna_without_its_mapping_leaves_patients_unknown(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    (tmp_path / "pneumonia-challenge-dataset-mappings_2018.json").unlink()
    assert found(rsna_pneumonia.SOURCE, tmp_path)["a.dcm"].patient_id is None
    (finding,) = rsna_pneumonia.SOURCE.check(tmp_path)
    assert finding.endswith("missing: patients are unknown, and films of one may part")


def test_a_box_that_is_no_number_is_an_error_with_its_film(tmp_path: Path) -> None:
    LAYOUTS["rsna-pneumonia"](tmp_path)
    header = "patientId,x,y,width,height,Target"
    table(tmp_path / "stage_2_train_labels.csv", header, [["b", "x", 1, 2, 3, 1]])
    with pytest.raises(UsageError, match="b: could not convert"):
        list(rsna_pneumonia.SOURCE.read(tmp_path))
    assert "could not convert" in rsna_pneumonia.SOURCE.check(tmp_path)[0]


def test_siim_appearances_leave_unknown_what_they_do_not_state(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    films = found(siim_covid19.SOURCE, tmp_path)
    assert [classes(films[f"a{n}.dcm"]) for n in (0, 1, 2, 3, 9)] == [
        (None, False, None),
        (True, False, False),
        (None, None, False),
        (None, None, False),
        (None, None, None),
    ]
    assert films["a1.dcm"].boxes == (Box("opacity", 1.5, 2, 3, 4.25),)
    assert films["a0.dcm"].patient_id == films["a1.dcm"].patient_id == "siim-covid19:p0"
    assert films["a0.dcm"].view is None


def test_siim_names_films_that_are_missing_and_a_damaged_cell(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    next(tmp_path.glob("train/0/*/*.dcm")).unlink()
    (finding,) = siim_covid19.SOURCE.check(tmp_path)
    assert finding == (
        "1 of 4 films that train_image_level.csv lists are not on disk, the first is a0"
    )
    header = "id,boxes,label,StudyInstanceUID"
    table(tmp_path / "train_image_level.csv", header, [["a1_image", "[{'x': 1}]", "", "1"]])
    (finding,) = siim_covid19.SOURCE.check(tmp_path)
    assert "a1_image: expected a list of boxes" in finding


def test_a_header_that_cannot_be_read_leaves_its_film_to_ingest(tmp_path: Path) -> None:
    LAYOUTS["siim-covid19"](tmp_path)
    next(tmp_path.glob("train/0/*/*.dcm")).write_bytes(b"no film")
    record = found(siim_covid19.SOURCE, tmp_path)["a0.dcm"]
    assert (record.patient_id, record.sex, record.age) == ("siim-covid19:0", None, None)


def test_montgomery_reads_both_lungs_and_the_reading(tmp_path: Path) -> None:
    LAYOUTS["montgomery"](tmp_path)
    films = found(montgomery.SOURCE, tmp_path)
    normal, ill = films["MCUCXR_0001_0.png"], films["MCUCXR_0104_1.png"]
    assert (normal.sex, normal.age, ill.sex, ill.age) == ("F", 27, "M", 40)
    assert classes(normal) == (False, False, True)
    assert classes(ill) == (False, None, False)
    path = "MontgomerySet/ManualMask/leftMask/MCUCXR_0001_0.png"
    assert normal.crops[0] == MaskCrop(path, "lungs", 0, 0, (40, 30))


def test_montgomery_gives_no_half_lungs_and_names_the_gap(tmp_path: Path) -> None:
    LAYOUTS["montgomery"](tmp_path)
    (tmp_path / "MontgomerySet" / "ManualMask" / "rightMask" / "MCUCXR_0001_0.png").unlink()
    film(tmp_path / "MontgomerySet" / "CXR_png" / "copy of it.png")
    assert found(montgomery.SOURCE, tmp_path)["MCUCXR_0001_0.png"].crops == ()
    assert montgomery.SOURCE.check(tmp_path) == [
        "1 of 2 films have no rightMask, the first is MCUCXR_0001_0.png",
        "1 films are not named MCUCXR_*_0 or _1 and are not read, the first is copy of it.png",
    ]


def test_shenzhen_reads_odd_ages_and_masks_from_beside_or_above(tmp_path: Path) -> None:
    LAYOUTS["shenzhen"](tmp_path)
    films = found(shenzhen.SOURCE, tmp_path)
    ages = [(record.sex, record.age) for record in films.values()]
    assert ages == [("M", 45), ("M", 1.33), ("F", 28)]
    assert films["CHNCXR_0001_0.png"].lung_mask == "mask/CHNCXR_0001_0_mask.png"
    (tmp_path / "mask").rename(tmp_path / "ChinaSet_AllFiles" / "masks")
    again = found(shenzhen.SOURCE, tmp_path)["CHNCXR_0327_1.png"]
    assert again.lung_mask == "ChinaSet_AllFiles/masks/CHNCXR_0327_1_mask.png"
    mask(tmp_path / "ChinaSet_AllFiles" / "masks" / "CHNCXR_0009_0_mask.png")
    (tmp_path / "ChinaSet_AllFiles" / "ClinicalReadings" / "CHNCXR_0115_0.txt").unlink()
    film(tmp_path / "ChinaSet_AllFiles" / "CXR_png" / "other.png")
    findings = shenzhen.SOURCE.check(tmp_path)
    assert findings == [
        "1 of 3 films have no lung mask, the first is CHNCXR_0115_0",
        "1 lung masks have no film, the first is CHNCXR_0009_0",
        "1 of 3 films have no clinical reading with sex and age, the first is CHNCXR_0115_0",
        "1 films are not named CHNCXR_*_0 or _1 and are not read, the first is other.png",
    ]


def test_jsrt_reads_age_and_sex_of_both_tables(tmp_path: Path) -> None:
    LAYOUTS["jsrt"](tmp_path)
    films = found(jsrt.SOURCE, tmp_path)
    people = {name: (record.sex, record.age) for name, record in films.items()}
    assert people == {
        "JPCLN001.png": ("M", 53),
        "JPCNN001.png": ("F", 50),
        "JPCNN002.png": ("M", None),
    }
    assert classes(films["JPCLN001.png"]) == (False, None, False)


def test_jsrt_masks_of_another_size_leave_the_lungs_unknown(tmp_path: Path) -> None:
    LAYOUTS["jsrt"](tmp_path)
    film(tmp_path / "All247images" / "JPCNN001.png", (48, 48))
    assert found(jsrt.SOURCE, tmp_path)["JPCNN001.png"].crops == ()
    assert jsrt.SOURCE.check(tmp_path) == [
        "1 of 3 films are not of their masks' size: their lungs are unknown, the first is JPCNN001"
    ]


def test_jsrt_raw_films_are_named_with_a_command_that_converts_them(tmp_path: Path) -> None:
    raw = np.full((2048, 2048), 4095, ">u2")
    raw[:1024] = 0
    raw[1024, :2] = 0
    path = tmp_path / "Nodule154images" / "JPCLN001.IMG"
    path.parent.mkdir()
    raw.tofile(path)
    with pytest.raises(UsageError, match="convert the .IMG files first: python -c"):
        list(jsrt.SOURCE.read(tmp_path))
    assert any(
        finding.startswith("1 of 1 films are .IMG only") and jsrt.CONVERT in finding
        for finding in jsrt.SOURCE.check(tmp_path)
    )
    assert jsrt.convert(tmp_path) == 1
    assert jsrt.convert(tmp_path) == 0
    with Image.open(path.with_suffix(".png")) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (1024, 1024)
    assert (pixels[0, 0], pixels[-1, -1]) == (65535, 0)
    assert abs(int(pixels[512, 0]) - 32768) <= 1  # the mean of two black and two white words
    assert list(found(jsrt.SOURCE, tmp_path)) == ["JPCLN001.png"]
    path.with_name("JPCLN002.IMG").write_bytes(b"short")
    with pytest.raises(UsageError, match="expected 8388608 bytes, got 5"):
        jsrt.convert(tmp_path)


def test_a_table_of_own_films_keeps_empty_cells_unknown(tmp_path: Path) -> None:
    LAYOUTS["folder"](tmp_path)
    one, two, three = folder.SOURCE.read(tmp_path)
    assert (one.film_name, two.film_name) == ("a-1.png", "b-1.png")
    assert (one.patient_id, one.sex, one.age, one.offset_days) == ("folder:p1", "F", 61, 3)
    assert (one.infection_mask, one.official_split) == ("m/1.png", "train")
    assert classes(one) == (True, None, None)
    assert (two.view, *classes(two)) == ("L", False, True, False)
    assert (three.path, *classes(three)) == ("b/2.dcm", None, None, None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a.png", "", "", "dev"], "expected one of"),
        (["a.png", "maybe", ""], "expected 1, 0 or nothing, got 'maybe'"),
        (["a.png", "", "flu"], "expected the label covid19, pneumonia or normal"),
        (["../a.png", "", ""], "expected paths below its folder"),
        (["/a.png", "", ""], "expected paths below its folder"),
    ],
)
def test_a_row_of_own_films_that_cannot_be_meant_is_a_failure_and_the_others_go_on(
    tmp_path: Path, row: list[str], message: str
) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "b.png")
    table(tmp_path / "films.csv", "path,normal,label,split", [row, ["b.png", "1", ""]])
    failure, record = folder.SOURCE.read(tmp_path)
    assert isinstance(failure, SourceFailure) and isinstance(record, SourceRecord)
    assert (failure.path, record.path) == (row[0], "b.png")
    assert message in failure.reason and "\n" not in failure.reason
    assert any(message in finding for finding in folder.SOURCE.check(tmp_path))


def test_a_table_of_own_films_is_checked_cell_by_cell(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    rows = [["a.png", "normal", "x.png", "fifty"], ["gone.png", "", "", ""], ["a.png"] + [""] * 3]
    table(tmp_path / "films.csv", "path,label,lung_mask,age", rows)
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 3 films that films.csv lists are not on disk, the first is gone.png",
        "1 of 3 films are twice in films.csv, the first is a.png",
        "1 of 1 files of the column lung_mask are not on disk, the first is x.png",
        "1 of 3 films have a cell of age that says nothing certain, the first is a.png",
    ]


def _coco(root: Path, annotations: list[dict[str, Any]]) -> None:
    names = {1: "Consolidation", 2: "left lung", 3: "tube"}
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "width": 24, "height": 20} for n in (1, 2, 3)
        ],
        "categories": [{"id": n, "name": name} for n, name in names.items()],
        "annotations": annotations,
    }
    text(root / "annotations.json", json.dumps(content))
    film(root / "images" / "1.png", (24, 20))
    film(root / "images" / "2.png", (24, 20))


SQUARE = [2, 3, 9.5, 3, 9.5, 8]


def test_coco_outlines_become_regions_and_the_rest_boxes(tmp_path: Path) -> None:
    annotations = [
        {"image_id": 1, "category_id": 1, "segmentation": [SQUARE], "bbox": [2, 3, 7.5, 5]},
        {"image_id": 1, "category_id": 3, "segmentation": [], "bbox": [1, 1, 2, 2]},
        {"image_id": 2, "category_id": 2, "segmentation": [SQUARE], "bbox": [2, 3, 7.5, 5]},
    ]
    _coco(tmp_path, annotations)
    one, two = folder.SOURCE.read(tmp_path)
    points = ((2.0, 3.0), (9.5, 3.0), (9.5, 8.0))
    assert one.polygons == (Polygon(points, "opacity", (24, 20)),)
    assert one.boxes == (Box("tube", 1, 1, 2, 2),)
    # Lungs were drawn on the second film and no opacity: it has none.
    assert (one.opacity_drawn, two.opacity_drawn) == (True, True)
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 3 films that annotations.json lists are not on disk, the first is 3.png"
    ]


def test_coco_opacities_that_are_boxes_or_not_annotated_make_no_empty_mask(tmp_path: Path) -> None:
    _coco(tmp_path, [{"image_id": 1, "category_id": 1, "bbox": [2, 3, 7, 5]}])
    one, two = folder.SOURCE.read(tmp_path)
    assert one.boxes == (Box("Consolidation", 2, 3, 7, 5),)
    assert (one.opacity_drawn, two.opacity_drawn) == (False, False)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": {"counts": [1], "size": [1, 1]}}, "got a run-length encoded mask"),
        ({"segmentation": [[1, 2, 3]]}, "in the form of COCO"),
        ({"bbox": [1, 1, 0, 0]}, "in the form of COCO"),
    ],
)
def test_coco_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, annotation: dict[str, Any], message: str
) -> None:
    _coco(tmp_path, [{"image_id": 1, "category_id": 1} | annotation])
    with pytest.raises(UsageError, match=message):
        list(folder.SOURCE.read(tmp_path))
    (finding,) = folder.SOURCE.check(tmp_path)
    assert message in finding and "\n" not in finding


@pytest.mark.parametrize("images", ["images", "."])
def test_folders_of_classes_with_masks_by_name(tmp_path: Path, images: str) -> None:
    for kind in ("covid19", "pneumonia", "normal"):
        film(tmp_path / images / kind / "1.jpg")
    dicom(tmp_path / images / "2.dcm", "p")
    for kind in ("covid19", "pneumonia"):
        mask(tmp_path / "masks" / kind / "1.png")
    mask(tmp_path / "lungs" / "2.png")
    mask(tmp_path / "lungs" / "9.png")
    films = found(folder.SOURCE, tmp_path)
    assert set(films) == {"2.dcm", "covid19-1.jpg", "normal-1.jpg", "pneumonia-1.jpg"}
    covid19, other = films["covid19-1.jpg"], films["pneumonia-1.jpg"]
    assert covid19.infection_mask == covid19.opacity_mask == "masks/covid19/1.png"
    assert (other.infection_mask, other.opacity_mask) == (None, "masks/pneumonia/1.png")
    assert classes(films["2.dcm"]) == (None, None, None)
    assert films["2.dcm"].lung_mask == "lungs/2.png"
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 4 films lie in no folder covid19, pneumonia or normal, the first is 2.dcm",
        "1 of 2 files of lungs/ have no film, the first is lungs/9.png",
    ]
