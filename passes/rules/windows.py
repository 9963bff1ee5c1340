"""Convolutions and pools with everything written out: explicit pads, no ceil_mode, no auto_pad."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


def window(n: Node) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return kernel, strides, dilations and pads (begins, then ends) of a conv or pool node."""
    x, options = n.inputs[0], attrs(n)
    space = len(shape_of(x)) - 2
    conv = n.op_type in ("Conv", "ConvTranspose")
    kernel = list(shape_of(n.inputs[1])[2:]) if conv else list(options["kernel_shape"])
    strides = list(options.get("strides", [1] * space))
    dilations = list(options.get("dilations", [1] * space))
    pads = list(options.get("pads", [0] * 2 * space))
    return kernel, strides, dilations, pads


def same_pads(n: Node, mode: str) -> list[int]:
    """Return the pads that auto_pad SAME_UPPER or SAME_LOWER stands for."""
    kernel, strides, dilations, _ = window(n)
    sizes = shape_of(n.inputs[0])[2:]
    totals = [
        max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    return split_pads(totals, upper=mode == "SAME_UPPER")


def split_pads(totals: Sequence[int], upper: bool) -> list[int]:
    """Split total pads into begins and ends; the odd one goes to the end if `upper`."""
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if upper else large + small


def rebuilt(out: Builder, n: Node, **changes: Any) -> Any:
    """Record the node with changed attributes (None drops one); refuses if nothing changes."""
    given = {k: v for k, v in attrs(n).items() if k in n.attributes}
    wanted = {k: v for k, v in (given | changes).items() if v is not None}
    wanted = {k: tuple(v) if isinstance(v, list) else v for k, v in wanted.items()}
    if wanted == given:
        raise NoMatch("everything is explicit")
    return out.node(n.op_type, list(n.inputs), outputs=len(n.outputs), **wanted)


@exact(op.Conv("x", "w", maybe("b")).named("n"))
def explicit_conv(out: Builder, n: Node) -> Any:
    """conv(auto_pad, ...)  ->  conv(kernel_shape, strides, dilations, pads)."""
    kernel, strides, dilations, pads = window(n)
    mode = attrs(n)["auto_pad"]
    pads = same_pads(n, mode) if mode.startswith("SAME") else pads
    return rebuilt(
        out, n, kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, auto_pad=None
    )


@exact(op.ConvTranspose("x", "w", maybe("b")).named("n"))
def explicit_conv_transpose(out: Builder, n: Node) -> Any:
    """convtranspose(auto_pad or output_shape, ...)  ->  convtranspose(pads, output_padding)."""
    kernel, strides, dilations, pads = window(n)
    options = attrs(n)
    extra = list(options.get("output_padding", [0] * len(kernel)))
    mode = options["auto_pad"]
    if mode.startswith("SAME") or "output_shape" in options:
        pads = transpose_pads(n, extra)
    return rebuilt(
        out,
        n,
        kernel_shape=kernel,
        strides=strides,
        dilations=dilations,
        pads=pads,
        output_padding=extra,
        auto_pad=None,
        output_shape=None,
    )


def transpose_pads(n: Node, extra: list[int]) -> list[int]:
    """Return the pads that give the declared output size: ONNX's formula for ConvTranspose."""
    kernel, strides, dilations, _ = window(n)
    sizes, results = shape_of(n.inputs[0])[2:], shape_of(n.outputs[0])[2:]
    wanted = list(attrs(n).get("output_shape", results))[-len(kernel) :]
    totals = [
        s * (size - 1) + e + (k - 1) * d + 1 - result
        for size, result, k, s, d, e in zip(
            sizes, wanted, kernel, strides, dilations, extra, strict=True
        )
    ]
    if any(t < 0 for t in totals):
        raise NoMatch("the output is larger than the kernel reaches")
    return split_pads(totals, upper=attrs(n)["auto_pad"] == "SAME_UPPER")


@exact(op["MaxPool", "AveragePool", "LpPool"]("x").named("n"))
def explicit_pool(out: Builder, n: Node) -> Any:
    """pool(auto_pad, ceil_mode, ...)  ->  pool(strides, dilations, pads).

    A partial last window of ceil_mode becomes a pad: max ignores pads, average does not count them.
    """
    _, strides, dilations, pads = window(n)
    options = attrs(n)
    mode = options["auto_pad"]
    pads = same_pads(n, mode) if mode.startswith("SAME") else pads
    if options["ceil_mode"] and not mode.startswith("SAME"):
        pads = ceil_pads(n, pads)
    return rebuilt(
        out, n, strides=strides, dilations=dilations, pads=pads, auto_pad=None, ceil_mode=None
    )


def ceil_pads(n: Node, pads: list[int]) -> list[int]:
    """Return pads with the ends raised so that rounding down gives the size of ceil_mode."""
    kernel, strides, dilations, _ = window(n)
    space = len(kernel)
    sizes, results = shape_of(n.inputs[0])[2:], shape_of(n.outputs[0])[2:]
    raised = list(pads)
    for i in range(space):
        reach = (results[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1
        raised[space + i] = max(reach - sizes[i] - pads[i], pads[space + i])
        if raised[space + i] >= kernel[i]:
            raise NoMatch("the pad would be as large as the window")
    counted = n.op_type == "LpPool" or attrs(n).get("count_include_pad")
    if raised != pads and n.op_type != "MaxPool" and counted:
        raise NoMatch("the average would count the new pad")
    if raised != pads and len(n.outputs) > 1:
        raise NoMatch("its indices are used")
    return raised


GLOBAL = {"GlobalAveragePool": "ReduceMean", "GlobalMaxPool": "ReduceMax"}


@rewrite(op["GlobalAveragePool", "GlobalMaxPool"]("x").named("n"), stage="canonicalize")
def global_pool_to_reduce(out: Builder, x: Value, n: Node) -> Value:
    """globalaveragepool(x)  ->  reducemean(x, all spatial axes)."""
    axes = list(range(2, len(shape_of(x))))
    return out.node(GLOBAL[n.op_type], [x, axes])


@rewrite(op["AveragePool", "MaxPool"]("x").named("n"), stage="canonicalize")
def full_pool_to_reduce(out: Builder, x: Value, n: Node) -> Value:
    """averagepool(x) over all of x  ->  reducemean(x, all spatial axes)."""
    kernel, _, _, pads = window(n)
    if list(shape_of(x)[2:]) != kernel or any(pads) or len(n.outputs) > 1:
        raise NoMatch("the window does not cover the image exactly")
    if any(d != 1 for d in shape_of(n.outputs[0])[2:]):
        raise NoMatch("it has several windows")
    name = "ReduceMean" if n.op_type == "AveragePool" else "ReduceMax"
    return out.node(name, [x, list(range(2, len(kernel) + 2))])
