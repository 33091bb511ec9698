"""Films that are in memory already: arrays of numpy and others, pictures of Pillow, open files."""

from __future__ import annotations

import numpy as np

from infmap.core.errors import UnreadableFilm
from infmap.core.types import Float32Image, RealArray
from infmap.dicom.grey_levels import from_numbers, to_grey


def as_array(source: object) -> RealArray | None:
    """An array of numpy from anything that holds one; None where it does not.

    A torch tensor is taken from whatever device it is on, without importing torch.

    Args:
        source: numpy array or matrix, torch tensor, or an object with ``__array__``.
    """
    if isinstance(source, np.ndarray):
        return np.asarray(source)
    if type(source).__module__.split(".")[0] == "torch" and hasattr(source, "detach"):
        tensor = source.detach().cpu()
        # numpy has no bfloat16 and half has few decimals.
        return np.asarray((tensor.float() if tensor.is_floating_point() else tensor).numpy())
    if isinstance(source, type) or not hasattr(source, "__array__"):
        return None
    return np.asarray(source)


def film_of_array(values: RealArray) -> tuple[Float32Image, list[str]]:
    """Grey levels of an array.

    Args:
        values: (H, W), (H, W, 1), (1, H, W), or the colours of a grey film: (H, W, 3), (H, W, 4)
            or (3, H, W). See ``grey_levels.from_numbers`` for ranges.

    Returns:
        float32 (H, W), [0, 1]; and warnings.

    Raises:
        UnreadableFilm: no such array.
        RejectedFilm: a colour picture.
    """
    while values.ndim > 2 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim == 3 and values.shape[0] == 3 and values.shape[2] not in (3, 4):
        values = np.moveaxis(values, 0, -1)
    if values.ndim != 3 or values.shape[2] not in (3, 4):
        return from_numbers(values)
    colours = values[..., :3]
    # Three equal channels are a grey film of any depth, so its own range counts.
    first = colours[..., :1]
    if bool((colours == first).all()):
        return from_numbers(colours[..., 0])
    if colours.dtype.kind == "f" and float(colours.min()) >= 0.0 and float(colours.max()) <= 1.0:
        colours = np.rint(colours * 255.0).astype(np.uint8)
    if colours.dtype != np.uint8:
        raise UnreadableFilm(
            f"expected colours as uint8 or as floats within 0 to 1, got {colours.dtype}; "
            "pass one grey plane"
        )
    return to_grey(np.asarray(colours, np.uint8))
