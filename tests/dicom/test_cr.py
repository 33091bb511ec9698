"""DICOM films: transfer syntaxes, LUTs, polarity, orientation."""

from __future__ import annotations

import io
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph, write_dx

Y, X = np.mgrid[0:48, 0:64]
PLANE = (X * 1000 + Y * 7).astype(np.uint16)
SPAN = float(PLANE.max() - PLANE.min())
EXPECTED = (PLANE - PLANE.min()) / SPAN


def dx(plane: np.ndarray = PLANE, **changes: Any) -> Dataset:
    """A DX dataset; changes set elements, None deletes them."""
    stream = io.BytesIO()
    write_dx(stream, plane, spacing_mm=(0.1, 0.2), patient_id="p")  # type: ignore[arg-type]
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    for name, value in changes.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    return dataset


def saved(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def encapsulated(dataset: Dataset, frame: bytes, syntax: str) -> bytes:
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


def test_write_dx_round_trips_and_is_repeatable() -> None:
    film = read_radiograph(saved(dx()))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)
    assert film.spacing_mm == (0.1, 0.2) and film.view == "PA" and film.warnings == ()
    assert saved(dx()) == saved(dx())


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"])
def test_implicit_and_deflated(syntax: str) -> None:
    dataset = dx()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=syntax.endswith("1.2"), little_endian=True)
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_big_endian() -> None:
    dataset = dx(PixelData=PLANE.astype(">u2").tobytes())
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.2")
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=False, little_endian=False)
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_rle() -> None:
    dataset = dx()
    dataset.compress(UID("1.2.840.10008.1.2.5"), generate_instance_uid=False)
    np.testing.assert_allclose(read_radiograph(saved(dataset)).pixels, EXPECTED, atol=1e-6)


@pytest.mark.parametrize(
    ("codec", "options", "syntax"),
    [
        ("ljpeg", {}, "1.2.840.10008.1.2.4.57"),
        ("jpegls", {}, "1.2.840.10008.1.2.4.80"),
        ("jpeg2k", {"codecformat": "J2K", "reversible": True}, "1.2.840.10008.1.2.4.90"),
    ],
)
def test_lossless_compressions(codec: str, options: dict[str, Any], syntax: str) -> None:
    import imagecodecs as codecs

    frame = bytes(getattr(codecs, f"{codec}_encode")(PLANE, **options))
    film = read_radiograph(encapsulated(dx(), frame, syntax))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)


def test_jpeg_baseline() -> None:
    small = (X * 3 + Y).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).save(stream, "JPEG", quality=98)
    dataset = dx(BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter=128, WindowWidth=256)
    film = read_radiograph(encapsulated(dataset, stream.getvalue(), "1.2.840.10008.1.2.4.50"))
    assert np.abs(film.pixels - small / 255).max() < 0.03


def test_monochrome1_is_inverted_once_however_it_is_said() -> None:
    for changes in (
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": None},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "INVERSE"},
    ):
        film = read_radiograph(dx(**changes))
        np.testing.assert_allclose(film.pixels, 1 - EXPECTED, atol=1e-6)


def test_written_monochrome1_looks_the_same() -> None:
    stream = io.BytesIO()
    write_dx(stream, PLANE, spacing_mm=(1, 1), patient_id="p", photometric="MONOCHROME1")  # type: ignore[arg-type]
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_polarity_turns_within_the_range_that_is_spanned() -> None:
    plane = np.array([[100, 150], [175, 200]], np.uint16)
    dataset = dx(plane, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape=None)
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 150, 200, "LINEAR_EXACT"
    # Windowed: 0.25 0.5 0.625 0.75; turned within 0.25 to 0.75.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0.75, 0.5], [0.375, 0.25]], atol=1e-6)


def test_rescale_comes_before_the_window() -> None:
    plane = np.array([[0, 10], [20, 40]], np.uint16)
    dataset = dx(plane, RescaleSlope=2, RescaleIntercept=-10)
    dataset.WindowCenter, dataset.WindowWidth = 20.5, 41
    # Rescaled: -10 10 30 70; window 0 to 40.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0, 0.25], [0.75, 1]], atol=1e-6)


def test_sigmoid_window() -> None:
    plane = np.array([[0, 100], [150, 200]], np.uint16)
    dataset = dx(plane, VOILUTFunction="SIGMOID", WindowCenter=100, WindowWidth=100)
    expected = 1 / (1 + np.exp(-4 * (plane.astype(float) - 100) / 100))
    np.testing.assert_allclose(read_radiograph(dataset).pixels, expected, atol=1e-6)


def lut(descriptor: list[int], outputs: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "US", outputs)
    return item


def test_modality_lut_then_voi_lut() -> None:
    plane = np.array([[0, 1], [2, 3]], np.uint16)
    dataset = dx(plane, RescaleSlope=None, RescaleIntercept=None)
    dataset.ModalityLUTSequence = [lut([4, 0, 16], [0, 2, 4, 6])]
    dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    dataset.VOILUTSequence = [lut([7, 0, 16], [100, 0, 200, 0, 300, 0, 500])]
    # Modality: 0 2 4 6; VOI: 100 200 300 500, of a table that spans 0 to 500.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0.2, 0.4], [0.6, 1.0]], atol=1e-6)


def test_without_a_window_percentiles_and_a_warning() -> None:
    plane = PLANE // 20
    film = read_radiograph(dx(plane, WindowCenter=None, WindowWidth=None))
    low, high = np.percentile(plane, [0.5, 99.5])
    expected = np.clip((plane - low) / (high - low), 0, 1)
    np.testing.assert_allclose(film.pixels, expected, atol=1e-5)
    assert any("percentiles" in w for w in film.warnings)


def test_a_window_that_hides_the_film_is_replaced() -> None:
    film = read_radiograph(dx(WindowCenter=-5000, WindowWidth=10))
    assert film.pixels.std() > 0.2 and any("hides" in w for w in film.warnings)


def test_padding_is_black_and_does_not_count() -> None:
    plane = PLANE // 20 + 100
    plane[:20] = 65000
    dataset = dx(plane, WindowCenter=None, WindowWidth=None)
    dataset.add_new("PixelPaddingValue", "US", 65000)
    film = read_radiograph(dataset)
    assert (film.pixels[:20] == 0).all() and film.pixels[20:].max() == 1


def test_signed_pixels() -> None:
    plane = np.array([[-100, 0], [50, 100]], np.int16)
    dataset = dx(PLANE[:2, :2], PixelRepresentation=1, PixelData=plane.tobytes())
    dataset.WindowCenter, dataset.WindowWidth = 0.5, 201
    np.testing.assert_allclose(read_radiograph(dataset).pixels, [[0, 0.5], [0.75, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (["L", "F"], lambda a: a),
        (["R", "F"], lambda a: a[:, ::-1]),
        (["L", "H"], lambda a: a[::-1]),
        (["R", "H"], lambda a: a[::-1, ::-1]),
        (["F", "L"], lambda a: a.T),
        (["H", "L"], lambda a: a.T[::-1]),
        (["F", "R"], lambda a: a.T[:, ::-1]),
    ],
)
def test_patient_orientation_is_obeyed(orientation: list[str], turn: Any) -> None:
    film = read_radiograph(dx(PatientOrientation=orientation))
    # Rising columns of the result must run to the patient's left, rising rows to the feet.
    np.testing.assert_allclose(film.pixels, turn(EXPECTED), atol=1e-6)
    swapped = orientation[0] in "FH"
    assert film.spacing_mm == ((0.2, 0.1) if swapped else (0.1, 0.2))
    assert bool(film.warnings) == (orientation != ["L", "F"])
    assert film.side_stated


@pytest.mark.parametrize("orientation", [None, ["A", "F"], ["L", "A"], ["", "F"], ["L", "R"]])
def test_a_side_is_stated_only_by_both_axes(orientation: list[str] | None) -> None:
    assert not read_radiograph(dx(PatientOrientation=orientation)).side_stated


def test_detector_flip_already_done_is_not_done_again() -> None:
    film = read_radiograph(dx(FieldOfViewHorizontalFlip="YES", FieldOfViewRotation=180))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "view"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": "LL"}, "LATERAL"),
        ({"ViewPosition": "RL"}, "LATERAL"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"),
        ({"ViewPosition": ""}, "PA"),
        ({"ViewPosition": "", "ViewCodeSequence": None}, None),
        (
            {"ViewPosition": "", "ViewCodeSequence": None, "PatientOrientation": ["A", "F"]},
            "LATERAL",
        ),
    ],
)
def test_view(changes: dict[str, Any], view: str | None) -> None:
    assert read_radiograph(dx(**changes)).view == view


def test_spacing_falls_back_and_ignores_nonsense() -> None:
    assert read_radiograph(dx(ImagerPixelSpacing=None)).spacing_mm == (0.1, 0.2)
    dataset = dx(ImagerPixelSpacing=[0, 0], PixelSpacing=None)
    assert read_radiograph(dataset).spacing_mm is None


def test_surplus_pixel_data_is_ignored_with_a_warning() -> None:
    film = read_radiograph(dx(PixelData=PLANE.tobytes() + bytes(100)))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)
    assert any("more pixel data" in w for w in film.warnings)


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "NM"])
def test_other_modalities_are_rejected(modality: str) -> None:
    with pytest.raises(RejectedFilm, match=modality):
        read_radiograph(dx(Modality=modality))


def test_single_frame_fluoroscopy_is_read() -> None:
    np.testing.assert_allclose(
        read_radiograph(dx(Modality="RF", NumberOfFrames=1)).pixels, EXPECTED, atol=1e-6
    )


def test_burned_text_changes_the_corner_only() -> None:
    stream = io.BytesIO()
    plane = np.full((256, 256), 1000, np.uint16)
    plane[200:] = 60000
    write_dx(stream, plane, spacing_mm=(1, 1), patient_id="p", burned_text="DOE")  # type: ignore[arg-type]
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    changed = dataset.pixel_array != plane
    assert changed.any() and not changed[64:].any()
    assert dataset.BurnedInAnnotation == "YES"


def test_deflate_bomb_is_refused_before_it_is_inflated() -> None:
    dataset = dx()
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
    dataset.PixelData = bytes(40_000_000)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=False, little_endian=True)
    with pytest.raises(UnreadableFilm, match="after inflating"):
        read_radiograph(stream.getvalue(), max_pixels=1000)


def test_a_missing_decoder_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from infmap.dicom import decoder_pool
    from infmap.dicom.codecs import Job
    from infmap.dicom.decoder_process import answer

    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    frame = bytes.fromhex("ff4fff51002f") + bytes(36)
    reply, _ = answer({"job": asdict(Job("JPEG 2000", 100))}, bytearray(frame))
    monkeypatch.setattr(decoder_pool.POOL, "ask", lambda *_: ({**reply, "chatter": ""}, b""))
    with pytest.raises(UnreadableFilm, match="pip install imagecodecs"):
        read_radiograph(encapsulated(dx(), frame, "1.2.840.10008.1.2.4.90"))


def test_colour_dicom_of_a_grey_film_is_read() -> None:
    grey = (X * 3 + Y).astype(np.uint8)
    dataset = dx(BitsAllocated=8, BitsStored=8, HighBit=7, SamplesPerPixel=3)
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.PixelData = np.dstack([grey] * 3).tobytes()
    np.testing.assert_allclose(read_radiograph(dataset).pixels, grey / 255, atol=1e-6)


def test_wrong_values_warn_nobody(recwarn: pytest.WarningsRecorder) -> None:
    data = saved(dx()).replace(b"CHEST ", b"doe^jo")
    assert b"doe^jo" in data
    film = read_radiograph(data)
    assert not [w for w in recwarn if "doe" in str(w.message).lower()]
    assert not any("doe" in w.lower() for w in film.warnings)
