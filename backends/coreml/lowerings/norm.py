"""Normalizations."""

from __future__ import annotations

import math

import numpy as np

from mmc.backends.coreml.arithmetic import binary
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Array, Node, attrs, constant, shape_of
from mmc.opset import DOMAIN


@lowers("LayerNormalization")
def layer_norm(e: Emitter, n: Node) -> None:
    """y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the axes from `axis`."""
    given, x = attrs(n), e.var(n.inputs[0])
    axes = list(range(given["axis"] % max(len(x.shape), 1), len(x.shape)))
    if not axes or any(v.uses() or v.is_graph_output() for v in n.outputs[1:]):
        raise Unsupported("its mean and deviation are wanted")
    inner = tuple(x.shape[a] for a in axes)
    gamma = fitting(n, 1, inner)
    beta = None if gamma is None else fitting(n, 2, inner)
    epsilon = np.float32(given["epsilon"])
    y = e.like("layer_norm", x, axes=axes, gamma=gamma, beta=beta, epsilon=epsilon)
    if gamma is None:
        y = e.like("mul", y, y=e.var(n.inputs[1]))
    if beta is None and (bias := e.optional(n, 2)) is not None:
        y = e.like("add", y, y=bias)
    e.set(n.outputs[0], y)


@lowers("AxisNorm", domain=DOMAIN)
def axis_norm(e: Emitter, n: Node) -> None:
    """y = (x - mean) / sqrt(variance + epsilon) * scale + bias over one axis -> layer_norm."""
    given, x = attrs(n), e.var(n.inputs[0])
    gamma, beta = (np.reshape(np.asarray(constant(v)), -1) for v in n.inputs[1:3])
    epsilon = np.float32(given["epsilon"])
    y = e.like("layer_norm", x, axes=given["axes"], gamma=gamma, beta=beta, epsilon=epsilon)
    e.set(n.outputs[0], y)


def fitting(n: Node, position: int, shape: tuple[int, ...]) -> Array | None:
    """Return a constant operand if it has this shape."""
    array = constant(n.inputs[position]) if position < len(n.inputs) else None
    return array if array is not None and array.shape == shape else None


@lowers("InstanceNormalization")
def instance_norm(e: Emitter, n: Node) -> None:
    """y = (x - mean) / sqrt(variance + epsilon) * scale + bias, over space -> instance_norm."""
    x, epsilon = e.var(n.inputs[0]), np.float32(attrs(n)["epsilon"])
    batch, channels, *space = x.shape
    flat = x if len(space) in (1, 2) else e.reshape(x, (batch, channels, math.prod(space)))
    gamma, beta = (fitting(n, i, (channels,)) for i in (1, 2))
    if gamma is None or beta is None:
        y = e.reshape(e.like("instance_norm", flat, epsilon=epsilon), x.shape)
        y = e.like("mul", y, y=per_channel(e, n, 1))
        y = e.like("add", y, y=per_channel(e, n, 2))
    else:
        y = e.like("instance_norm", flat, gamma=gamma, beta=beta, epsilon=epsilon)
    e.set(n.outputs[0], e.reshape(y, x.shape))


@lowers("BatchNormalization")
def batch_norm(e: Emitter, n: Node) -> None:
    """y = (x - mean) / sqrt(variance + epsilon) * scale + bias -> batch_norm, or its arithmetic."""
    x, given = e.var(n.inputs[0]), attrs(n)
    if given["training_mode"] or any(v.uses() or v.is_graph_output() for v in n.outputs[1:]):
        raise Unsupported("it learns: its statistics are those of the batch")
    epsilon = np.float32(given["epsilon"])
    found = [fitting(n, i, x.shape[1:2]) for i in range(1, 5)]
    known = [array for array in found if array is not None]
    if len(known) == 4 and len(x.shape) >= 3:
        names = ("gamma", "beta", "mean", "variance")
        y = e.like("batch_norm", x, epsilon=epsilon, **dict(zip(names, known, strict=True)))
    elif len(known) == 4:
        gamma, beta, mean, variance = known
        factor = (gamma / np.sqrt(variance + epsilon)).astype(gamma.dtype)
        y = e.like("add", e.like("mul", x, y=factor), y=beta - mean * factor)
    else:
        spread = e.like("add", per_channel(e, n, 4), y=epsilon)
        ratio = binary(e, "real_div", per_channel(e, n, 1), e.like("sqrt", spread))
        y = e.like("mul", e.like("sub", x, y=per_channel(e, n, 3)), y=ratio)
        y = e.like("add", y, y=per_channel(e, n, 2))
    e.set(n.outputs[0], y)


def per_channel(e: Emitter, n: Node, position: int) -> Var:
    """Return an operand (C,) as (1, C, 1, ...)."""
    var, rank = e.var(n.inputs[position]), len(shape_of(n.inputs[0]))
    return e.reshape(var, (1, *var.shape, *(1,) * (rank - 2)))
