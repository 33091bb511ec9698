"""Tiny rendered copies of the layouts in which publishers give out their films."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Expected:
    """What a reader must find in a layout.

    Attributes:
        films: number of records.
        classes: films whose (covid19, pneumonia, normal) is true, in this order.
        infection_masks, lung_masks: films with such a mask file.
        boxes, scores, crops, polygons: of all films together.
        findings: parts of the findings of ``check``, one each, in any order; none for a complete
            layout.
    """

    films: int
    classes: tuple[int, int, int]
    infection_masks: int = 0
    lung_masks: int = 0
    boxes: int = 0
    scores: int = 0
    crops: int = 0
    polygons: int = 0
    findings: tuple[str, ...] = ()


def film(path: Path, size: tuple[int, int] = (24, 24), mode: str = "L") -> None:
    """A film of (width, height) pixels: noise that its path seeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = list(path.name.encode())
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path)


def mask(path: Path, size: tuple[int, int] = (24, 24)) -> None:
    """A mask of (width, height) pixels, 0/255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(size[::-1], np.uint8)
    pixels[6:18, 6:12] = 255
    Image.fromarray(pixels).save(path)


def table(path: Path, header: str, rows: Sequence[Sequence[object]], head: str = "") -> None:
    """A CSV table: its header as published, its rows, and what stands above the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(head + header + "\n")
        csv.writer(file).writerows(rows)


def document(path: Path, content: Any) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def covid_qu_ex(root: Path) -> Expected:
    names = {
        "COVID-19": "covid_{}.png",
        "Non-COVID": "non_COVID ({}).png",
        "Normal": "Normal ({}).png",
    }
    parts = {
        "Infection Segmentation Data": ("images", "lung masks", "infection masks"),
        "Lung Segmentation Data": ("images", "lung masks"),
    }
    for part, folders in parts.items():
        for n, split in enumerate(("Train", "Val", "Test")):
            for kind, name in names.items():
                # The lung part holds the films of the infection part once more, and others.
                for number in (n,) if len(folders) == 3 else (n, n + 10):
                    for folder in folders:
                        draw = film if folder == "images" else mask
                        draw(root / part / part / split / kind / folder / name.format(number))
    return Expected(18, (6, 6, 6), infection_masks=9, lung_masks=18)


def qata_cov19(root: Path) -> Expected:
    home = root / "QaTa-COV19"
    for folder in ("QaTa-COV19-v1", "QaTa-COV19-v2/Train Set", "QaTa-COV19-v2/Test Set"):
        film(home / folder / "Images" / "covid_1.png")
        mask(home / folder / "Ground-truths" / "mask_covid_1.png")
    film(home / "QaTa-COV19-v1" / "Images" / "normal_1.png")
    name = "sub-S09345_ses-E24192_run-1_bp-chest_vp-ap_cr.png"
    film(home / "QaTa-COV19-v2" / "Train Set" / "Images" / name)
    mask(home / "QaTa-COV19-v2" / "Train Set" / "Ground-truths" / f"mask_{name}")
    for kind in ("No", "Limited"):
        film(home / "Early-QaTa-COV19" / f"{kind}_COVID-19_Pneumonia_Cases" / "covid_1.png")
    control = home / "Control_Group"
    film(control / "Control_Group_I" / "normal_1.png")
    for split in ("Train", "Test"):
        folder = control / "Control_Group_II" / "CHESTXRAY-14" / split
        film(folder / f"0000000{len(split)}_000.png")
    for kind in ("Bacterial", "Viral"):
        film(control / "Control_Group_II" / f"Pediatric_{kind}_Pneumonia" / "pneumonia_1.png")
    return Expected(
        12,
        (6, 2, 1),
        infection_masks=4,
        findings=("1 of 2 films of QaTa-COV19-v1 have no mask, the first is normal_1.png",),
    )


def covid19_radiography(root: Path) -> Expected:
    for kind in ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"):
        for number in (1, 2):
            home = root / "COVID-19_Radiography_Dataset" / kind
            film(home / "images" / f"{kind}-{number}.png", (30, 30))
            mask(home / "masks" / f"{kind}-{number}.png")
    return Expected(8, (2, 4, 2), lung_masks=8)


METADATA = "patientid,offset,sex,age,finding,view,modality,date,folder,filename,license"


def cohen(root: Path) -> Expected:
    rows = [
        [
            "4",
            "0",
            "F",
            "52",
            "COVID-19, ARDS",
            "PA",
            "X-ray",
            "January 25, 2020",
            "images",
            "a.jpg",
        ],
        ["4", "0", "F", "52", "COVID-19", "L", "X-ray", "2020", "images", "a-L.jpg"],
        ["5", "", "", "", "todo", "AP Supine", "X-ray", "", "images", "b.png"],
        ["6", "3", "M", "60", "SARS", "PA", "X-ray", "March 2003", "images", "c.png"],
        ["7", "", "M", "60", "COVID-19", "Axial", "", "", "images", "d.png"],
        ["7", "", "M", "60", "COVID-19", "", "CT", "", "volumes", "e.nii.gz"],
    ]
    table(root / "metadata.csv", METADATA, [[*row, ""] for row in rows])
    for name in ("a.jpg", "a-L.jpg", "b.png", "c.png", "d.png"):
        film(root / "images" / name)
    document(root / "volumes" / "e.nii.gz", "")
    severity = root / "annotations" / "covid-severity-scores.csv"
    scores = "filename,geographic_mean,opacity_mean"
    table(severity, scores, [["a.jpg", 2.7, 2.0]], head="## Mean of 3 expert raters\n## License\n")
    zones = "filename,S-A,S-Global,J-A,J-Global"
    table(root / "brixia-scores.csv", zones, [["c.png", 3, 18, 3, 17], ["b.png", 1, 2, "", ""]])
    corners = [{"x": 3.5, "y": 4}, {"x": 9, "y": 4}, {"x": 9, "y": 20}]
    lung = {"name": "Lung", "polygon": {"path": corners}}
    tag = {"name": "Viral Pneumonia", "tag": {}}
    first = {
        "dataset": "covid-only",
        "image": {"width": 24, "height": 24, "filename": "1.jpg", "original_filename": "a.jpg"},
        "annotations": [lung, tag, lung],
    }
    second = {
        "version": "2.0",
        "item": {"name": "c.png", "slots": [{"width": 24, "height": 24}]},
        "annotations": [{"name": "Lung", "polygon": {"paths": [corners, corners]}}],
    }
    document(root / "annotations" / "covid-only" / "1.json", first)
    document(root / "annotations" / "covid-only" / "2.json", second)
    return Expected(
        4,
        (2, 1, 0),
        scores=8,
        polygons=4,
        findings=("2 CT scans are no films and left out, the first is d.png",),
    )


REGIONS = "#,Taxonomy,Class,Template Name,File Folder,Filename,Image,Tag,Mask,Resolution,Top,Left"


def general_blockchain(root: Path) -> Expected:
    rows = [
        ["4", "0", "F", "52", "COVID-19", "PA", "X-ray", "03/16/20", "images", "a.jpeg", ""],
        ["5", "", "M", "", "Legionella", "PA", "X-ray", "", "images", "b.png", "CC BY-NC-SA"],
    ]
    table(root / "metadata.csv", METADATA, rows)
    film(root / "images" / "a.jpeg")
    film(root / "images" / "b.png", mode="RGBA")
    classes = ("COVID-19 Ground Glass Opacities", "COVID-19 Left Lung", "COVID-19 Airways")
    drawn = [(name, "a.jpeg") for name in classes] + [("COVID-19 Right Lung", "b.png")]
    regions = []
    for n, (name, of) in enumerate(drawn):
        film(root / "masks" / f"{n}.png", (8, 6), mode="RGBA")
        regions.append([n, "", name, "", "", of, "", "", f"masks/{n}.png", "24x24", 3, 5])
    table(root / "structure.csv", REGIONS, regions)
    return Expected(2, (1, 1, 0), crops=3)


def hannover(root: Path) -> Expected:
    header = "patient_id,image_id,sex,age,size,weight,admission_offset,modality,projection"
    rows = [
        ["042f06a9", "b343e657", "m", "", "", "", "0", "CR", "ap"],
        ["042f06a9", "c9280a30", "m", "", "", "", "-2", "CR", "ap"],
        ["0a359802", "61bc50d1", "f", "45", "", "", "", "DX", "pa"],
    ]
    table(root / "data.csv", header, rows)
    for row in rows:
        film(root / "png" / f"{row[1]}.png")
    return Expected(3, (3, 0, 0))


CLINICAL = "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality"


def actualmed(root: Path) -> Expected:
    findings = {"No finding": "Negative (covid-19 viral infection is excluded)", "COVID-19": ""}
    rows = []
    for n, (finding, note) in enumerate({**findings, "": "Inconclusive"}.items()):
        name = f"CR.1.2.840.{n}.png"
        film(root / "images" / name)
        notes = f"{note}, date taken (YYYYMMDD): 2020031{n}"
        rows.append([f"ANON{n}", "", "", "", finding, "", "", "", "PA", "X-ray", name, "", notes])
    header = f"{CLINICAL},imagename,artifacts/distortion,notes"
    table(root / "metadata.csv", header, rows)
    return Expected(3, (1, 0, 1))


def figure1(root: Path) -> Expected:
    people = [
        ("1", "13", "M", "33", "COVID-19"),
        ("2", "", "M", "50+", ""),
        ("3a", "8", "F", "28", ""),
    ]
    people.append(("3b", "8", "F", "28", "Pneumonia"))
    rows = []
    for number, offset, sex, age, finding in people:
        name = f"COVID-0000{number}"
        film(root / "images" / f"{name}{'.jpg' if number < '3' else '.png'}")
        rows.append([name, offset, sex, age, finding, "", "", "", "AP erect", "X-ray", "", "", ""])
    header = f"{CLINICAL},originalfile,artifacts/distortion,notes"
    table(root / "metadata.csv", header, rows)
    with (root / "metadata.csv").open("ab") as file:
        file.write(b"COVID-00004,2,F,42,COVID-19,,,,PA,X-ray,,,39 \xb0C\r\n")
    film(root / "images" / "COVID-00004.png")
    return Expected(5, (2, 1, 0))


def chestxray14(root: Path) -> Expected:
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    )
    findings = ("No Finding", "Pneumonia|Effusion", "Infiltration", "No Finding")
    names = [f"0000000{n}_000.png" for n in range(4)]
    rows = [
        [name, found, 0, n, f"05{n}Y", "MF"[n % 2], ("PA", "AP")[n % 2], 24, 24, 0.1, 0.1, ""]
        for n, (name, found) in enumerate(zip(names, findings, strict=True))
    ]
    table(root / "Data_Entry_2017.csv", header, rows)
    for n, name in enumerate(names):
        film(root / f"images_00{1 + n // 2}" / "images" / name)
    (root / "train_val_list.txt").write_text("\n".join(names[:3]))
    (root / "test_list.txt").write_text(names[3])
    boxes = [[names[1], "Pneumonia", 3.5, 4, 10, 12, "", "", ""]]
    boxes.append([names[1], "Effusion", 1, 1, 5, 5.25, "", "", ""])
    table(root / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,", boxes)
    return Expected(4, (0, 1, 2), boxes=2)


LAYOUTS: dict[str, Callable[[Path], Expected]] = {
    "qata-cov19": qata_cov19,
    "covid-qu-ex": covid_qu_ex,
    "covid19-radiography": covid19_radiography,
    "cohen": cohen,
    "general-blockchain": general_blockchain,
    "hannover": hannover,
    "actualmed": actualmed,
    "figure1": figure1,
    "chestxray14": chestxray14,
}
