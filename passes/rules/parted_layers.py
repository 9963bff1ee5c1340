"""One layer for each part of a tensor is one layer of the whole: what Keras unrolls over time."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mmc.ir import Node, Value, attrs, shape_of
from mmc.matching import same_constant
from mmc.opset import DOMAIN
from mmc.passes.rules.affine_linear import LINEAR
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.Concat(...).named("n"), stage="tflite")
def layer_of_parts(out: Builder, n: Node) -> Value:
    """concat(linear(p, w, b) for p in split(x))  ->  linear(x, w, b), or a reshape of it."""
    layers = [value.producer() for value in n.inputs if value is not None]
    first = layers[0]
    if first is None or first.domain != DOMAIN or first.op_type not in LINEAR:
        raise NoMatch("it does not join layers")
    if any(layer is None or not alike(layer, first) for layer in layers):
        raise NoMatch("the layers are not equal, or are read elsewhere")
    source = first.inputs[0]
    split = None if source is None else source.producer()
    parts = [layer.inputs[0] for layer in layers if layer is not None]
    if split is None or split.op_type != "Split" or list(split.outputs) != parts:
        raise NoMatch("they do not read all parts of one tensor in order")
    x, wanted = split.inputs[0], shape_of(n.outputs[0])
    shape, ends = shape_of(x), (attrs(split)["axis"], attrs(n)["axis"])
    if not keeps_order(shape, *(axis % len(shape) for axis in ends)):
        raise NoMatch("joined along another axis, the parts have another order")
    y: Value = out.again(first, [x, *first.inputs[1:]])
    return y if (*shape[:-1], *wanted[-1:]) == wanted else out.Reshape(y, list(wanted))


def alike(layer: Node, first: Node) -> bool:
    """Say whether a layer is the same but for what it reads, and read once."""
    uses, pairs = layer.outputs[0].uses(), [*zip(layer.inputs, first.inputs, strict=False)][1:]
    once = len(uses) == 1 and not layer.outputs[0].is_graph_output()
    same = (layer.domain, layer.op_type) == (first.domain, first.op_type)
    count = len(layer.inputs) == len(first.inputs)
    return once and same and count and all(equal(a, b) for a, b in pairs)


def equal(a: Value | None, b: Value | None) -> bool:
    """Say whether two operands are one, or constants of equal numbers."""
    return a is b or (b is not None and same_constant(a, b))


def keeps_order(shape: Sequence[int], parted: int, joined: int) -> bool:
    """Say whether parts along one axis follow each other when joined along the other."""
    low, high = sorted((parted, joined))
    passed = [shape[axis] for axis in range(low, high + 1) if axis != parted]
    return max(parted, joined) < len(shape) - 1 and prod(passed) == 1
