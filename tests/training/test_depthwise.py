"""Gradients of depthwise convolutions."""

import copy

import pytest

torch = pytest.importorskip("torch")

from infmap.models import create_model  # noqa: E402
from infmap.training.depthwise import DepthwiseConv2d, with_fast_gradients  # noqa: E402


def networks():
    """A network with depthwise convolutions of both paddings, plain and with fast gradients."""
    torch.manual_seed(0)
    plain = create_model("unet", "efficientnet_lite0", channels=(8, 8, 8, 8, 8)).train()
    fast = copy.deepcopy(plain)
    with_fast_gradients(fast)
    return plain, fast


def weights_and_output(network, films, *, bfloat16):
    torch.manual_seed(0)  # dropout
    with torch.autocast("cpu", torch.bfloat16, bfloat16):
        out = network(films)
    (out.opacity.float().square().mean() + out.classes.float().square().mean()).backward()
    return out.opacity.detach().float(), {
        name: p.grad for name, p in network.named_parameters() if "conv_dw" in name
    }


@pytest.mark.parametrize(("bfloat16", "tolerance"), [(False, 1e-4), (True, 0.3)])
def test_gradients_are_those_of_pytorch(bfloat16, tolerance):
    plain, fast = networks()
    changed = [layer for layer in fast.modules() if isinstance(layer, DepthwiseConv2d)]
    assert {layer.stride for layer in changed} == {(1, 1), (2, 2)}
    films = torch.rand(4, 1, 64, 64)
    expected, wanted = weights_and_output(plain, films, bfloat16=bfloat16)
    output, found = weights_and_output(fast, films, bfloat16=bfloat16)
    assert torch.equal(output, expected)
    assert len(found) == len(changed)
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        assert (gradient - wanted[name]).norm() <= tolerance * wanted[name].norm(), name


def test_without_gradients_nothing_changes():
    plain, fast = networks()
    assert plain.state_dict().keys() == fast.state_dict().keys()
    films = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(plain.eval()(films).infection, fast.eval()(films).infection)
