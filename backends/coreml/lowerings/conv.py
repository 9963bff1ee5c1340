"""Convolutions over one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.lowering import Unsupported
from mmc.ir import Array, Node, attrs, constant, operand, shape_of


def interleaved(pads: Sequence[int]) -> list[int]:
    """Return ONNX's pads (all begins, then all ends) as MIL's: begin and end of each axis."""
    half = len(pads) // 2
    return [p for pair in zip(pads[:half], pads[half:], strict=True) for p in pair]


@lowers("Conv")
def conv(e: Emitter, n: Node) -> None:
    """y = x * w + b, x (N, C, ...), w (O, C / group, ...) -> conv."""
    given, space = attrs(n), len(shape_of(n.inputs[0])) - 2
    if given["auto_pad"] != "NOTSET" or space > 3:
        raise Unsupported("its pads are implicit, or it has more than three spatial axes")
    pads = interleaved(given.get("pads") or (0,) * 2 * space)
    bias = e.optional(n, 2)
    computed = bias is not None and not bias.is_constant
    y = e.op(
        "conv",
        shape_of(n.outputs[0]),
        e.float,
        x=e.var(n.inputs[0]),
        weight=e.var(n.inputs[1]),
        bias=None if computed else bias,
        strides=given.get("strides") or (1,) * space,
        pad_type="custom" if any(pads) else "valid",
        pad=pads,
        dilations=given.get("dilations") or (1,) * space,
        groups=given["group"],
    )
    if computed and bias is not None:
        y = e.like("add", y, y=e.reshape(bias, (1, *bias.shape, *(1,) * space)))
    e.set(n.outputs[0], y)


@lowers("ConvTranspose")
def conv_transpose(e: Emitter, n: Node) -> None:
    """y = the gradient of conv with w (C, O / group, ...) constant -> conv_transpose.

    output_padding takes away from the pads at the end; what is left of it adds zeros there.
    """
    given, space = attrs(n), len(shape_of(n.inputs[0])) - 2
    if given["auto_pad"] != "NOTSET" or given.get("output_shape") or space > 3:
        raise Unsupported("its pads are implicit, or it has more than three spatial axes")
    weight = e.var(n.inputs[1])
    if not (weight.is_constant or weight.fixed):
        raise Unsupported("its weights are computed")
    pads = list(given.get("pads") or (0,) * 2 * space)
    extra = [0] * space
    for axis, more in enumerate(given.get("output_padding") or ()):
        taken = min(more, pads[space + axis])
        pads[space + axis] -= taken
        extra[axis] = more - taken
    bias = bias_of(n)
    shape = shape_of(n.outputs[0])
    plain = [*shape[:2], *(d - m for d, m in zip(shape[2:], extra, strict=True))]
    y = e.op(
        "conv_transpose",
        plain,
        e.float,
        x=e.var(n.inputs[0]),
        weight=weight,
        bias=None if any(extra) else bias,
        pad=interleaved(pads),
        pad_type="custom" if any(pads) else "valid",
        strides=given.get("strides") or (1,) * space,
        dilations=given.get("dilations") or (1,) * space,
        groups=given["group"],
    )
    if any(extra):
        ends = [0, 0, 0, 0, *(p for m in extra for p in (0, m))]
        zero = np.float32(0)
        y = e.op("pad", shape, e.float, x=y, pad=ends, mode="constant", constant_val=zero)
        if bias is not None:
            y = e.like("add", y, y=bias.reshape(1, -1, *(1,) * space))
    e.set(n.outputs[0], y)


def bias_of(n: Node) -> Array | None:
    """Return the constant bias; None if there is none."""
    bias = operand(n, 2)
    if bias is not None and constant(bias) is None:
        raise Unsupported("its bias is computed")
    return constant(bias)
