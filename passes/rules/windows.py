"""Convolutions and pools with everything written out: explicit pads, no ceil_mode, no auto_pad."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmc.ir import Node, Value, attrs, own_attrs, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.slices import slice_by
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
    """Return the pads that auto_pad SAME_UPPER or SAME_LOWER stands for.

    A stride beyond the kernel leaves entries that no window reads: a negative begin is how many of
    them come first. The standard does not say how they are split; this is how ONNX Runtime does,
    whose convolutions and pools round differently.
    """
    kernel, strides, dilations, _ = window(n)
    sizes = shape_of(n.inputs[0])[2:]
    begins, ends = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = (-(-size // s) - 1) * s + (k - 1) * d + 1 - size
        split = total + (total < 0 and n.op_type == "Conv") + (mode == "SAME_LOWER")
        begins.append(int(split / 2))
        ends.append(max(total - begins[-1], 0))
    return begins + ends


def split_pads(totals: Sequence[int], upper: bool) -> list[int]:
    """Split total pads into begins and ends; the odd one goes to the end if `upper`."""
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if upper else large + small


def skip_unread(out: Builder, x: Value, pads: Sequence[int]) -> tuple[Value, list[int]]:
    """Return x without the entries that negative begins stand for, and the pads without them."""
    shape, begins = shape_of(x), pads[: len(pads) // 2]
    spans = [(i + 2, -b, shape[i + 2], 1) for i, b in enumerate(begins) if b < 0]
    return slice_by(out, x, spans) if spans else x, [max(p, 0) for p in pads]


def rebuilt(out: Builder, n: Node, x: Value | None = None, **changes: Any) -> Any:
    """Record the node with changed attributes (None drops one); refuses if nothing changes.

    `x` takes the place of its first input.
    """
    given = own_attrs(n)
    wanted = {k: v for k, v in (given | changes).items() if v is not None}
    wanted = {k: tuple(v) if isinstance(v, list) else v for k, v in wanted.items()}
    if wanted == given:
        raise NoMatch("everything is explicit")
    inputs = [x or n.inputs[0], *n.inputs[1:]]
    return out.node(n.op_type, inputs, outputs=len(n.outputs), **wanted)


@exact(op.Conv("x", "w", maybe("b")).named("n"))
def explicit_conv(out: Builder, x: Value, n: Node) -> Any:
    """conv(auto_pad, ...)  ->  conv(kernel_shape, strides, dilations, pads)."""
    kernel, strides, dilations, pads = window(n)
    mode = attrs(n)["auto_pad"]
    if mode.startswith("SAME"):
        x, pads = skip_unread(out, x, same_pads(n, mode))
    explicit = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads}
    return rebuilt(out, n, x, **explicit, auto_pad=None)


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
def explicit_pool(out: Builder, x: Value, n: Node) -> Any:
    """pool(auto_pad, ceil_mode, ...)  ->  pool(strides, dilations, pads).

    A partial last window of ceil_mode becomes a pad: max ignores pads, average does not count them.
    """
    _, strides, dilations, pads = window(n)
    options = attrs(n)
    if options["auto_pad"].startswith("SAME"):
        x, pads = skip_unread(out, x, same_pool_pads(n, options["auto_pad"]))
    elif options["ceil_mode"]:
        pads = ceil_pads(n, pads)
    explicit = {"strides": strides, "dilations": dilations, "pads": pads}
    return rebuilt(out, n, x, **explicit, auto_pad=None, ceil_mode=None)


def same_pool_pads(n: Node, mode: str) -> list[int]:
    """Return the pads that auto_pad stands for, where the standard and ONNX Runtime agree."""
    pads = same_pads(n, mode)
    if any(d > 1 for d in window(n)[2]):
        raise NoMatch("the standard and ONNX Runtime differ on the size of a dilated SAME pool")
    if min(pads) < 0 and len(n.outputs) > 1:
        raise NoMatch("its indices count the entries that no window reads")
    return pads


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
