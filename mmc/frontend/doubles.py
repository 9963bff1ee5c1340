"""Double precision that ONNX Runtime cannot run: the model is computed in float32 from the start.

Artifacts compute in float32 whatever the model says; a double model is kept as it is, as the better
reference, where ONNX Runtime has all the kernels. Of convolutions, among others, it has none.
"""

from __future__ import annotations

import onnx_ir as ir

from mmc.frontend.bfloat16 import widen_values
from mmc.values import every_node

KIND = ir.DataType.DOUBLE
WITHOUT = frozenset(
    "Acos Acosh Asin Asinh Atan Atanh AveragePool Conv ConvTranspose Cosh Det Elu Erf Gelu"
    " GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Hardmax InstanceNormalization LRN"
    " LeakyRelu LpPool MaxUnpool Mean Mish OneHot PRelu RNN Resize Selu Sinh Softplus Softsign Tan"
    " ThresholdedRelu".split()
)
"""Operators of double that ONNX Runtime has no kernel for (1.31 and 1.32, measured)."""
OTHERWISE = frozenset(
    "ArgMax ArgMin Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual NonZero Shape"
    " Size".split()
)
"""Operators whose results are of another type than what they read."""


def narrow_doubles(model: ir.Model) -> int:
    """Make every value float32 that is double, where an operator has no kernel for double.

    Returns how many values there were; the model's inputs and outputs are among them.
    """
    return widen_values(model, KIND) if cannot_run(model) else 0


def cannot_run(model: ir.Model) -> bool:
    """Say whether an operator without a kernel computes in double; types are not inferred yet."""
    doubles = {v for graph in model.graphs() for v in graph.initializers.values() if is_double(v)}
    doubles |= {v for graph in model.graphs() for v in graph.inputs if is_double(v)}
    for node in every_node(model.graph):
        reads = any(value in doubles for value in node.inputs)
        if reads and node.op_type in WITHOUT:
            return True
        if makes_double(node, reads):
            doubles.update(node.outputs)
    return False


def makes_double(node: ir.Node, reads: bool) -> bool:
    """Say whether the results of a node are double, given whether it reads any."""
    if node.op_type == "Cast":
        return node.attributes["to"].as_int() == KIND
    if node.op_type in ("Constant", "ConstantOfShape"):
        tensor = node.attributes.get("value")
        return tensor is not None and not tensor.is_ref() and tensor.as_tensor().dtype == KIND
    return reads and node.op_type not in OTHERWISE


def is_double(value: ir.Value) -> bool:
    """Say whether a value is declared double."""
    return value.dtype == KIND
