"""Compiled Hexagon contexts inside a .tflite, and sessions that execute them on the emulator."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mmc.backends.targets.vendor import SOC_NUMBERS
from mmc.diagnostics import EmitError

from .program import NUMPY_TYPES, Array

PROVIDER = "QNNExecutionProvider"
SDK = "2.50.0"
"""The version of Qualcomm's SDK in the pinned wheels; the provider wants to see one."""


@dataclass(frozen=True)
class Context:
    """One compiled graph: where its bytes are in the file, and the tensors that it has.

    `inputs` and `outputs` are (tensor index, name in the context, type, shape).
    """

    name: str
    start: int
    size: int
    inputs: tuple[tuple[int, str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[int, str, str, tuple[int, ...]], ...]


@cache
def contexts(path: Path) -> dict[int, Context]:
    """Return the contexts of a compiled .tflite by the index of their first output tensor.

    Raises:
        EmitError: MMC404 if the file names none that can be read.
    """
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import flexbuffers

    graph = schema.Model.GetRootAs(path.read_bytes()).Subgraphs(0)
    found: dict[int, Context] = {}
    for number in range(graph.OperatorsLength()):
        op = graph.Operators(number)
        if not op.CustomOptionsLength():
            continue
        try:
            said: Any = flexbuffers.Loads(op.CustomOptionsAsNumpy().tobytes())
            place = said["name"], said["bytecode_offset"], said["bytecode_size"]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            what = "has a compiled context that cannot be found"
            raise EmitError("MMC404", str(path), what, why=str(error)) from error
        inputs, outputs = op.InputsAsNumpy(), op.OutputsAsNumpy()
        found[int(outputs[0])] = Context(*place, borders(graph, inputs), borders(graph, outputs))
    return found


def borders(graph: Any, indices: Array) -> tuple[tuple[int, str, str, tuple[int, ...]], ...]:
    """Return what a context's inputs or outputs are; its names have no colons."""
    from .reader import TENSOR_TYPES

    tensors = [(int(i), graph.Tensors(int(i))) for i in indices]
    return tuple(
        (
            i,
            t.Name().decode().replace(":", "_"),
            TENSOR_TYPES[t.Type()],
            tuple(int(s) for s in t.ShapeAsNumpy()) if t.ShapeLength() else (),
        )
        for i, t in tensors
    )


class Session:
    """One context, loaded into the emulator."""

    def __init__(self, path: Path, context: Context, architecture: str) -> None:
        self.context = context
        self.folder = tempfile.TemporaryDirectory(prefix="mmc-")
        wrapped = wrap(path, context, Path(self.folder.name))
        try:
            self.session = load(wrapped, architecture)
        except Exception as error:  # the provider's own classes are many
            what = f"{context.name} does not load in the emulator"
            raise EmitError("MMC404", str(path), what, why=str(error)) from error

    def run(self, given: Mapping[int, Array]) -> list[Array]:
        """Return the outputs for inputs by tensor index."""
        feeds = {name: given[i] for i, name, _, _ in self.context.inputs}
        try:
            return list(self.session.run([name for _, name, _, _ in self.context.outputs], feeds))
        except Exception as error:
            what = "does not run in the emulator"
            raise EmitError("MMC404", self.context.name, what, why=str(error)) from error


@cache
def open_session(path: Path, context: Context, architecture: str) -> Session:
    """Return the session of a context, loaded once a process."""
    return Session(path, context, architecture)


def wrap(path: Path, context: Context, folder: Path) -> Path:
    """Write an ONNX model whose only node is the context, the form that the provider executes."""
    from onnx import helper, save

    with path.open("rb") as file:
        file.seek(context.start)
        (folder / "context.bin").write_bytes(file.read(context.size))
    inputs = [info(*border[1:]) for border in context.inputs]
    outputs = [info(*border[1:]) for border in context.outputs]
    node = helper.make_node(
        "EPContext",
        [v.name for v in inputs],
        [v.name for v in outputs],
        name=context.name,
        domain="com.microsoft",
        embed_mode=0,
        ep_cache_context="context.bin",
        main_context=1,
        source=PROVIDER,
        partition_name=context.name,
        ep_sdk_version=SDK,
    )
    graph = helper.make_graph([node], context.name, inputs, outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=9), folder / "context.onnx")
    return folder / "context.onnx"


def info(name: str, dtype: str, shape: tuple[int, ...]) -> Any:
    """Return the declaration of an input or output."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(NUMPY_TYPES[dtype]))
    return helper.make_tensor_value_info(name, kind, shape)


def load(model: Path, architecture: str) -> Any:
    """Return an ONNX Runtime session on the emulator of an architecture; nothing falls back."""
    import onnxruntime as ort
    import onnxruntime_qnn as qnn

    if not any(d.ep_name == PROVIDER for d in ort.get_ep_devices()):
        ort.register_execution_provider_library(PROVIDER, qnn.get_library_path())
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    devices = [d for d in ort.get_ep_devices() if d.ep_name == PROVIDER]
    settings = {
        "backend_path": qnn.get_qnn_htp_path(),
        "htp_arch": architecture.removeprefix("v"),
        "soc_model": str(SOC_NUMBERS[architecture]),
        "offload_graph_io_quantization": "0",
    }
    options.add_provider_for_devices(devices, settings)
    return ort.InferenceSession(str(model), options, enable_fallback=0)
