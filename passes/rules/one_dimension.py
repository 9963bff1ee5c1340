"""Convolutions and pools over one axis, as those over two whose first has size 1."""

from __future__ import annotations

from typing import Any

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import reshape

FILLERS = {"strides": 1, "dilations": 1, "kernel_shape": 1, "output_padding": 0}


def in_plane(node: Node) -> dict[str, Any]:
    """Return the node's attributes with an axis of size 1 in front of its only one."""
    given = attrs(node)
    for name, filler in FILLERS.items():
        if given.get(name):
            given[name] = [filler, *given[name]]
    if given.get("pads"):
        before, after = given["pads"]
        given["pads"] = [0, before, 0, after]
    return given


def need_one_axis(x: Value) -> tuple[int, int, int]:
    """Return the shape of x (N, C, L); refuse other ranks."""
    shape = shape_of(x)
    if len(shape) != 3:
        raise NoMatch(f"rank {len(shape)} is not one spatial axis")
    return shape[0], shape[1], shape[2]


@rewrite(op["Conv", "ConvTranspose"]("x", "w", maybe("b")).named("n"), stage="decompose")
def conv_1d(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """Conv(x (N, C, L), w (O, I, K))  ->  squeeze(Conv(x (N, C, 1, L), w (O, I, 1, K)))."""
    batch, channels, length = need_one_axis(x)
    given = attrs(n)
    if given.get("auto_pad", "NOTSET") != "NOTSET" or given.get("output_shape"):
        raise NoMatch("its pads are not explicit yet")
    outer, inner, kernel = shape_of(w)
    plane = reshape(out, x, (batch, channels, 1, length))
    y = out.node(n.op_type, [plane, reshape(out, w, (outer, inner, 1, kernel)), b], **in_plane(n))
    return reshape(out, y, shape_of(n.outputs[0]))


@rewrite(op["MaxPool", "AveragePool", "LpPool"]("x").named("n"), stage="decompose")
def pool_1d(out: Builder, x: Value, n: Node) -> Value:
    """Pool(x (N, C, L))  ->  squeeze(Pool(x (N, C, 1, L)))."""
    batch, channels, length = need_one_axis(x)
    given = attrs(n)
    if len(n.outputs) > 1 or given["auto_pad"] != "NOTSET" or given.get("ceil_mode"):
        raise NoMatch("indices are wanted, or its pads are not explicit yet")
    y = out.node(n.op_type, [reshape(out, x, (batch, channels, 1, length))], **in_plane(n))
    return reshape(out, y, shape_of(n.outputs[0]))
