"""The engines that run a network without torch, behind one call."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infmap.compute.telemetry import no_telemetry
from infmap.core.errors import ModelError, UsageError, needs_extra
from infmap.inference.onnx_graph import join_network

Float32 = NDArray[np.float32]

_loading = threading.Lock()
"""One network of the process is loaded and run for the first time, alone, before the next."""


class Runtime(Protocol):
    """A loaded network. Safe to call from several threads at once."""

    def __call__(self, films: Float32) -> tuple[Float32, Float32]:
        """Run a batch.

        Args:
            films: float32 (N, 1, S, S), network pixels, [0, 1].

        Returns:
            float32 (N, 3, S, S) probabilities of infection, opacity, lungs; and float32 (N, 3)
            logits of the classes COVID-19, other pneumonia, normal.
        """
        ...


class OpenVINORuntime:
    """OpenVINO: one infer request a thread, on one compiled model."""

    def __init__(
        self,
        folder: Path,
        device: str,
        *,
        precision: str | None = None,
        parallel: int = 1,
        threads: int | None = None,
    ) -> None:
        no_telemetry()
        import openvino

        core = openvino.Core()
        name = {"auto": "CPU", "cpu": "CPU", "gpu": "GPU"}.get(device.lower(), device.upper())
        if name.split(".")[0] not in {d.split(".")[0] for d in core.available_devices}:
            raise UsageError(
                f"device {device!r} is not here: OpenVINO sees {', '.join(core.available_devices)}"
            )
        # One film alone gets all cores; many batches at once get one stream each and no core twice.
        options: dict[str, str] = {"PERFORMANCE_HINT": "LATENCY"}
        if parallel > 1:
            options = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": str(parallel)}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = str(threads)
        if name == "CPU":
            # Pinned to cores, the threads of two processes on one machine share the first core and
            # leave others idle.
            options["ENABLE_CPU_PINNING"] = "NO"
        if precision:
            options["INFERENCE_PRECISION_HINT"] = precision
        self._local = threading.local()
        file = folder / "network.xml"
        if not file.is_file() and (folder / "network.onnx").is_file():
            file = folder / "network.onnx"
        try:
            with _loading:
                self._model = core.compile_model(str(file), name, options)
                shape = self._model.input(0).partial_shape
                _first_run(self, [n.get_length() if n.is_static else None for n in shape])
        except RuntimeError as error:
            raise ModelError(
                f"{file}: cannot be loaded by OpenVINO: {_first_line(error)}"
            ) from error

    def __call__(self, films: Float32) -> tuple[Float32, Float32]:
        """See ``Runtime``."""
        # An infer request must not be shared: its output tensors are overwritten by the next call.
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        request.infer([films])
        return (
            # A copy, since the tensor's memory is the request's own and is used again.
            np.array(request.get_output_tensor(0).data, np.float32),
            np.array(request.get_output_tensor(1).data, np.float32),
        )


class OnnxRuntime:
    """ONNX Runtime, for the machines OpenVINO does not serve."""

    def __init__(
        self,
        folder: Path,
        device: str,
        *,
        precision: str | None = None,
        parallel: int = 1,
        threads: int | None = None,
    ) -> None:
        with needs_extra("the runtime 'onnxruntime'", "onnx"):
            import onnxruntime
        cuda = device.lower() in ("cuda", "gpu")
        if not cuda and device.lower() not in ("auto", "cpu"):
            raise UsageError(f"device {device!r} is not here: expected auto, cpu or gpu")
        providers = ["CUDAExecutionProvider"] if cuda else ["CPUExecutionProvider"]
        if cuda and providers[0] not in onnxruntime.get_available_providers():
            raise UsageError(f"device {device!r} is not here: this onnxruntime has no CUDA")
        options = onnxruntime.SessionOptions()
        # The cores are shared out, so that batches side by side do not wait for each other's
        # threads. A number that is given also keeps threads from being pinned to cores.
        options.intra_op_num_threads = max(1, (threads or os.cpu_count() or 1) // parallel)
        network = join_network(folder).SerializeToString()
        try:
            with _loading:
                self._session = onnxruntime.InferenceSession(network, options, providers=providers)
                self._input = self._session.get_inputs()[0].name
                _first_run(self, self._session.get_inputs()[0].shape)
        except Exception as error:
            raise ModelError(
                f"{folder}: its network cannot be loaded by ONNX Runtime: {_first_line(error)}"
            ) from error

    def __call__(self, films: Float32) -> tuple[Float32, Float32]:
        """See ``Runtime``."""
        maps, classes = self._session.run(None, {self._input: films})
        return maps, classes


RUNTIMES: dict[str, Callable[..., Runtime]] = {
    "openvino": OpenVINORuntime,
    "onnxruntime": OnnxRuntime,
}
"""Runtime by name: (folder, device) to a loaded network."""


def open_runtime(
    name: str,
    folder: Path,
    device: str = "auto",
    parallel: int = 1,
    threads: int | None = None,
) -> Runtime:
    """Load a model folder's network.

    Args:
        name: a key of ``RUNTIMES``.
        folder: the model folder.
        device: "auto", "cpu", "gpu", or a device name of the runtime.
        parallel: batches that run at once, each on its share of the cores; 1 gives a single batch
            all of them, which is fastest for one film.
        threads: cores that this process may take, where others work beside it; all by default.

    Raises:
        UsageError: unknown runtime, or a device that is not here.
        ModelError: the file is missing or damaged.
        MissingExtra: the runtime is not installed.
    """
    if name not in RUNTIMES:
        raise UsageError(f"unknown runtime {name!r}: expected one of {', '.join(RUNTIMES)}")
    return RUNTIMES[name](folder, device, parallel=parallel, threads=threads)


def _first_run(runtime: Runtime, shape: Sequence[object]) -> None:
    """Run a network once in the thread that loads it.

    Python bindings made with pybind11 set up their NumPy types at the first call, in a C++ static
    that calls Python. Two threads in there at once wait for each other for ever: one for the
    static while it holds Python's global lock, the other inside it for that lock.

    Args:
        runtime: just loaded.
        shape: of its input; what is no number is free: one film, and the smallest sides.
    """
    # 64: the networks halve the side five times, and 64 leaves two pixels at the deepest level.
    free = (1, 1, 64, 64)
    runtime(np.zeros([n if isinstance(n, int) else m for n, m in zip(shape, free)], np.float32))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
