"""A film as a hospital has it, with a patient, private elements, and texts where none belong."""

from __future__ import annotations

import io

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from infmap.deidentify.key import Key
from infmap.dicom import write_dx

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


def labelled(
    size: int = 600, at: tuple[int, int] = (40, 60), text: str = "MUSTERMANN, E", **more: object
) -> Dataset:
    """A smooth film with white text of 22 pixels at a row and a column."""
    rows, columns = np.mgrid[0:size, 0:size]
    plane = (12000 + 20 * rows + 9 * columns).astype(np.uint16)
    ink = drawn(text, 22, plane.shape, at)
    plane[ink] = 60000
    dataset = film(**more)
    dataset.Rows, dataset.Columns = plane.shape
    dataset.PixelData = plane.tobytes()
    return dataset


def drawn(text: str, size: int, shape: tuple[int, ...], at: tuple[int, int]) -> np.ndarray:
    """Where the ink of a text is, bool of a shape."""
    layer = Image.new("L", (shape[1], shape[0]), 0)
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(layer).text((at[1], at[0]), text, fill=255, font=font)
    return np.asarray(layer) > 127
