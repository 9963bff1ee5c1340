"""Blocks laid over an image: a transposed convolution with constant kernels."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, const, op, rewrite

from .parts import need_float, reshape


@rewrite(op.Col2Im("x", const("image"), const("block")).named("n"), stage="decompose")
def col2im(out: Builder, x: Value, image: Array, block: Array, n: Node) -> Value:
    """col2im(x (N, C B, L))  ->  conv_transpose(x (N, C B, …), one-hot (C B, 1, …block), group=C).

    Kernel b of a channel is one at place b of the block: it puts its column there, and what
    overlaps adds up.
    """
    need_float(x)
    given, rank = attrs(n), len(image)
    strides = np.array(given.get("strides") or [1] * rank)
    dilations = np.array(given.get("dilations") or [1] * rank)
    pads = np.array(given.get("pads") or [0] * (2 * rank))
    places = int(np.prod(block))
    channels = shape_of(x)[1] // places
    padded = image + pads[:rank] + pads[rank:]
    span = dilations * (block - 1) + 1
    counts = (padded - span) // strides + 1
    rest = padded - span - (counts - 1) * strides
    kernel = np.tile(np.eye(places, dtype=dtype_of(x)), (channels, 1))
    blocks = reshape(out, x, (shape_of(x)[0], channels * places, *counts))
    return out.ConvTranspose(
        blocks,
        kernel.reshape(channels * places, 1, *block),
        group=channels,
        strides=[int(v) for v in strides],
        dilations=[int(v) for v in dilations],
        pads=[int(v) for v in pads],
        output_padding=[int(v) for v in rest] if rest.any() else None,
    )
