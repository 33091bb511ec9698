import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if importlib.util.find_spec("pytorch_grad_cam") is None:
    pytest.skip("grad-cam is not installed", allow_module_level=True)


from infmap.core.errors import UsageError  # noqa: E402
from infmap.explain import METHODS, activation_maps  # noqa: E402
from infmap.models import create_model  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_model("unet", "efficientnet_lite0").eval()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 1, 64, 64)).astype(np.float32)


class Toy(torch.nn.Module):
    """COVID-19 is how bright the film is; the encoder only averages blocks of pixels."""

    def __init__(self):
        super().__init__()
        self.encoder = ToyEncoder()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, x):
        deep = self.encoder(x)[-1].mean(dim=(2, 3))
        logit = deep @ self.weight
        return SimpleNamespace(classes=torch.stack([logit, 0 * logit, -logit], dim=1))


class ToyEncoder(torch.nn.Module):
    """Brightness, and a channel that has nothing to do with it."""

    def forward(self, x):
        both = torch.cat([x, 0.05 * torch.ones_like(x)], dim=1)
        pools = [both]
        for _ in range(5):
            pools.append(torch.nn.functional.avg_pool2d(pools[-1], 2))
        return [x, *pools[1:]]


# Score-CAM's passes are as many as the channels, which are fewest at stride 8.
CASES = [(m, s) for m in METHODS for s in (8, 16, 32) if m != "scorecam" or s == 8]


@pytest.mark.parametrize(("method", "stride"), CASES)
def test_maps_are_within_bounds_and_the_same_each_time(network, images, method, stride):
    first = activation_maps(network, images[:2], method, stride=stride)
    assert first.shape == (2, 64, 64) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1 and np.isfinite(first).all()
    again = activation_maps(network, images[:2], method, stride=stride)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_the_films_beside_it(network, images, method):
    together = activation_maps(network, images, method, stride=8)
    apart = activation_maps(network, images, method, stride=8, batch_size=1)
    np.testing.assert_allclose(together, apart, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stride", [8, 16])
def test_a_bright_square_is_where_its_class_is_read(method, stride):
    film = np.full((2, 1, 128, 128), 0.1, np.float32)
    film[0, 0, 32:64, 64:96] = 1.0
    film[1, 0, 80:112, 16:48] = 1.0
    maps = activation_maps(Toy(), film, method, stride=stride)
    for plane, inside in zip(maps, film[:, 0] == 1.0):
        assert inside.flat[plane.argmax()]
        assert plane[inside].mean() > 5 * plane[~inside].mean()


def test_score_cam_of_few_channels_weighs_the_most_varied_ones():
    film = np.full((1, 1, 128, 128), 0.1, np.float32)
    film[0, 0, 32:64, 64:96] = 1.0
    # Of the toy's two channels the second is constant: the first alone makes the same map.
    whole = activation_maps(Toy(), film, "scorecam", stride=8)
    few = activation_maps(Toy(), film, "scorecam", stride=8, channels=1)
    np.testing.assert_allclose(few, whole, atol=1e-5)
    with pytest.raises(UsageError, match="1 or more channels, got 0"):
        activation_maps(Toy(), film, "scorecam", channels=0)


@pytest.mark.parametrize("method", METHODS)
def test_a_film_of_constant_activation_gives_zeros(method):
    film = np.full((1, 1, 64, 64), 0.3, np.float32)
    assert not activation_maps(Toy(), film, method, stride=8).any()


@pytest.mark.parametrize("method", METHODS)
def test_the_network_is_left_as_it_was(images, method):
    network = create_model("unet", "efficientnet_lite0", frozen=True)
    network.train()
    network.classifier.weight.grad = torch.ones_like(network.classifier.weight)
    learning = [p.requires_grad for p in network.parameters()]
    modes = [m.training for m in network.modules()]
    weights = {k: v.clone() for k, v in network.state_dict().items()}
    assert activation_maps(network, images[:1], method, stride=8).shape == (1, 64, 64)
    assert [p.requires_grad for p in network.parameters()] == learning
    assert [m.training for m in network.modules()] == modes
    assert all(torch.equal(v, weights[k]) for k, v in network.state_dict().items())
    grads = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    assert list(grads) == ["classifier.weight"] and (grads["classifier.weight"] == 1).all()
    assert not network.encoder._forward_hooks


def test_the_network_is_left_as_it_was_after_an_error(images):
    network = Toy().train()
    network.forward = lambda x: 1 / 0
    with pytest.raises(ZeroDivisionError):
        activation_maps(network, images)
    assert network.training and network.weight.requires_grad
    assert not network.encoder._forward_hooks


def test_a_frozen_encoder_has_maps_too(images):
    network = create_model("unet", "efficientnet_lite0", frozen=True)
    assert activation_maps(network, images, "layercam", stride=8).any()


def test_no_gradients_around_it_does_not_matter(network, images):
    with torch.no_grad():
        inside = activation_maps(network, images, "layercam", stride=8)
    np.testing.assert_array_equal(inside, activation_maps(network, images, "layercam", stride=8))


def test_sides_that_are_no_multiple_of_the_stride(network):
    film = np.random.default_rng(2).random((1, 1, 70, 100)).astype(np.float32)
    plane = activation_maps(network, film, "layercam", stride=8)
    assert plane.shape == (1, 70, 100) and plane.max() == 1.0


def test_no_films_give_no_maps(network):
    assert activation_maps(network, np.zeros((0, 1, 64, 64), np.float32)).shape == (0, 64, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "guess"}, "unknown method 'guess'"),
        ({"stride": 5}, "stride of 8, 16, 32"),
        ({"batch_size": 0}, "batch size"),
        ({"images": np.zeros((1, 1, 64, 64))}, "float32"),
        ({"images": np.zeros((1, 3, 64, 64), np.float32)}, "float32"),
        ({"images": np.zeros((1, 1, 32, 64), np.float32)}, "at least 64"),
    ],
)
def test_wrong_use_is_one_line(network, images, change, message):
    with pytest.raises(UsageError, match=message) as caught:
        activation_maps(**{"network": network, "images": images} | change)
    assert "\n" not in str(caught.value)


def test_scorecam_draws_no_bar(network, images, capfd):
    activation_maps(network, images[:1], "scorecam", stride=8)
    out, err = capfd.readouterr()
    assert not out and not err


def test_importing_the_package_imports_no_torch():
    code = "import sys, infmap.explain; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
