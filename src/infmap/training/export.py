"""From a trained network to a model folder that predicts without torch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from infmap.compute.telemetry import no_telemetry
from infmap.inference.onnx_graph import GRAPH, WEIGHTS, without_weights
from infmap.models import Network


class _Deployed(nn.Module):
    """The network with its maps joined and turned into probabilities.

    Conditional infection is multiplied as probabilities: the logit of a product has a range of a
    hundred, of which int8 leaves steps of almost 1.

    With a second reading, maps and logits are the mean of those of the film and of its mirror
    image at that size, so that every runtime reads a film twice without knowing it.
    """

    def __init__(self, network: Network, size: int, second: int | None) -> None:
        super().__init__()
        self.network, self.size, self.second = network, size, second

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        maps, classes = self.read(films)
        if self.second is None:
            return maps, classes
        small, large = (self.second, self.second), (self.size, self.size)
        mirrored = F.interpolate(films.flip(3), size=small, mode="bilinear")
        again, odds = self.read(mirrored)
        again = F.interpolate(again, size=large, mode="bilinear").flip(3)
        return (maps + again) * 0.5, (classes + odds) * 0.5

    def read(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, 3, S, S), probabilities, and class logits (N, 3) of one reading."""
        out = self.network(films)
        if self.network.infection == "conditional":
            maps = torch.sigmoid(torch.cat([out.opacity, out.lungs], dim=1))
            given = torch.sigmoid(out.classes[:, :1] - out.classes[:, 1:2])
            infection = maps[:, :1] * given[..., None, None]
            return torch.cat([infection, maps], dim=1), out.classes
        return torch.sigmoid(out.maps), out.classes


def export(network: Network, folder: Path, size: int, second: int | None = None) -> None:
    """Write the weights (float16), the ONNX graph without them, and OpenVINO's ``network.xml``.

    Args:
        network: trained; left in evaluation mode on the CPU, its weights rounded to float16.
        folder: the model folder.
        size: side of the input, network pixels.
        second: side at which the mirror image is read as well; None: a film is read once.
    """
    no_telemetry()
    import openvino

    write_weights(network, folder, size, second)
    deployed = _Deployed(network, size, second).eval()
    with TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.onnx"
        _write_onnx(deployed, file, fold=True)
        model = openvino.convert_model(str(file))
    openvino.save_model(model, str(folder / "network.xml"), compress_to_fp16=True)
    for name in ("weights.pt", "network.onnx"):  # of an earlier version's run in this folder
        (folder / name).unlink(missing_ok=True)


def write_weights(network: Network, folder: Path, size: int, second: int | None = None) -> None:
    """Write ``weights.safetensors`` and ``graph.pb``: what training goes on from, and ONNX.

    Args:
        network: trained; left in evaluation mode on the CPU, its weights rounded to float16.
        folder: the model folder.
        size: side of the input, network pixels.
        second: as of ``export``.
    """
    import onnx
    from safetensors.torch import save

    network = network.cpu().eval()
    half = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(save(half))  # its save_file keeps others from reading
    network.load_state_dict(half)
    with TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.onnx"
        _write_onnx(_Deployed(network, size, second).eval(), file, fold=False)
        graph = without_weights(
            onnx.load(str(file)), {name: value.numpy() for name, value in half.items()}
        )
    (folder / GRAPH).write_bytes(graph)


def _write_onnx(network: _Deployed, file: Path, *, fold: bool) -> None:
    """Write a network, in evaluation mode on the CPU, as ONNX.

    Args:
        network: the network.
        file: to write.
        fold: join batch normalisations with their convolutions; without, every weight keeps its
            name and values.
    """
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(2, 1, network.size, network.size),),
            str(file),
            input_names=["films"],
            output_names=["maps", "classes"],
            dynamic_axes={"films": {0: "n"}, "maps": {0: "n"}, "classes": {0: "n"}},
            training=mode,
            dynamo=False,
        )


def quantize(folder: Path, films: NDArray[np.float32], target: Path) -> None:
    """Write an int8 copy of a model folder's OpenVINO network.

    Args:
        folder: the model folder to read ``network.xml`` from.
        films: calibration films, float32 (N, S, S), network pixels, [0, 1].
        target: folder for the int8 ``network.xml``, made if need be.
    """
    no_telemetry()
    import nncf
    import openvino

    model = openvino.Core().read_model(str(folder / "network.xml"))
    dataset = nncf.Dataset([film[None, None] for film in films])
    quantized = nncf.quantize(
        model,
        dataset,
        subset_size=len(films),
        preset=nncf.QuantizationPreset.MIXED,
        # The fast correction cost up to 0.04 of Dice on networks trained long, the exact one none.
        fast_bias_correction=False,
        # The products are those of the class's region and of the maps, whose small factors int8
        # would round to 0; convolutions, which take the time, are no "Multiply".
        ignored_scope=nncf.IgnoredScope(
            types=["Multiply", "Divide", "ReduceSum", "Subtract"], validate=False
        ),
    )
    target.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantized, str(target / "network.xml"))
