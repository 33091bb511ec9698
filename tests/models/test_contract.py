"""What every network keeps, whatever its decoder and encoder."""

import copy
import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from infmap.models import DECODERS, ENCODERS, Targets, create_loss, create_model
from infmap.models.network import freeze

PAPER_DECODERS = ("unet", "unet++", "dla")
PAPER_ENCODERS = ("chexnet", "densenet121", "inception_v3", "resnet50")
COMBINATIONS = [
    *((decoder, encoder) for encoder in PAPER_ENCODERS for decoder in PAPER_DECODERS),
    *(("unet", encoder) for encoder in ENCODERS if encoder not in PAPER_ENCODERS),
    *((decoder, "resnet50") for decoder in DECODERS if decoder not in PAPER_DECODERS),
]


def deploy(network):
    """The network as exported: maps joined, no auxiliary maps."""

    class Deployed(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, films):
            out = self.network(films)
            return torch.cat([out.infection, out.opacity, out.lungs], dim=1), out.classes

    return Deployed().eval()


def batch(n=2, size=64):
    mask = torch.zeros(n, 1, size, size)
    mask[0, :, 8:40, 8:40] = 1.0
    targets = Targets(mask, mask, mask, torch.ones(n, 3), torch.arange(n) % 3)
    return torch.rand(n, 1, size, size), targets


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def names(request):
    return request.param


@pytest.fixture(scope="module")
def built(names):
    torch.manual_seed(0)
    return create_model(*names)


@pytest.fixture
def network(built):
    """The module's network; a test that changes it takes a copy."""
    return built.eval()


@torch.no_grad()
def test_outputs_have_the_size_of_an_odd_film(network):
    out = network(torch.rand(1, 1, 70, 97))
    assert out.infection.shape == out.opacity.shape == out.lungs.shape == (1, 1, 70, 97)
    assert out.classes.shape == (1, 3)
    assert out.auxiliary == ()
    assert all(torch.isfinite(tensor).all() for tensor in out[:4])


@torch.no_grad()
def test_the_encoder_gives_exact_strides_and_the_channels_it_names(network):
    features = network.encoder(torch.rand(1, 1, 96, 64))
    assert [f.shape[1] for f in features] == list(network.encoder.out_channels)
    expected = [(96 // stride, 64 // stride) for stride in (1, 2, 4, 8, 16, 32)]
    assert [tuple(f.shape[-2:]) for f in features] == expected


def test_two_steps_train_every_parameter(network):
    network = copy.deepcopy(network).train()
    loss = create_loss(map_weights=(1.0, 0.5, 0.5) if network.decoder.width else (0.0, 0.0, 0.0))
    films, targets = batch()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        loss(network(films), targets).backward()
        without = [k for k, p in network.named_parameters() if p.grad is None]
        assert not without
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())
        assert float(next(network.encoder.parameters()).grad.abs().sum()) > 0
        optimizer.step()
    assert all(torch.isfinite(v).all() for v in network.state_dict().values())


def test_a_frozen_twin_moves_all_but_its_encoder(network):
    network = copy.deepcopy(network)
    freeze(network)
    twin = copy.deepcopy(network).train()
    films, targets = batch()
    optimizer = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.1)
    create_loss()(twin(films), targets).backward()
    optimizer.step()
    before, after = network.state_dict(), twin.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert not any(key.startswith("encoder.") for key in changed)
    assert "classifier.weight" in changed
    assert ("maps.weight" in changed) == bool(network.decoder.width)
    assert all(p.grad is None for p in twin.encoder.parameters())
    assert not any(module.training for module in twin.encoder.modules())


@torch.no_grad()
def test_a_saved_network_answers_the_same(network, names):
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other = create_model(*names).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    film = torch.rand(1, 1, 64, 64)
    for one, two in zip(network(film)[:4], other(film)[:4], strict=True):
        assert torch.equal(one, two)


def test_onnx_equals_torch(network, names):
    """Of chexnet the graph is densenet121's; of a frozen twin, its own."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if names[1] == "chexnet":
        twin = create_model(names[0], "densenet121").state_dict()
        assert {k: v.shape for k, v in network.state_dict().items()} == {
            k: v.shape for k, v in twin.items()
        }
        return
    file = io.BytesIO()
    deployed = deploy(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            deployed,
            (torch.zeros(2, 1, 64, 64),),
            file,
            input_names=["films"],
            output_names=["maps", "classes"],
            dynamic_axes={"films": {0: "n"}, "maps": {0: "n"}, "classes": {0: "n"}},
            do_constant_folding=False,
            dynamo=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    film = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = deployed(film)
    for one, two in zip(session.run(None, {"films": film.numpy()}), expected, strict=True):
        np.testing.assert_allclose(one, two.numpy(), atol=1e-4)
