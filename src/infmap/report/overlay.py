"""The film with a map and the contours drawn on it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infmap.core.types import BoolImage, Float32Image, Prediction
from infmap.report.contours import dashes, outlines
from infmap.report.text import LAYERS, grade_text

UInt8Image = NDArray[np.uint8]
Layer = Literal["infection", "opacity", "doubt"]

BANNER = "RESEARCH USE ONLY"
LUNG_COLOUR = (64, 224, 255)
INFECTION_COLOUR = (255, 244, 96)
OPACITY_COLOUR = (255, 132, 214)
# Each runs from dark to light, so that lightness alone tells low from high. Infection: the middle
# of "inferno" (van der Walt and Smith, matplotlib 1.5), which ends at orange, as pale yellow is
# lost on bone. Opacity: blue, the hue that colour-blind readers tell from orange (Okabe and Ito
# 2008). Doubt: green; it is never shown together with another map.
_STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS: dict[Layer, tuple[tuple[int, int, int], ...]] = {
    "infection": ((87, 16, 110), (150, 38, 103), (205, 66, 71), (238, 105, 37), (252, 165, 40)),
    "opacity": ((38, 40, 130), (38, 82, 176), (44, 126, 206), (70, 168, 226), (124, 206, 242)),
    "doubt": ((10, 66, 50), (20, 106, 64), (52, 146, 70), (110, 186, 72), (176, 222, 90)),
}
# A difference of two readings seldom reaches a half: its colours end there.
_GAIN: dict[Layer, float] = {"infection": 1.0, "opacity": 1.0, "doubt": 2.0}
# Below the first probability nothing is tinted; from the second on the tint is full.
_TINT_FROM, _TINT_FULL = 0.10, 0.50


def colour_table(layer: Layer = "infection") -> UInt8Image:
    """Colours of the values 0/255 to 255/255 of a map.

    Args:
        layer: "infection", "opacity" or "doubt".

    Returns:
        uint8 (256, 4): red, green, blue and alpha, each 0 to 255; alpha 0 where nothing is drawn.
    """
    p = np.minimum(np.linspace(0.0, _GAIN[layer], 256), 1.0)
    columns = [np.interp(p, _STOPS, [c[i] for c in _COLOURS[layer]]) for i in range(3)]
    ramp = np.clip((p - _TINT_FROM) / (_TINT_FULL - _TINT_FROM), 0.0, 1.0)
    columns.append(255.0 * ramp * ramp * (3.0 - 2.0 * ramp))
    return np.stack(columns, axis=1).round().astype(np.uint8)


def to_bytes(plane: Float32Image) -> UInt8Image:
    """Scale a plane in [0, 1] to 8 bits; NaN becomes 0.

    Args:
        plane: float32 (H, W).

    Returns:
        uint8 (H, W), 0 to 255.
    """
    scaled = np.clip(np.nan_to_num(plane), 0.0, 1.0) * np.float32(255.0)
    eight_bit: UInt8Image = np.rint(scaled).astype(np.uint8)
    return eight_bit


def map_of(prediction: Prediction, layer: Layer) -> Float32Image | None:
    """A prediction's map (H, W) by its name; None for a doubt that was not asked for."""
    maps = {"infection": prediction.infection, "opacity": prediction.opacity}
    return prediction.doubt if layer == "doubt" else maps[layer]


def overlay(
    prediction: Prediction,
    *,
    layer: Layer = "infection",
    opacity: float = 0.45,
    contours: bool = True,
    caption: str | None = None,
) -> Image.Image:
    """Draw a map over the film.

    Args:
        prediction: what the system says of the film.
        layer: the map: "infection" (COVID-19; orange), "opacity" (of any cause; blue), or "doubt"
            (where the mirrored reading disagrees; green).
        opacity: strength of the tint at high values, 0 (none) to 1 (film hidden).
        contours: outline the lungs (cyan, thin), the infected region (yellow) and opacity of any
            cause (pink, dashed).
        caption: what the banner says below "research use only"; the map and the grade without it.

    Returns:
        RGB image in the film's pixel grid, (width, height) as the film, with a banner.

    Raises:
        ValueError: ``opacity`` is outside [0, 1], or there is no such map.
    """
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"expected opacity in [0, 1], got {opacity:g}")
    if layer not in LAYERS:
        raise ValueError(f"expected a layer of {', '.join(LAYERS)}, got {layer!r}")
    plane = map_of(prediction, layer)
    if plane is None:
        raise ValueError("expected a prediction with its doubt; predict with doubt=True")
    film = to_bytes(prediction.radiograph.pixels)
    image = np.repeat(film[:, :, None], 3, axis=2)
    table = colour_table(layer)
    index = to_bytes(plane)
    # Only tinted pixels are blended: large films are mostly untouched.
    rows, columns = np.nonzero(table[index, 3])
    tint = table[index[rows, columns]].astype(np.float32)
    alpha = tint[:, 3:] * np.float32(opacity / 255.0)
    mixed = image[rows, columns] * (1.0 - alpha) + tint[:, :3] * alpha
    image[rows, columns] = np.rint(mixed).astype(np.uint8)
    picture = Image.fromarray(image)
    if contours:
        # About as thick on any film shown at a screen's size; chosen by eye.
        thin = max(1, round(max(film.shape) / 700))
        _outline(picture, prediction.lungs, LUNG_COLOUR, thin)
        _outline(picture, prediction.infected, INFECTION_COLOUR, thin + thin // 2)
        _outline(picture, prediction.opaque, OPACITY_COLOUR, thin + thin // 2, dash=6 * thin)
    if caption is None:
        grade = grade_text(prediction.severity.grade, prediction.severity.grades)
        caption = f"{LAYERS[layer]}; severity {grade}"
    draw_banner(picture, caption)
    return picture


def _outline(
    picture: Image.Image,
    mask: BoolImage,
    colour: tuple[int, int, int],
    width: int,
    dash: int = 0,
) -> None:
    """Draw a mask's outlines, in place."""
    draw = ImageDraw.Draw(picture)
    for line in outlines(mask):
        for part in dashes(line, dash, 0.7 * dash) if dash else (line,):
            # A point at x lies between pixels x - 1 and x: the line is drawn on the inner one.
            points = np.clip(part - 0.5, 0, np.subtract(picture.size, 1))
            draw.line([(float(x), float(y)) for x, y in points], fill=colour, width=width)


def draw_banner(picture: Image.Image, text: str = "") -> None:
    """Write ``BANNER``, and a line below it, on a dark strip in the lower left corner, in place.

    Args:
        picture: RGB image; the text shrinks to fit a narrow one.
        text: the line below, if any.
    """
    draw = ImageDraw.Draw(picture, "RGBA")
    lines = f"{BANNER}\n{text}" if text else BANNER
    # Pixels: readable when the film fills a screen; chosen by eye.
    size = max(8, round(min(picture.size) / 36))
    font = ImageFont.load_default(size)
    box = draw.multiline_textbbox((0, 0), lines, font=font)
    # Five pixels are the least at which letters can be read.
    while size > 5 and box[2] > picture.width - size:
        size -= 1
        font = ImageFont.load_default(size)
        box = draw.multiline_textbbox((0, 0), lines, font=font)
    pad = max(1, size // 3)
    left, top, right, bottom = box
    y = picture.height - (bottom - top) - 2 * pad
    draw.rectangle((0, y, right - left + 2 * pad, picture.height), fill=(0, 0, 0, 190))
    draw.multiline_text((pad - left, y + pad - top), lines, fill=(255, 255, 255, 255), font=font)
