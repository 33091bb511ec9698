"""The film with the infection map and the contours drawn on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infmap.core.types import BoolImage, Float32Image, Prediction

UInt8Image = NDArray[np.uint8]

BANNER = "RESEARCH USE ONLY"
LUNG_COLOUR = (64, 224, 255)
INFECTION_COLOUR = (255, 244, 96)
# The middle of "inferno" (van der Walt and Smith, matplotlib 1.5): lightness rises with
# probability, also for colour-blind readers. It ends at orange, as pale yellow is lost on bone.
_STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS = ((87, 16, 110), (150, 38, 103), (205, 66, 71), (238, 105, 37), (252, 165, 40))
# Below the first probability nothing is tinted; from the second on the tint is full.
_TINT_FROM, _TINT_FULL = 0.10, 0.50


def colour_table() -> UInt8Image:
    """Colours of the probabilities 0/255 to 255/255.

    Returns:
        uint8 (256, 4): red, green, blue and alpha, each 0 to 255; alpha 0 where nothing is drawn.
    """
    p = np.linspace(0.0, 1.0, 256)
    columns = [np.interp(p, _STOPS, [c[i] for c in _COLOURS]) for i in range(3)]
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


def contour(mask: BoolImage, thickness: int = 1) -> BoolImage:
    """Inner edge of a mask: the pixels that four-neighbour erosion takes away.

    Args:
        mask: bool (H, W). Beyond the image counts as outside.
        thickness: width of the edge in pixels, 1 or more.

    Returns:
        bool (H, W), a subset of ``mask``; empty for an empty mask.
    """
    inner = np.pad(mask, 1)
    for _ in range(thickness):
        eroded = inner.copy()
        eroded[1:-1, 1:-1] &= (
            inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        )
        inner = eroded
    edge: BoolImage = mask & ~inner[1:-1, 1:-1]
    return edge


def overlay(prediction: Prediction, *, opacity: float = 0.45, contours: bool = True) -> Image.Image:
    """Draw the infection map over the film.

    Args:
        prediction: what the system says of the film.
        opacity: strength of the tint at high probability, 0 (none) to 1 (film hidden).
        contours: draw the lungs (thin, cyan) and the infected region (yellow).

    Returns:
        RGB image in the film's pixel grid, (width, height) as the film, with a banner.

    Raises:
        ValueError: ``opacity`` is outside [0, 1].
    """
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"expected opacity in [0, 1], got {opacity:g}")
    film = to_bytes(prediction.radiograph.pixels)
    image = np.repeat(film[:, :, None], 3, axis=2)
    table = colour_table()
    index = to_bytes(prediction.infection)
    # Only tinted pixels are blended: large films are mostly untouched.
    rows, columns = np.nonzero(table[index, 3])
    tint = table[index[rows, columns]].astype(np.float32)
    alpha = tint[:, 3:] * np.float32(opacity / 255.0)
    mixed = image[rows, columns] * (1.0 - alpha) + tint[:, :3] * alpha
    image[rows, columns] = np.rint(mixed).astype(np.uint8)
    if contours:
        thin = max(1, round(max(film.shape) / 700))
        image[contour(prediction.lungs, thin)] = LUNG_COLOUR
        image[contour(prediction.infected, thin + thin // 2)] = INFECTION_COLOUR
    picture = Image.fromarray(image)
    draw_banner(picture)
    return picture


def draw_banner(picture: Image.Image) -> None:
    """Write ``BANNER`` on a dark strip in the lower left corner, in place.

    Args:
        picture: RGB image; the text shrinks to fit a narrow one.
    """
    draw = ImageDraw.Draw(picture, "RGBA")
    size = max(8, round(min(picture.size) / 36))
    font = ImageFont.load_default(size)
    while size > 5 and draw.textlength(BANNER, font=font) > picture.width - size:
        size -= 1
        font = ImageFont.load_default(size)
    pad = max(1, size // 3)
    left, top, right, bottom = draw.textbbox((0, 0), BANNER, font=font)
    text_width, text_height = right - left, bottom - top
    y = picture.height - text_height - 2 * pad
    draw.rectangle((0, y, text_width + 2 * pad, picture.height), fill=(0, 0, 0, 190))
    draw.text((pad - left, y + pad - top), BANNER, fill=(255, 255, 255, 255), font=font)
