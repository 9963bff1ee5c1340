"""Operators whose result has a step so small that no kernel multiplies its sums by enough.

Kernels multiply sums of codes by a fixed-point number: the step of a sum by that of the result.
Where results are next to nothing beside what they are made of, LiteRT ends the process (ADD),
does not load (layers of 8 bits) or overflows; codes would leave such a result a few levels at most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmc.integers.activation_scales import activations
from mmc.integers.biases import LARGEST_BIAS
from mmc.integers.delicate import MATRICES
from mmc.integers.integer_ops import SAME, layer_of
from mmc.integers.kept_float import BEYOND_HALF, STEEP
from mmc.integers.layers import base_of
from mmc.ir import Node, Value, constant, operand
from mmc.quant.ranges import Affine

Look = Callable[[Value], Affine | None]
LARGEST = 128.0
"""16-bit layers shift sums by less than 8 bits; 8-bit layers are loaded below 256 (measured)."""
LARGEST_PRODUCT = 1.0
"""Products of 16-bit codes have 31 bits already."""


def unfit(node: Node, of: Look, *, half: bool) -> str:
    """Return why a node has codes of scales that what computes it does not have; "" if it does.

    Args:
        of: the scale of an activation, None where it has none.
        half: scales are float16.
    """
    if too_large(node, of):
        return STEEP
    return BEYOND_HALF if half and beyond_half(node, of) else ""


def too_large(node: Node, of: Look) -> bool:
    """Say whether a node's kernel would have to multiply by more than it can.

    Args:
        of: the scale of an activation, None where it has none.
    """
    made, read = of(node.outputs[0]), [of(v) for v in activations(node)]
    steps = [q.scale for q in read if q is not None]
    if made is None or not steps or base_of(node)[1] in SAME:
        return False
    product = base_of(node)[1] == "Mul" and made.bits == 16
    return sum_step(node, steps) / made.scale > (LARGEST_PRODUCT if product else LARGEST)


def beyond_half(node: Node, of: Look) -> bool:
    """Say whether a step that a node reads or makes, or a range's end, is no normal float16.

    Masks of the least float are such.
    """
    half, found = np.finfo(np.float16), [of(v) for v in (*activations(node), *node.outputs)]
    least, largest = float(half.tiny), float(half.max)  # as float16 they make what is compared so
    steps = [(q.scale, q.reach) for q in found if q]
    return any(step < least or most > largest for step, most in steps)


def sum_step(node: Node, steps: list[float]) -> float:
    """Return the step of the sums that a kernel rescales, from those of what it reads."""
    if layer_of(node):
        return max(steps[0] * weight_step(node), bias_step(node))
    op = base_of(node)[1]
    if op in MATRICES or op == "Mul":  # constant factors are cut to what the result holds
        return steps[0] * steps[-1] if len(activations(node)) == 2 else 0.0
    return max(steps)  # a constant summand is no larger than the other one and the result


def bias_step(node: Node) -> float:
    """Return the least step that a layer's bias has codes of: weights are made as coarse."""
    bias = constant(operand(node, 2))
    return 0.0 if bias is None else float(np.abs(bias).max(initial=0)) / LARGEST_BIAS


def weight_step(node: Node) -> float:
    """Return the largest scale of a layer's weight."""
    weight = node.inputs[1]
    maker = None if weight is None else weight.producer()
    scale = None if maker is None else constant(maker.inputs[1])
    return 0.0 if scale is None else float(scale.max())
