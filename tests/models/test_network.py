from pathlib import Path

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.models import ENCODERS, create_model, load_weights
from infmap.models.folder import load_network
from infmap.models.network import NO_MAP_LOGIT, both_logit


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


def test_conditional_infection_is_opacity_times_what_the_class_says_of_it():
    torch.manual_seed(0)
    network = create_model("unet", "efficientnet_lite0", infection="conditional").eval()
    out = network(torch.rand(2, 1, 64, 96))
    given = torch.sigmoid(out.classes[:, 0] - out.classes[:, 1]).view(-1, 1, 1, 1)
    expected = torch.sigmoid(out.opacity) * given
    assert torch.allclose(torch.sigmoid(out.infection), expected, atol=1e-6)
    assert network.maps.out_channels == 2


def test_the_class_of_a_conditional_network_is_read_from_opaque_lung_alone():
    torch.manual_seed(0)
    network = create_model("unet", "efficientnet_lite0", infection="conditional").eval()
    opaque = torch.full((1, 1, 8, 8), -20.0)
    opaque[..., :4, :4] = 20.0
    lungs = torch.full((1, 1, 8, 8), -20.0)
    lungs[..., :4, :] = 20.0
    region = network._region(torch.cat([opaque, lungs], dim=1))[0, 0]
    assert region[:4, :4].sum() / region.sum() > 0.99
    clear = network._region(torch.cat([torch.full_like(lungs, -20.0), lungs], dim=1))[0, 0]
    assert clear[:4].sum() / clear.sum() > 0.99


@pytest.mark.parametrize("a", [-80.0, -3.0, 0.0, 5.0, 80.0])
@pytest.mark.parametrize("b", [-60.0, 0.5, 60.0])
def test_the_logit_of_a_product_is_right_and_finite(a, b):
    a, b = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    found = both_logit(a, b)
    assert torch.isfinite(found)
    assert torch.allclose(
        torch.sigmoid(found.double()), torch.sigmoid(a) * torch.sigmoid(b), atol=1e-6
    )


def test_a_frozen_encoder_keeps_weights_and_batch_statistics():
    torch.manual_seed(0)
    network = create_model("unet", "efficientnet_lite0", frozen=True).train()
    before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(2, 1, 64, 64)).infection.mean().backward()
    optimizer.step()
    assert all(torch.equal(before[k], v) for k, v in network.encoder.state_dict().items())
    assert not network.encoder.training
    assert network.decoder.training


def test_the_shipped_weights_load_strictly():
    folder = Path(__file__).parents[2] / "src/infmap/weights/infmap-lite0"
    assert load_network(folder).infection == "conditional"


@pytest.mark.parametrize("infection", ["independent", "conditional"])
def test_deep_supervision_gives_maps_at_input_size_in_training_only(infection):
    network = create_model(
        "unet++", "efficientnet_lite0", infection=infection, deep_supervision=True
    ).train()
    out = network(torch.rand(2, 1, 70, 97))
    assert [tuple(m.shape) for m in out.auxiliary] == [(2, 3, 70, 97)] * 3
    sum(m.sum() for m in out.auxiliary).backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in network.auxiliary)
    assert network.eval()(torch.rand(1, 1, 64, 64)).auxiliary == ()


def test_deep_supervision_of_another_decoder_is_refused():
    with pytest.raises(UsageError, match=r"unet\+\+"):
        create_model("dla", "efficientnet_lite0", deep_supervision=True)


def test_without_a_decoder_maps_are_constant_and_the_class_is_pooled_over_the_film():
    network = create_model("none", "efficientnet_lite0").eval()
    assert not list(network.decoder.parameters()) and not list(network.maps.parameters())
    film = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        out = network(film)
        means = [f.mean(dim=(2, 3)) for f in network.encoder(film)[-2:]]
        expected = network.classifier(torch.cat(means, dim=1))
    assert bool((out.infection == NO_MAP_LOGIT).all()) and bool((out.lungs == NO_MAP_LOGIT).all())
    torch.testing.assert_close(out.classes, expected)


def test_imagenet_weights_see_grey_as_equal_rgb():
    network = create_model("unet", "efficientnet_lite0")
    stem = network.encoder.model.conv_stem.weight
    before = stem.detach().clone()
    load_weights(network.encoder, "efficientnet_lite0", "imagenet")
    assert stem.shape[1] == 1
    assert not torch.equal(before, stem)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="efficientnet_lite0"):
        create_model("unet", "resnet9000")
    with pytest.raises(UsageError, match="unet"):
        create_model("vnet", next(iter(ENCODERS)))
    with pytest.raises(UsageError, match="five"):
        create_model("unet", "efficientnet_lite0", channels=(8, 8))
