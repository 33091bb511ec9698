"""Tiny rendered copies of further publishers' layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from layouts import Expected, film, mask, table
from PIL import Image


def text(path: Path, content: str) -> None:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def tabbed(path: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    """A table with tabs between its columns."""
    lines = [header.split(","), *rows]
    text(path, "".join("\t".join(str(cell) for cell in line) + "\n" for line in lines))


def dicom(path: Path, patient: str, sex: str = "F", age: str = "51", view: str = "PA") -> None:
    """A DICOM film of 8x8 pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID, data.PatientSex = "CR", patient, sex
    # RSNA writes ages without their unit, which pydicom will not write by keyword.
    data.add_new("PatientAge", "LO", age)
    data.ViewPosition = view
    data.Rows = data.Columns = 8
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = bytes(range(64))
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def covid_cxnet(root: Path) -> Expected:
    home = root / "COVID-CXNet-master"
    header = (
        "filename,patient_id,sex,age,view,label,pcr_test,survival,location,admission_offset,"
        "symptom_offset,also_had_ct,has_fever,has_cough,has_dyspnea,has_diarrhea,spo2,"
        "other_symptoms,medical_background,opacification,other,is_bilateral,url"
    )
    rows = [
        ["260.jpg", 10, "female", 68, "", "COVID-19", "positive", "", "Spain", "", ""],
        ["282-.jfif", 11, "male", 47, "PA", "COVID-19", "positive", "", "Spain", "4", ""],
    ]
    table(home / "metadata.csv", header, [row + [""] * 12 for row in rows])
    folder = home / "chest_xray_images" / "covid19"
    film(folder / "260.jpg")
    film(folder / "282-.jfif")
    film(folder / "001.png")
    bare = "1 of 3 films are not in metadata.csv: no patient is known, the first is 001.png"
    return Expected(3, (3, 0, 0), findings=(bare,))


def bimcv_covid19(root: Path) -> Expected:
    home = root / "covid19_posi"
    views = {
        "S03044/E06259": ("run-1_bp-chest_vp-pa_dx", "run-1_bp-chest_vp-ll_dx"),
        "S03045/E06300": ("acq-2_run-1_bp-chest_vp-ap_cr",),
        "S03046/E06301": ("run-1_bp-chest_vp-ap_cr",),
        "S03047/E06302": ("run-1_bp-chest_vp-ap_cr",),
    }
    for place, names in views.items():
        subject, session = (f"{p}-{part}" for p, part in zip(("sub", "ses"), place.split("/")))
        days = [[session, "20200401", "'report'"]]
        header = "session_id,study_date,medical_evaluation"
        tabbed(home / subject / f"{subject}_sessions.tsv", header, days)
        for name in names:
            path = home / subject / session / "mod-rx" / f"{subject}_{session}_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(path)
            header_of = {"00280004": {"vr": "CS", "Value": ["MONOCHROME2"]}}
            path.with_suffix(".json").write_text(json.dumps(header_of))
    people = [[f"sub-S0304{n}", "['DX']", "[['CHEST']]", f"[7{n}]", "MF"[n % 2]] for n in (4, 5, 6)]
    people.append(["sub-S03047", "['CR', 'CT']", "[['CHEST']]", "[70, 71]", "F"])
    header = "participant,modality_dicom,body_parts,age,gender"
    tabbed(home / "participants.tsv", header, people)
    reports = [
        ["sub-S03044", "ses-E06259", "...", "['COVID 19', ' pneumonia']"],
        ["sub-S03045", "ses-E06300", "...", "['pneumonia']"],
        ["sub-S03046", "ses-E06301", "...", "['normal']"],
        ["sub-S03047", "ses-E06302", "...", "['infiltrates']"],
    ]
    labels = home / "derivatives" / "labels" / "labels_covid19_posi.tsv"
    tabbed(labels, "PatientID,ReportID,Report,Labels", reports)
    tests = [
        ["sub-S03045", "15.04.2020", "PCR", "POSITIVO"],
        ["sub-S03046", "16.04.2020", "PCR", "POSITIVO"],
        ["sub-S03047", "01.04.2020", "PCR", "NEGATIVO"],
    ]
    path = home / "derivatives" / "EHR" / "sil_reg_covid_posi.tsv"
    tabbed(path, "participant,date,test,result", tests)
    return Expected(5, (3, 0, 1))


def kermany(root: Path) -> Expected:
    names = {
        "train/NORMAL": ("IM-0115-0001.jpeg", "NORMAL2-IM-0059-0001.jpeg"),
        "train/PNEUMONIA": ("person12_bacteria_34.jpeg", "person12_bacteria_35.jpeg"),
        "val/NORMAL": ("NORMAL2-IM-1427-0001.jpeg",),
        "val/PNEUMONIA": ("person1946_bacteria_4874.jpeg",),
        "test/NORMAL": ("IM-0001-0001.jpeg",),
        "test/PNEUMONIA": ("person1_virus_6.jpeg",),
    }
    for folder, films in names.items():
        for name in films:
            film(root / "chest_xray" / folder / name)
    return Expected(8, (0, 4, 4))


def rsna_pneumonia(root: Path) -> Expected:
    header = "patientId,x,y,width,height,Target"
    boxes = [["a", "", "", "", "", 0], ["b", 2.0, 1.0, 3.0, 4.0, 1], ["b", 5, 1, 2, 4, 1]]
    table(root / "stage_2_train_labels.csv", header, [*boxes, ["c", "", "", "", "", 0]])
    kinds = {"a": "Normal", "b": "Lung Opacity", "c": "No Lung Opacity / Not Normal"}
    rows = [[name, kind] for name, kind in kinds.items()] + [["b", "Lung Opacity"]]
    table(root / "stage_2_detailed_class_info.csv", "patientId,class", rows)
    mapping = [{"subset_img_id": n, "img_id": f"0000001{n}_000.png".replace(n, "2")} for n in "abc"]
    path = root / "pneumonia-challenge-dataset-mappings_2018.json"
    text(path, json.dumps(mapping))
    for name in "abc":
        dicom(
            root / "stage_2_train_images" / f"{name}.dcm", name, view="PA" if name < "c" else "AP"
        )
    dicom(root / "stage_2_test_images" / "d.dcm", "d")
    return Expected(4, (0, 1, 1), boxes=2)


def siim_covid19(root: Path) -> Expected:
    header = (
        "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance"
    )
    studies = [[f"{n}_study", *(int(n == m) for m in range(4))] for n in range(4)]
    table(root / "train_study_level.csv", header, studies)
    box = "[{'x': 1.5, 'y': 2.0, 'width': 3.0, 'height': 4.25}]"
    images = [["a0_image", "", "none 1 0 0 1 1", "0"]]
    images += [[f"a{n}_image", box, "opacity 1 1.5 2 4.5 6.25", n] for n in (1, 2, 3)]
    table(root / "train_image_level.csv", "id,boxes,label,StudyInstanceUID", images)
    for n in range(4):
        dicom(root / "train" / str(n) / f"series{n}" / f"a{n}.dcm", f"p{n // 2}", view="")
    dicom(root / "test" / "9" / "series9" / "a9.dcm", "p9")
    return Expected(5, (1, 0, 0), boxes=3)


def montgomery(root: Path) -> Expected:
    home = root / "MontgomerySet"
    for stem, reading in {
        "MCUCXR_0001_0": "Patient's Sex: F\nPatient's Age: 027Y\nnormal\n",
        "MCUCXR_0104_1": "Patient's Sex: M \r\nPatient's Age: 040Y\r\nimproved infiltrate\r\n",
    }.items():
        film(home / "CXR_png" / f"{stem}.png", (40, 30))
        for side in ("leftMask", "rightMask"):
            mask(home / "ManualMask" / side / f"{stem}.png", (40, 30))
        text(home / "ClinicalReadings" / f"{stem}.txt", reading)
    return Expected(2, (0, 0, 1), crops=4)


def shenzhen(root: Path) -> Expected:
    home = root / "ChinaSet_AllFiles"
    for stem, reading in {
        "CHNCXR_0001_0": "male 45yrs\nnormal",
        "CHNCXR_0115_0": "male 16month\nnormal",
        "CHNCXR_0327_1": "Female, 28 yrs\nSTB",
    }.items():
        film(home / "CXR_png" / f"{stem}.png", mode="RGB")
        text(home / "ClinicalReadings" / f"{stem}.txt", reading)
    mask(root / "mask" / "CHNCXR_0001_0_mask.png")
    mask(root / "mask" / "CHNCXR_0327_1_mask.png")
    bare = "1 of 3 films have no lung mask, the first is CHNCXR_0115_0"
    return Expected(3, (0, 0, 2), lung_masks=2, findings=(bare,))


def jsrt(root: Path) -> Expected:
    for stem, fold in {"JPCLN001": "fold1", "JPCNN001": "fold1", "JPCNN002": "fold2"}.items():
        film(root / "All247images" / f"{stem}.png", (24, 24))
        for side in ("left lung", "right lung", "heart"):
            mask(root / "scratch" / fold / "masks" / side / f"{stem}.gif", (24, 24))
    folder = root / "Clinical_Information"
    nodules = "JPCLN001.IMG\t5\t15\t53\tmale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer\n"
    text(folder / "CLNDAT_EN.txt", nodules)
    normal = "JPCNN001.IMG   50   female   non-nodule\nJPCNN002.IMG   ?   male   non-nodule\n"
    text(folder / "CNNDAT_EN.TXT", normal)
    return Expected(3, (0, 0, 2), crops=6)


def folder(root: Path) -> Expected:
    rows = [
        ["a/1.png", "p1", "1", "", "", "m/1.png", "m/1.png", "PA", "f", "61", "3", "train"],
        ["b/1.png", "p1", "0", "1", "0", "", "", "L", "", "", "", ""],
        ["b/2.dcm", "p2", "", "", "", "", "", "", "", "", "", "test"],
    ]
    header = (
        "path,patient_id,covid19,pneumonia,normal,infection_mask,lung_mask,view,sex,age,"
        "offset_days,split"
    )
    table(root / "films.csv", header, rows)
    film(root / "a" / "1.png")
    film(root / "b" / "1.png")
    dicom(root / "b" / "2.dcm", "p2")
    mask(root / "m" / "1.png")
    return Expected(3, (1, 1, 0), infection_masks=1, lung_masks=1)


def annotation(root: Path) -> Expected:
    header = (
        "path,name,patient_id,infection_mask,opacity_mask,lung_mask,origin,readers,adjudicated,"
        "film_sha256"
    )
    home = root / "approved"
    rows = []
    for name, origin in (("0a1b", "hand"), ("2c3d", "edited from infmap-lite0@0.3.1")):
        masks = [f"masks/{kind}/{name}.png" for kind in ("infection", "opacity", "lungs")]
        rows.append([f"images/{name}.png", name, "annotation:77", *masks, origin, 1, 0, name * 16])
        film(home / "images" / f"{name}.png")
        for path in masks:
            mask(home / path)
    rows[1][5] = ""  # nobody outlined the lungs
    table(home / "films.csv", header, rows)
    return Expected(2, (0, 0, 0), infection_masks=2, lung_masks=1)


LAYOUTS: dict[str, Callable[[Path], Expected]] = {
    "covid-cxnet": covid_cxnet,
    "bimcv-covid19": bimcv_covid19,
    "kermany": kermany,
    "rsna-pneumonia": rsna_pneumonia,
    "siim-covid19": siim_covid19,
    "montgomery": montgomery,
    "shenzhen": shenzhen,
    "jsrt": jsrt,
    "folder": folder,
    "annotation": annotation,
}
