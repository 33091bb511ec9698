"""A network's ONNX graph, kept without its weights, and the ONNX model that both make.

A model folder holds its weights once, in float16 (``weights.safetensors``): training goes on from
them. ``graph.pb`` is the ONNX graph of the same network, in which every weight has its name and
shape but no values. Joined, they are the float32 network that ONNX Runtime runs, without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import ModelError, needs_extra

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

GRAPH, WEIGHTS = "graph.pb", "weights.safetensors"
PREFIX = "network."
"""In front of a weight's name in the graph; torch names it after the exported module."""


def without_weights(model: ModelProto, weights: Mapping[str, NDArray[np.generic]]) -> bytes:
    """The graph of an ONNX model, its weights left out.

    Args:
        model: an initializer is a weight if it has the name, behind
            ``PREFIX``, and exactly the values of one. It is emptied in place.
        weights: name to array, as they are stored.

    Returns:
        The serialized model, in which an initializer without values stands for a weight.

    Raises:
        ModelError: no initializer is a weight: the exporter has renamed or folded them.
    """
    from onnx import numpy_helper

    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""  # the exporter's own call stack
    emptied = 0
    for tensor in model.graph.initializer:
        weight = weights.get(tensor.name.removeprefix(PREFIX))
        if weight is None or weight.size == 0:
            continue
        values = numpy_helper.to_array(tensor)
        if values.shape == weight.shape and np.array_equal(values, weight.astype(values.dtype)):
            name, kind, shape = tensor.name, tensor.data_type, list(tensor.dims)
            tensor.Clear()
            tensor.name, tensor.data_type = name, kind
            tensor.dims.extend(shape)
            emptied += 1
    if not emptied:
        raise ModelError("the exported graph holds none of the network's weights under its name")
    return bytes(model.SerializeToString())


def join_network(folder: Path) -> ModelProto:
    """The float32 network of a model folder as an ONNX model.

    Args:
        folder: with ``network.onnx``, or with ``graph.pb`` and ``weights.safetensors``.

    Returns:
        Input "films", float32 (N, 1, S, S), network pixels, [0, 1]; outputs
        "maps", float32 (N, 3, S, S), probabilities of infection, opacity and lungs, and "classes",
        float32 (N, 3), logits of COVID-19, other pneumonia and normal.

    Raises:
        MissingExtra: onnx or safetensors is not installed.
        ModelError: the folder has neither, or a file is damaged, or they do not fit each other.
    """
    with needs_extra("the network as ONNX", "onnx"):
        import onnx
        from google.protobuf.message import DecodeError
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    whole = folder / "network.onnx"
    file = whole if whole.is_file() else folder / GRAPH
    try:
        model = onnx.load(str(file), load_external_data=False)
        if file == whole:
            return model
        weights = load_file(str(folder / WEIGHTS))
    except OSError as error:
        raise ModelError(
            f"{error.filename or folder / WEIGHTS}: cannot be read "
            f"({error.strerror or 'no such file'}); "
            f"the network as ONNX needs {GRAPH} and {WEIGHTS}: train or install the model again"
        ) from error
    except (DecodeError, SafetensorError) as error:
        raise ModelError(f"{folder}: its network is damaged: {error}; install it again") from error
    for tensor in model.graph.initializer:
        if not _is_empty(tensor):
            continue
        weight = weights.get(tensor.name.removeprefix(PREFIX))
        if weight is None or list(weight.shape) != list(tensor.dims):
            raise ModelError(
                f"{folder / WEIGHTS}: {tensor.name.removeprefix(PREFIX)} expects "
                f"{tuple(tensor.dims)}, got {None if weight is None else weight.shape}; "
                "train or install the model again"
            )
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        tensor.CopyFrom(onnx.numpy_helper.from_array(weight.astype(kind), tensor.name))
    return model


def _is_empty(tensor: TensorProto) -> bool:
    """Whether an initializer has values to come: a shape that holds some, and none of them."""
    stored = ("raw_data", "float_data", "int32_data", "int64_data", "double_data")
    return prod(tensor.dims) > 0 and not any(len(getattr(tensor, name)) for name in stored)
