"""Constants that multiply or shift a normalization become its scale and bias."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.passes.rules.constants_through_layout import regrouped
from mmc.passes.rules.conv_affine import per_channel
from mmc.passes.rules.reshapes import perm_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

NORM = op["LayerNormalization", "RMSNormalization"](
    "x", const("scale"), maybe(const("bias"))
).named("norm")
TURNED = op.Transpose(NORM).named("turn")


@rewrite(op.Mul(NORM, const("c")), stage="recognize")
def norm_scale(out: Builder, scale: Array, bias: Array | None, c: Array, norm: Node) -> Value:
    """layernorm(x, g, b) * c  ->  layernorm(x, g c, b c)."""
    return scaled(out, norm, scale, bias, c)


@rewrite(op.Add(NORM, const("c")), stage="recognize")
def norm_shift(out: Builder, scale: Array, bias: Array | None, c: Array, norm: Node) -> Value:
    """layernorm(x, g, b) + c  ->  layernorm(x, g, b + c)."""
    return shifted(out, norm, scale, bias, c)


@rewrite(op.Mul(TURNED, const("c")), stage="recognize")
def turned_norm_scale(
    out: Builder, scale: Array, bias: Array | None, c: Array, norm: Node, turn: Node
) -> Value:
    """transpose(layernorm(x, g, b)) * c  ->  transpose(layernorm(x, g c, b c))."""
    y = scaled(out, norm, scale, bias, turned_back(c, turn))
    return out.Transpose(y, perm=perm_of(turn))


@rewrite(op.Add(TURNED, const("c")), stage="recognize")
def turned_norm_shift(
    out: Builder, scale: Array, bias: Array | None, c: Array, norm: Node, turn: Node
) -> Value:
    """transpose(layernorm(x, g, b)) + c  ->  transpose(layernorm(x, g, b + c))."""
    y = shifted(out, norm, scale, bias, turned_back(c, turn))
    return out.Transpose(y, perm=perm_of(turn))


@rewrite(
    op["Mul", "Add"](op.Reshape(NORM, const("shape")), const("c")).named("n"), stage="recognize"
)
def reshaped_norm_affine(
    out: Builder,
    scale: Array,
    bias: Array | None,
    shape: Array,
    c: Array,
    norm: Node,
    n: Node,
) -> Value:
    """reshape(layernorm(x, g, b)) * c  ->  reshape(layernorm(x, g c', b c'));  + c likewise."""
    moved = regrouped(c, tuple(shape.tolist()), shape_of(norm.outputs[0]))
    change = scaled if n.op_type == "Mul" else shifted
    return out.Reshape(change(out, norm, scale, bias, moved), shape)


def scaled(out: Builder, norm: Node, scale: Array, bias: Array | None, c: Array) -> Value:
    """Record `norm` with its result times c."""
    factor = tail(c, scale)
    rest = [] if bias is None else [bias * factor]
    return out.again(norm, [norm.inputs[0], scale * factor, *rest])


def shifted(out: Builder, norm: Node, scale: Array, bias: Array | None, c: Array) -> Value:
    """Record `norm` with c added to its result."""
    if norm.op_type != "LayerNormalization":
        raise NoMatch("RMSNormalization has no bias")
    shift = np.broadcast_to(tail(c, scale), scale.shape)
    total = np.ascontiguousarray(shift if bias is None else bias + shift)
    return out.again(norm, [*norm.inputs[:2], total])


def turned_back(c: Array, turn: Node) -> Array:
    """Return a constant that meets the result of a Transpose as it would meet its operand."""
    perm = perm_of(turn)
    if c.ndim > len(perm):
        raise NoMatch(f"a constant of shape {c.shape} adds axes")
    return c.reshape((1,) * (len(perm) - c.ndim) + c.shape).transpose(np.argsort(perm))


def tail(c: Array, scale: Array) -> Array:
    """Return `c` in the shape of the normalized axes; refuse what differs along the others."""
    if c.size == 1:
        return c.reshape(())
    lead = c.ndim - scale.ndim
    if lead < 0 or c.shape[lead:] != scale.shape or c.size != scale.size:
        raise NoMatch(f"a constant of shape {c.shape} does not fit normalized axes {scale.shape}")
    return c.reshape(scale.shape)


CHANNELS = op["InstanceNormalization", "GroupNormalization"](
    "x", const("scale"), const("bias")
).named("norm")


@rewrite(op["Mul", "Add"](CHANNELS, const("c")).named("n"), stage="recognize")
def channel_norm_affine(
    out: Builder, x: Value, scale: Array, bias: Array, c: Array, norm: Node, n: Node
) -> Value:
    """instancenorm(x, g, b) * c  ->  instancenorm(x, g c, b c);  + c: b + c; so groupnorm."""
    return by_channel(out, x, scale, bias, c, norm, n)


@rewrite(
    op["Mul", "Add"](op.Transpose(CHANNELS).named("turn"), const("c")).named("n"),
    stage="recognize",
)
def turned_channel_norm_affine(
    out: Builder, x: Value, scale: Array, bias: Array, c: Array, norm: Node, turn: Node, n: Node
) -> Value:
    """transpose(instancenorm(x, g, b)) * c  ->  transpose(instancenorm(x, g c, b c));  so + c."""
    y = by_channel(out, x, scale, bias, turned_back(c, turn), norm, n)
    return out.Transpose(y, perm=perm_of(turn))


@rewrite(
    op["Mul", "Add"](op.Reshape(CHANNELS, const("shape")), const("c")).named("n"),
    stage="recognize",
)
def reshaped_channel_norm_affine(
    out: Builder,
    x: Value,
    scale: Array,
    bias: Array,
    shape: Array,
    c: Array,
    norm: Node,
    n: Node,
) -> Value:
    """reshape(instancenorm(x, g, b)) * c  ->  reshape(instancenorm(x, g c', b c'));  so + c."""
    moved = regrouped(c, tuple(shape.tolist()), shape_of(norm.outputs[0]))
    return out.Reshape(by_channel(out, x, scale, bias, moved, norm, n), shape)


def by_channel(
    out: Builder, x: Value, scale: Array, bias: Array, c: Array, norm: Node, n: Node
) -> Value:
    """Record `norm` with its result times c, or with c added, as `n` does it."""
    each = per_channel(c, norm).astype(scale.dtype)
    if n.op_type == "Add":
        return out.again(norm, [x, norm.inputs[1], bias + each])
    return out.again(norm, [x, scale * each, bias * each])


@rewrite(
    op.Mul(op.InstanceNormalization("x", const("scale"), const("bias")).named("norm"), const("c")),
    stage="recognize",
)
def layer_norm_of_instance_norm(
    out: Builder, x: Value, scale: Array, bias: Array, c: Array, norm: Node
) -> Value:
    """instancenorm(x (N, C, L), g, 0) * c (L,)  ->  layernorm(x, g c), for one number g."""
    shape = shape_of(x)
    if len(shape) != 3 or c.shape[-1:] != shape[-1:] or c.size != shape[-1]:
        raise NoMatch("what multiplies it is not one number for each place of the last axis")
    if bias.any() or (scale != scale.flat[0]).any():
        raise NoMatch("its channels have scales or a bias of their own")
    factor = c.reshape(-1) * scale.flat[0]
    return out.LayerNormalization(x, factor, epsilon=attrs(norm)["epsilon"])


GROUPED = op.Reshape("x", const("inner"))


@rewrite(
    op.Reshape(
        op.InstanceNormalization(GROUPED, const("scale"), const("bias")).named("norm"), "shape"
    ).named("n"),
    stage="recognize",
)
def group_norm(out: Builder, x: Value, scale: Array, bias: Array, norm: Node, n: Node) -> Value:
    """reshape(instancenorm(reshape(x, (N, G, ...)), g, b))  ->  groupnorm(x, g, b)."""
    return by_groups(out, x, scale, bias, norm, n)


@rewrite(
    op.Reshape(op.LayerNormalization(GROUPED, const("scale")).named("norm"), "shape").named("n"),
    stage="recognize",
)
def group_norm_of_layer_norm(out: Builder, x: Value, scale: Array, norm: Node, n: Node) -> Value:
    """reshape(layernorm(reshape(x, (N, G, ...)), 1))  ->  groupnorm(x, 1, 0)."""
    if attrs(norm)["axis"] % len(shape_of(norm.outputs[0])) != 2 or (scale != scale.flat[0]).any():
        raise NoMatch("it does not normalize each group as a whole")
    ones = np.full(shape_of(norm.outputs[0])[1], scale.flat[0], scale.dtype)
    return by_groups(out, x, ones, np.zeros_like(ones), norm, n)


def by_groups(out: Builder, x: Value, scale: Array, bias: Array, norm: Node, result: Node) -> Value:
    """Record the normalization of groups of channels, with a scale and bias for each group."""
    shape, groups = shape_of(x), shape_of(norm.outputs[0])[:2]
    if len(shape) < 3 or shape_of(result.outputs[0]) != shape:
        raise NoMatch("the result has another shape than x")
    if groups[0] != shape[0] or shape[1] % groups[1]:
        raise NoMatch("it does not normalize groups of channels")
    epsilon, each = attrs(norm)["epsilon"], shape[1] // groups[1]
    if each == 1:
        return out.InstanceNormalization(x, scale, bias, epsilon=epsilon)
    operands = [x, np.repeat(scale, each), np.repeat(bias, each)]
    return out.GroupNormalization(*operands, num_groups=groups[1], epsilon=epsilon)
