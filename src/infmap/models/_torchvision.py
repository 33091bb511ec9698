"""Make torchvision importable beside a torch build it was not compiled with.

torchvision's binary registers its operators when its extension loads; where that extension cannot
load (it needs CUDA libraries, torch is a CPU build), importing torchvision fails on the missing
schema of ``torchvision::nms``. timm imports torchvision, yet nothing here calls those operators,
so declaring the schemas is enough. Nothing happens where the import works by itself.
"""

from __future__ import annotations

import sys

_keep: list[object] = []


def ensure_importable() -> None:
    """Import torchvision, declaring its missing operator schemas only if that fails."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torch

        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep.append(library)
        import torchvision  # noqa: F401
