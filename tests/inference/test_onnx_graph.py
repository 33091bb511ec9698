import shutil

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("safetensors")

from safetensors.numpy import load_file, save_file  # noqa: E402

from infmap.api import model_folder  # noqa: E402
from infmap.core.errors import ModelError  # noqa: E402
from infmap.inference.onnx_graph import (  # noqa: E402
    GRAPH,
    WEIGHTS,
    join_network,
    without_weights,
)


@pytest.fixture
def copy(tmp_path):
    for name in (GRAPH, WEIGHTS):
        shutil.copy(model_folder() / name, tmp_path)
    return tmp_path


def test_every_weight_of_the_graph_comes_from_the_weight_file(copy):
    weights = load_file(copy / WEIGHTS)
    model = join_network(copy)
    onnx.checker.check_model(model)
    names = {tensor.name.removeprefix("network.") for tensor in model.graph.initializer}
    assert names <= set(weights)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        assert values.dtype == np.float32
        stored = weights[tensor.name.removeprefix("network.")]
        assert np.array_equal(values, stored.astype(np.float32))


def test_the_graph_alone_is_small_and_holds_no_weight(copy):
    graph = onnx.load(str(copy / GRAPH), load_external_data=False)
    assert (copy / GRAPH).stat().st_size < 300_000
    assert len(graph.graph.initializer) > 100
    assert not any(t.raw_data or t.float_data for t in graph.graph.initializer)
    assert not any(node.doc_string for node in graph.graph.node)


def test_taking_the_weights_out_and_joining_gives_the_same_model(copy):
    model = join_network(copy)
    whole = model.SerializeToString()
    (copy / GRAPH).write_bytes(without_weights(model, load_file(copy / WEIGHTS)))
    assert join_network(copy).SerializeToString() == whole


def test_what_is_no_weight_stays_in_the_graph(copy):
    model, weights = join_network(copy), load_file(copy / WEIGHTS)
    name = model.graph.initializer[0].name
    weights[name.removeprefix("network.")] = weights[name.removeprefix("network.")] + 1
    graph = onnx.load_from_string(without_weights(model, weights))
    kept = [t.name for t in graph.graph.initializer if t.raw_data]
    assert kept == [name]


def test_a_graph_of_other_names_is_refused(copy):
    with pytest.raises(ModelError, match="none of the network's weights"):
        without_weights(join_network(copy), {"other": np.zeros(3, np.float32)})


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_missing_or_damaged_file_is_one_line(copy, name):
    (copy / name).write_bytes(b"\xff damaged")
    with pytest.raises(ModelError) as caught:
        join_network(copy)
    assert "\n" not in str(caught.value)
    (copy / name).unlink()
    with pytest.raises(ModelError, match=name) as caught:
        join_network(copy)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(copy):
    weights = load_file(copy / WEIGHTS)
    first = join_network(copy).graph.initializer[0].name.removeprefix("network.")
    save_file(weights | {first: np.zeros((3, 3), np.float16)}, copy / WEIGHTS)
    with pytest.raises(ModelError, match=r"expects .* got \(3, 3\)"):
        join_network(copy)
    del weights[first]
    save_file(weights, copy / WEIGHTS)
    with pytest.raises(ModelError, match="got None"):
        join_network(copy)
