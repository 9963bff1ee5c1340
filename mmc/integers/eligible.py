"""Which operators of a model integer kernels compute, and why others stay float."""

from __future__ import annotations

import onnx_ir as ir

from mmc.integers.activation_scales import activations
from mmc.integers.cut_offs import ends_with_codes
from mmc.integers.delicate import delicate, exact
from mmc.integers.grids import only_leaves
from mmc.integers.integer_ops import BITS, FIXED, FREE, JOINED, SAME, SLOW, WEIGHTED, layer_of
from mmc.integers.kept_float import CRUDE, DELICATE, EXACT, FLOAT_WEIGHT, LAST, NO_KERNEL, SLOWER
from mmc.integers.layers import base_of
from mmc.ir import Graph, Node, attrs, constant, is_static, operand


def floats_of(graph: Graph, bits: int, *, quick: bool, last: bool) -> dict[str, set[Node]]:
    """Return what stays float by the reason.

    Args:
        quick: also where floats are faster.
        last: also what makes the model's outputs in a scale that is not theirs.
    """
    return {
        CRUDE: {n for n in graph if FLOAT_WEIGHT in n.metadata_props},
        LAST: {n for n in graph if last and base_of(n)[1] in FIXED and only_leaves(n)},
        DELICATE: delicate(graph),
        EXACT: exact(graph),
        SLOWER: {n for n in graph if quick and base_of(n)[1] in SLOW},
        NO_KERNEL: {n for n in graph if not takes_integers(n, bits)},
    }


def takes_integers(node: Node, bits: int) -> bool:
    """Say whether a kernel computes this node on codes of `bits`."""
    op = base_of(node)[1]
    cut = op == "Clip" and bits == 8 and ends_with_codes(node)
    known = cut or op in FREE or op in SAME or op in JOINED or op in FIXED
    if not known or bits not in BITS.get(op, (8, 16)):
        return False
    values = [v for v in (*activations(node), *node.outputs) if v is not None]
    if not values or any(v.dtype != ir.DataType.FLOAT or not is_static(v) for v in values):
        return False
    if layer := layer_of(node):
        return coded_weight(node, WEIGHTED[layer][bits])
    return op not in ("MatMul", "MatMulTN", "MatMulNT", "MatMulTT") or len(activations(node)) == 2


def coded_weight(node: Node, allowed: tuple[int, ...]) -> bool:
    """Say whether the weight has codes that the kernel takes, and the bias is constant."""
    maker = node.inputs[1].producer() if node.inputs[1] is not None else None
    if maker is None or maker.op_type != "DequantizeLinear" or attrs(maker).get("block_size"):
        return False
    codes = constant(maker.inputs[0])
    bias = operand(node, 2)
    bits = {"int8": 8, "int4": 4, "int2": 2}.get("" if codes is None else str(codes.dtype))
    return bits in allowed and (bias is None or constant(bias) is not None)
