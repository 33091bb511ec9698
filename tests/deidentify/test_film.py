from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.deidentify.film import clean_film, open_film
from infmap.deidentify.options import Options

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, WORDS, film, read, saved  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom"))
from validator import errors  # noqa: E402


def cleaned(data: bytes, options: Options = Options()) -> bytes:  # noqa: B008
    clean = clean_film(open_film(data, KEY), options, KEY)
    assert clean.residue == ()
    return clean.data


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_transfer_syntax_and_pixels_stay(syntax: str) -> None:
    dataset = film()
    dataset.file_meta.TransferSyntaxUID = syntax
    made = read(cleaned(saved(dataset)))
    assert made.file_meta.TransferSyntaxUID == syntax
    assert made.PixelData == dataset.PixelData
    assert made.PatientName != dataset.PatientName


def test_big_endian_pixels_stay() -> None:
    dataset, stream = film(), io.BytesIO()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pydicom.dcmwrite(stream, dataset, implicit_vr=False, little_endian=False)
    made = read(cleaned(stream.getvalue()))
    assert made.PixelData == dataset.PixelData and made.Rows == dataset.Rows


def test_compressed_pixels_stay_byte_for_byte() -> None:
    dataset = film()
    dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    made = read(cleaned(saved(dataset)))
    assert made.PixelData == dataset.PixelData
    assert (made.pixel_array == dataset.pixel_array).all()


def test_the_same_film_gives_the_same_bytes_and_name() -> None:
    data = saved(film())
    assert cleaned(data) == cleaned(data)
    assert open_film(data, KEY).name == open_film(data, KEY).name
    patient, name = open_film(data, KEY).name.split("/")
    assert patient == read(cleaned(data)).PatientID and name.endswith(".dcm")


def test_a_film_without_file_meta_is_read() -> None:
    dataset, stream = film(), io.BytesIO()
    del dataset.file_meta, dataset.preamble
    dataset.save_as(stream, implicit_vr=True, little_endian=True)
    assert stream.getvalue()[128:132] != b"DICM"
    assert read(cleaned(stream.getvalue())).Rows == 40


def test_other_files_are_refused_in_one_line() -> None:
    with pytest.raises(UnreadableFilm, match="got a PDF document"):
        open_film(b"%PDF-1.4", KEY)
    with pytest.raises(UnreadableFilm, match="truncated"):
        open_film(saved(film())[:-1000], KEY)
    with pytest.raises(RejectedFilm, match="without pixels"):
        open_film(saved(film(PixelData=None)), KEY)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_becomes_a_film_of_its_pixels_alone(kind: str) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    grey = (np.mgrid[0:40, 0:60][0] * 6).astype(np.uint8)
    stream, texts, exif = io.BytesIO(), PngInfo(), Image.Exif()
    texts.add_text("Comment", "Erika Mustermann")
    exif[0x010E] = "Erika Mustermann"  # ImageDescription
    more = {"pnginfo": texts} if kind == "PNG" else {"comment": b"Erika Mustermann", "quality": 95}
    Image.fromarray(grey).save(stream, kind, exif=exif, **more)
    assert b"Mustermann" in stream.getvalue()
    data = cleaned(stream.getvalue())
    made = read(data)
    assert b"Mustermann" not in data and made.PatientIdentityRemoved == "YES"
    assert np.abs(made.pixel_array.astype(int) - grey).max() <= (0 if kind == "PNG" else 4)


def test_names_in_other_character_sets() -> None:
    dataset = film(
        name="Yamada^Tarou=山田^太郎",
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        Manufacturer="山田製",
    )
    data = cleaned(saved(dataset))
    made = str(read(data)).casefold()
    assert not any(word in made for word in (*WORDS, "yamada", "山田"))


def test_phantoms_stay_as_valid_as_they_were(tmp_path: Path) -> None:
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    for options in (Options(), Options(True, True, True, True, True)):
        before.write_bytes(saved(film()))
        after.write_bytes(cleaned(saved(film()), options))
        assert [line for line in errors(after) if line not in errors(before)] == []


def test_films_of_many_makers_are_cleaned_or_refused_in_one_line() -> None:
    """The files that come with pydicom: CT, MR, US, RT and others, some of them broken."""
    from pydicom.data import get_testdata_file

    folder = Path(str(get_testdata_file("CT_small.dcm"))).parent
    # 300 kB: enough of every kind, and quick.
    files = [path for path in sorted(folder.glob("*.dcm")) if path.stat().st_size < 300_000]
    clean, refused = 0, set()
    for path in files:
        try:
            cleaned(path.read_bytes())
            clean += 1
        except (RejectedFilm, UnreadableFilm) as error:
            assert "\n" not in error.reason
            refused.add(path.name)
    assert clean >= 40 and "reportsi.dcm" in refused
