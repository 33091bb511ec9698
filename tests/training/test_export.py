"""Tests of `infmap.training.export`."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from infmap.inference.runtimes import open_runtime
from infmap.models import create_model
from infmap.phantom import render
from infmap.training.export import export, quantize, write_weights

SIZE = 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A conditional network as exported, its int8 copy, and films."""
    torch.manual_seed(0)
    network = create_model("unet", "efficientnet_lite0", infection="conditional").eval()
    films = np.stack([render(seed, size=SIZE).pixels for seed in range(12)]).astype(np.float32)
    films = films / films.max(axis=(1, 2), keepdims=True)
    with torch.no_grad():  # answers as strong as those of a trained network, and centred
        classes = network(torch.from_numpy(films)[:, None]).classes
        network.classifier.weight *= 5.0 / (classes[:, 0] - classes[:, 1]).std()
        classes = network(torch.from_numpy(films)[:, None]).classes
        network.classifier.bias -= classes.mean(dim=0)
    folder = tmp_path_factory.mktemp("model")
    export(network, folder, SIZE)
    quantize(folder, films, folder / "int8")
    return network, folder, films


@pytest.mark.parametrize("part", ["", "int8"])
def test_deployed_infection_is_opacity_times_the_conditional_probability(folders, part):
    network, folder, films = folders
    maps, classes = open_runtime("openvino", folder / part)(films[:, None])
    given = 1.0 / (1.0 + np.exp(classes[:, 1] - classes[:, 0]))
    assert np.abs(maps[:, 0] - maps[:, 1] * given[:, None, None]).max() < 0.02
    with torch.inference_mode():
        out = network(torch.from_numpy(films)[:, None])
    tolerance = 0.1 if part else 0.05  # int8; bfloat16 where the processor has it
    assert np.abs(maps[:, 0] - torch.sigmoid(out.infection)[:, 0].numpy()).mean() < tolerance
    assert np.ptp(given) > 0.05  # the films differ in it, so that the product is not a constant


def test_onnx_joined_from_graph_and_weights_is_the_conditional_network(folders):
    network, folder, films = folders
    assert {path.name for path in folder.iterdir()} >= {"graph.pb", "weights.safetensors"}
    assert not list(folder.glob("*.onnx")) + list(folder.glob("*.pt"))
    equals_torch(network, folder, films[:2, None])


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_second_reading_of_the_mirror_image_is_in_the_mean(folders, tmp_path, runtime):
    """Read again at its own size, a mirrored film gives the mirrored maps."""
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    network, once, films = folders
    planes = films[:3, None]
    export(network, tmp_path, SIZE, SIZE)
    maps, classes = open_runtime(runtime, tmp_path)(planes)
    flipped, odds = open_runtime(runtime, tmp_path)(np.ascontiguousarray(planes[..., ::-1]))
    tolerance = 1e-4 if runtime == "onnxruntime" else 0.05  # bfloat16 where the processor has it
    np.testing.assert_allclose(maps, flipped[..., ::-1], atol=tolerance)
    np.testing.assert_allclose(classes, odds, atol=20 * tolerance)
    single, _ = open_runtime(runtime, once)(planes)
    assert np.abs(maps - single).max() > 2 * tolerance  # the readings differ, the mean from each


def test_a_second_reading_may_be_of_another_size(folders, tmp_path):
    pytest.importorskip("onnxruntime")
    network, _, films = folders
    planes = torch.from_numpy(films[:2, None])
    export(network, tmp_path, SIZE, 96)
    maps, classes = open_runtime("onnxruntime", tmp_path)(planes.numpy())
    with torch.inference_mode():
        one = network(planes)
        two = network(F.interpolate(planes.flip(3), size=(96, 96), mode="bilinear"))
    lungs = F.interpolate(torch.sigmoid(two.lungs), size=(SIZE, SIZE), mode="bilinear").flip(3)
    expected = (torch.sigmoid(one.lungs) + lungs)[:, 0] / 2
    np.testing.assert_allclose(maps[:, 2], expected.numpy(), atol=1e-4)
    np.testing.assert_allclose(classes, (one.classes + two.classes) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("decoder", "encoder", "frozen"),
    [
        ("unet++", "densenet121", False),
        ("dla", "inception_v3", False),
        ("unet", "resnet50", True),
        ("none", "efficientnet_lite0", False),
        ("dla", "chexnet", False),
    ],
)
def test_onnx_joined_from_graph_and_weights_is_the_network(tmp_path, decoder, encoder, frozen):
    torch.manual_seed(0)
    network = create_model(decoder, encoder, frozen=frozen).eval()
    write_weights(network, tmp_path, SIZE)
    assert (tmp_path / "graph.pb").stat().st_size < (
        tmp_path / "weights.safetensors"
    ).stat().st_size
    equals_torch(network, tmp_path, np.random.default_rng(0).random((1, 1, SIZE, SIZE), np.float32))


def equals_torch(network, folder, films):
    """ONNX Runtime and torch give the same maps and classes for films (N, 1, S, S)."""
    pytest.importorskip("onnxruntime")
    maps, classes = open_runtime("onnxruntime", folder)(films)
    with torch.inference_mode():
        out = network(torch.from_numpy(films))
    expected = torch.sigmoid(torch.cat([out.infection, out.opacity, out.lungs], dim=1)).numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    np.testing.assert_allclose(classes, out.classes.numpy(), atol=1e-4, rtol=1e-4)
