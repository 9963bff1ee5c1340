"""One operator in ONNX Runtime: what constant folding computes where numpy has no form of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmc.values import Array


def run_node(node: ir.Node, inputs: Sequence[Array | None]) -> tuple[Array, ...] | None:
    """Compute one node in ONNX Runtime; None when it has no such operator or refuses the inputs.

    A session of one node costs 2 ms; only operators that the table lacks pay it.
    """
    import onnx
    import onnxruntime as ort

    if node.domain not in ("", "ai.onnx"):
        return None
    names = [f"i{k}" if x is not None else "" for k, x in enumerate(inputs)]
    proto = onnx.NodeProto(op_type=node.op_type, input=names)
    proto.output.extend(f"o{k}" if v.name else "" for k, v in enumerate(node.outputs))
    proto.attribute.extend(ir.serde.serialize_attribute(a) for a in node.attributes.values())
    graph = onnx.GraphProto(name="one", node=[proto])
    feeds = {n: x for n, x in zip(names, inputs, strict=True) if x is not None}
    for name, x in feeds.items():
        kind = int(ir.DataType.from_numpy(x.dtype))
        graph.input.append(onnx.helper.make_tensor_value_info(name, kind, x.shape))
    graph.output.extend(onnx.ValueInfoProto(name=n) for n in proto.output if n)
    imports = [onnx.helper.make_opsetid("", 25)]
    model = onnx.ModelProto(ir_version=13, opset_import=imports, graph=graph)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(None, feeds)
    except Exception:  # the runtime raises a dozen unrelated types; the node simply stays
        return None
    if not all(isinstance(x, (np.ndarray, np.generic)) for x in found):
        return None  # a sequence is no constant
    results = iter(found)
    missing = np.zeros(0, np.float32)
    return tuple(np.asarray(next(results)) if v.name else missing for v in node.outputs)
