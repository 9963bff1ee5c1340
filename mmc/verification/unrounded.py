"""A quantized model without the rounding of its activations: how much that rounding does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx

from mmc.verification.casting import Array
from mmc.verification.trial import Subject


def run_unrounded(subject: Subject, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return the outputs of the final IR with its activations cut as codes are, but not rounded."""
    proto = onnx.load(subject.final, load_external_data=False)
    leave_unrounded(proto.graph)
    path = subject.final.with_suffix(".unrounded.onnx")
    path.write_bytes(proto.SerializeToString())
    return replace(subject, final=path).run_final(feeds).outputs


def leave_unrounded(graph: onnx.GraphProto) -> None:
    """dequantize(quantize(x))  ->  clip(x): exporters leave out a Relu where codes end at 0."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    taken = {name for node in graph.node for name in node.output} | {*stored}
    makers = {node.output[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    for node in graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if maker is None or maker.input[0] in stored:
            continue
        scale, zero = (onnx.numpy_helper.to_array(stored[name]) for name in maker.input[1:3])
        limits = np.iinfo(zero.dtype)
        start = node.output[0]
        while {f"{start}.low", f"{start}.high"} & taken:
            start += "_"
        names = [f"{start}.low", f"{start}.high"]
        for name, code in zip(names, (limits.min, limits.max), strict=True):
            bound = np.asarray(np.float32(scale) * np.float32(code - int(zero)), np.float32)
            graph.initializer.append(onnx.numpy_helper.from_array(bound, name))
        clip = onnx.helper.make_node("Clip", [maker.input[0], *names], [node.output[0]])
        node.CopyFrom(clip)
