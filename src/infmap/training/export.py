"""From a trained network to a model folder that predicts without torch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infmap.models import Network


class _Deployed(nn.Module):
    """The network with its maps joined and turned into probabilities."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        out = self.network(films)
        maps = torch.cat([out.infection, out.opacity, out.lungs], dim=1)
        return torch.sigmoid(maps), out.classes


def export(network: Network, folder: Path, size: int) -> None:
    """Write ``weights.pt`` (float16), ``network.onnx`` (float32) and OpenVINO's ``network.xml``.

    Args:
        network: trained; left in evaluation mode on the CPU.
        folder: the model folder.
        size: side of the input, network pixels.
    """
    import openvino

    network = network.cpu().eval()
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    torch.save(half, folder / "weights.pt")
    network.load_state_dict(half)
    example = torch.zeros(2, 1, size, size)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Deployed(network).eval(),
            (example,),
            str(folder / "network.onnx"),
            input_names=["films"],
            output_names=["maps", "classes"],
            dynamic_axes={"films": {0: "n"}, "maps": {0: "n"}, "classes": {0: "n"}},
            dynamo=False,
        )
    model = openvino.convert_model(str(folder / "network.onnx"))
    openvino.save_model(model, str(folder / "network.xml"), compress_to_fp16=True)


def quantize(folder: Path, films: NDArray[np.float32], target: Path) -> None:
    """Write an int8 copy of a model folder's OpenVINO network.

    Args:
        folder: the model folder to read ``network.xml`` from.
        films: calibration films, float32 (N, S, S), network pixels, [0, 1].
        target: folder for the int8 ``network.xml``, made if need be.
    """
    import nncf
    import openvino

    model = openvino.Core().read_model(str(folder / "network.xml"))
    dataset: Any = nncf.Dataset([film[None, None] for film in films])
    quantized = nncf.quantize(
        model, dataset, subset_size=len(films), preset=nncf.QuantizationPreset.MIXED
    )
    target.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantized, str(target / "network.xml"))
