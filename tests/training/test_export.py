"""Tests of `infmap.training.export`."""

import numpy as np
import pytest
import torch

from infmap.inference.runtimes import open_runtime
from infmap.models import create_model
from infmap.phantom import render
from infmap.training.export import export, quantize

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
