"""auto_pad, ceil_mode and output_shape of convolutions and pools, written as pads."""

from __future__ import annotations

from typing import Any

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite
from mmc.window import Axis, auto_pads, axes_of, flat


def explicit(node: Node, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Return the node's attributes with pads in place of auto_pad."""
    given = attrs(node)
    auto_pad = given.pop("auto_pad", "NOTSET")
    axes = axes_of(node, shape_of(node.inputs[0])[2:], kernel)
    return given | {"pads": flat([auto_pads(axis, auto_pad) for axis in axes])}


@rewrite(op.Conv("x", "w", maybe("b")).named("n"), stage="decompose", contract=Contract.EXACT)
def conv_auto_pad(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """Conv(x, w, auto_pad)  ->  Conv(x, w, pads)."""
    if attrs(n)["auto_pad"] == "NOTSET":
        raise NoMatch("its pads are explicit")
    made: Value = out.node("Conv", [x, w, b], **explicit(n, shape_of(w)[2:]))
    return made


@rewrite(op["MaxPool", "AveragePool", "LpPool"]("x").named("n"), stage="decompose")
def pool_explicit(out: Builder, x: Value, n: Node) -> tuple[Value, ...]:
    """Pool(x, auto_pad, ceil_mode)  ->  Pool(x, pads); a mean that counts pads counts no more."""
    given = attrs(n)
    kernel = tuple(given["kernel_shape"])
    if given["auto_pad"].startswith("SAME") and max(given.get("dilations", (1,))) > 1:
        raise NoMatch("the standard and ONNX Runtime differ on the size of a dilated SAME pool")
    ceil = given.get("ceil_mode", 0)
    if given["auto_pad"] == "NOTSET" and not ceil:
        raise NoMatch("its pads are explicit")
    new = explicit(n, kernel) | {"ceil_mode": 0}
    if ceil:
        space = len(kernel)
        pads = list(zip(new["pads"][:space], new["pads"][space:], strict=True))
        axes = axes_of(n, shape_of(x)[2:], kernel)
        grown = [raised(axis, *p) for axis, p in zip(axes, pads, strict=True)]
        if given.get("count_include_pad") and grown != pads:
            raise NoMatch("the mean counts the pads, but not those that ceil_mode adds")
        new["pads"] = flat(grown)
    made = out.node(n.op_type, [x], outputs=len(n.outputs), **new)
    return made if isinstance(made, tuple) else (made,)


def raised(axis: Axis, before: int, after: int) -> tuple[int, int]:
    """Return the pads with which rounding down gives ceil_mode's number of windows.

    The last window must start inside the input or the pad before it.
    """
    room = axis.size + before + after - axis.span
    windows = -(-room // axis.stride) + 1
    if (windows - 1) * axis.stride >= axis.size + before:
        windows -= 1
    return before, max(after, (windows - 1) * axis.stride + axis.span - axis.size - before)


@rewrite(op.ConvTranspose("x", "w", maybe("b")).named("n"), stage="decompose")
def conv_transpose_explicit(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """ConvTranspose(x, w, auto_pad | output_shape)  ->  ConvTranspose(x, w, pads).

    total = stride (size - 1) + output_padding + span - result; SAME_UPPER puts the odd one last.
    """
    given = attrs(n)
    auto_pad = given.pop("auto_pad", "NOTSET")
    wanted = given.pop("output_shape", None)
    if auto_pad == "NOTSET" and not wanted:
        raise NoMatch("its pads are explicit")
    axes = axes_of(n, shape_of(x)[2:], shape_of(w)[2:])
    extra = list(given.get("output_padding") or [0] * len(axes))
    pads = []
    for i, axis in enumerate(axes):
        result = wanted[-len(axes) :][i] if wanted else axis.size * axis.stride
        total = axis.stride * (axis.size - 1) + extra[i] + axis.span - result
        if total < 0:
            extra[i] -= total
        total = 0 if auto_pad == "VALID" and not wanted else max(total, 0)
        half = total // 2
        pads.append((half, total - half) if auto_pad == "SAME_UPPER" else (total - half, half))
    new = given | {"pads": flat(pads), "output_padding": extra}
    made: Value = out.node("ConvTranspose", [x, w, b], **new)
    return made
