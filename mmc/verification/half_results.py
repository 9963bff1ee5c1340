"""The final IR as an engine that computes in float16 has it: constants and results are rounded.

Hexagon's float operators read and write float16, though the file is float32 and the processor's
kernels, which verification runs, compute it so. Each operator is computed in float32 here and
rounded, as an accumulator of more digits does, and what is beyond float16 becomes its end. Beside
the vendor's emulator this is kind by up to 10 dB: its exponentials and quotients are rougher.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mmc.integers.integer_ops import INTEGER
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.half import LARGEST

JOB = "mmc.verification.half_results:run"
FLOAT, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
CODES = ("QuantizeLinear", "DequantizeLinear")


def run(
    path: str | os.PathLike[str], feeds: Mapping[str, Array], *, values: Sequence[str] = ()
) -> dict[str, Array]:
    """Return the outputs of the model at `path` so; a file beside it is written.

    Raises:
        EmitError: as `reference.run`.
    """
    proto = onnx.load(path, load_external_data=False)
    round_results(proto.graph)
    rounded = Path(path).with_suffix(".half.onnx")
    onnx.save(proto, rounded)
    return reference.run(rounded, feeds, values=values)


def round_results(graph: onnx.GraphProto) -> None:
    """Let what operators on floats read and make be rounded to float16 and back."""
    floats = {v.name for v in (*graph.value_info, *graph.output) if is_float(v)}
    given = {v.name for v in graph.input if is_float(v)}
    given |= {t.name for t in graph.initializer if t.data_type == FLOAT}
    nodes = [*graph.node]
    read = {name for node in nodes if not on_codes(node) for name in node.input}
    made = {n for node in nodes if not on_codes(node) for n in node.output if n in floats}
    rounded = (given & read) | made
    ends = {"half.low": -LARGEST, "half.high": LARGEST}
    for name, end in ends.items():
        graph.initializer.append(numpy_helper.from_array(np.array(end, np.float32), name))
    del graph.node[:]
    for name in sorted(given & read):
        graph.node.extend(rounding(name, f"{name}.half", name))
    for node in nodes:
        if not on_codes(node):
            node.input[:] = [f"{n}.half" if n in rounded else n for n in node.input]
        names = [name for name in node.output if name in made]
        node.output[:] = [f"{n}.exact" if n in made else n for n in node.output]
        graph.node.append(node)
        for name in names:
            graph.node.extend(rounding(f"{name}.exact", f"{name}.half", name))
            graph.node.append(helper.make_node("Identity", [f"{name}.half"], [name]))


def is_float(value: onnx.ValueInfoProto) -> bool:
    """Say whether a value is a tensor of float32."""
    return value.type.tensor_type.elem_type == FLOAT


def on_codes(node: onnx.NodeProto) -> bool:
    """Say whether a node computes on codes, or makes or reads them."""
    return node.op_type in CODES or any(p.key == INTEGER for p in node.metadata_props)


def rounding(source: str, target: str, name: str) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that round a value."""
    yield helper.make_node("Clip", [source, "half.low", "half.high"], [f"{name}.inside"])
    yield helper.make_node("Cast", [f"{name}.inside"], [f"{name}.narrow"], to=HALF)
    yield helper.make_node("Cast", [f"{name}.narrow"], [target], to=FLOAT)
