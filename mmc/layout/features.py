"""How layers carry a layout with the features before the places: as convolutions, as norms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mmc.ir import Node, attrs, constant, operand, shape_of
from mmc.layout.carriers import CARRIERS, Carrier, Operands, Sides
from mmc.layout.permutation import Perm
from mmc.opset import DOMAIN


def _matmul(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """x W in (batch, features, places...) is a convolution of single places."""
    rank, weight = len(p), constant(node.inputs[1])
    first = rank in (3, 4) and p[:2] == (0, rank - 1)
    if not first or weight is None or weight.ndim != 2 or (is_input and position == 1):
        return CARRIERS["MatMul"].carry(node, position, is_input, p)
    if len(shape_of(node.inputs[0])) != rank or len(shape_of(node.outputs[0])) != rank:
        return None
    return Sides({0: p}, {0: p})


def _conv(node: Node, sides: Sides) -> Operands:
    p, weight = sides.inputs[0], constant(node.inputs[1])
    if p[-1] == len(p) - 1:
        return {}
    assert weight is not None
    node.op_type = "Conv"
    return {1: weight.T.reshape(*weight.shape[::-1], *(1,) * (len(p) - 2))}


def _layer_norm(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """The norm of the last axis is one wherever that axis lies."""
    x, *others = node.inputs
    rank = len(shape_of(x))
    single = attrs(node)["axis"] % rank == rank - 1 and len(node.outputs) == 1
    known = all(v is None or constant(v) is not None for v in others)
    if not (single and known) or len(p) != rank or (is_input and position):
        return None
    return Sides({0: p}, {0: p})


def _axis_norm(node: Node, sides: Sides) -> Operands:
    p, epsilon = sides.inputs[0], attrs(node)["epsilon"]
    axis = p.index(len(p) - 1)
    if axis == len(p) - 1:
        return {}
    scale = constant(node.inputs[1])
    assert scale is not None
    given = constant(operand(node, 2))
    bias = np.zeros_like(scale) if given is None else given
    node.op_type, node.domain = "AxisNorm", DOMAIN
    node.attributes.clear()
    node.attributes.add(ir.AttrInt64s("axes", [axis]))
    node.attributes.add(ir.AttrFloat32("epsilon", epsilon))
    wide = [-1] + [1] * (len(p) - 1 - axis)
    return {1: scale.reshape(wide), 2: bias.reshape(wide)}


FEATURES: Mapping[str, Carrier] = {
    "MatMul": Carrier(_matmul, _conv),
    "LayerNormalization": Carrier(_layer_norm, _axis_norm),
}
"""Operators that a backend with both forms lets carry more layouts."""
