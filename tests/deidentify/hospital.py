"""A film as a hospital has it, with a patient, private elements, and texts where none belong."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from infmap.deidentify.key import Key
from infmap.dicom import write_dx

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))

KEY = Key(bytes(range(32)))
NAME = "Mustermann^Erika Xanthippe"
WORDS = ("mustermann", "erika", "xanthippe")
PATIENT = "HOSP-778812"
BORN = "19610412"


def film(patient: str = PATIENT, name: str = NAME, **changes: object) -> Dataset:
    """A phantom DX with a patient; changes set elements, None deletes them."""
    stream = io.BytesIO()
    pixels = (np.mgrid[0:40, 0:60][0] * 900).astype(np.uint16)
    write_dx(stream, pixels, spacing_mm=(0.1, 0.1), patient_id=patient)  # type: ignore[arg-type]
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    dataset.PatientName, dataset.PatientBirthDate = name, BORN
    dataset.PatientSex, dataset.PatientAge = "F", "058Y"
    dataset.ReferringPhysicianName = "Sauerbruch^Ferdinand"
    dataset.AccessionNumber, dataset.StudyID = "ACC990017", "ST4711"
    dataset.InstitutionName, dataset.StationName = "Klinikum Nord", "ROOM3"
    dataset.StudyDescription = "Thorax pa von Erika Mustermann"
    dataset.Manufacturer = "infmap"
    dataset.DeviceSerialNumber = "SN12345"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20190228"
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def saved(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def nested(item: Dataset) -> Sequence:
    """A sequence that the profile keeps, as it stands in a film, around one item."""
    return Sequence([item])
