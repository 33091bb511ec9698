import pytest
import torch

from infmap.core.errors import UsageError
from infmap.models import ENCODERS, create_model, load_imagenet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_model("unet", "efficientnet_lite0").eval()


@pytest.mark.parametrize("shape", [(64, 64), (96, 130), (100, 65)])
def test_outputs_have_the_size_of_any_input(network, shape):
    out = network(torch.rand(2, 1, *shape))
    assert out.infection.shape == out.opacity.shape == out.lungs.shape == (2, 1, *shape)
    assert out.classes.shape == (2, 3)


def test_every_head_sends_gradient_to_the_encoder():
    network = create_model("unet", "efficientnet_lite0").eval()
    for head in range(4):
        network.zero_grad()
        network(torch.rand(1, 1, 64, 64))[head].sum().backward()
        assert float(network.encoder.model.conv_stem.weight.grad.abs().sum()) > 0


def test_a_frozen_encoder_keeps_weights_and_batch_statistics():
    torch.manual_seed(0)
    network = create_model("unet", "efficientnet_lite0", frozen=True).train()
    before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(2, 1, 64, 64)).infection.mean().backward()
    optimizer.step()
    assert all(torch.equal(before[k], v) for k, v in network.encoder.state_dict().items())


def test_imagenet_weights_see_grey_as_equal_rgb():
    network = create_model("unet", "efficientnet_lite0")
    stem = network.encoder.model.conv_stem.weight
    before = stem.detach().clone()
    load_imagenet(network.encoder, "efficientnet_lite0")
    assert stem.shape[1] == 1
    assert not torch.equal(before, stem)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="efficientnet_lite0"):
        create_model("unet", "resnet9000")
    with pytest.raises(UsageError, match="unet"):
        create_model("vnet", next(iter(ENCODERS)))
