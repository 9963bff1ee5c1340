"""A quantized model without the rounding of its activations: how much that rounding does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import onnx

from mmc.verification.casting import Array
from mmc.verification.trial import Subject


def run_unrounded(subject: Subject, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return the outputs of the final IR with its activations left float."""
    proto = onnx.load(subject.final, load_external_data=False)
    kept = [*without_rounding(proto.graph)]
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    path = subject.final.with_suffix(".unrounded.onnx")
    path.write_bytes(proto.SerializeToString())
    return replace(subject, final=path).run_final(feeds).outputs


def without_rounding(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes; of floats that become codes and floats again, those before."""
    stored = {tensor.name for tensor in graph.initializer}
    floats = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] not in stored
    }
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in floats:
            yield onnx.helper.make_node("Identity", [floats[node.input[0]]], [node.output[0]])
        else:
            yield node
