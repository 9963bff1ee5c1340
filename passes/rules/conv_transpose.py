"""Transposed convolutions in the form that kernels have: one group, no gaps in the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

DENSE_LIMIT = 1 << 20
"""Elements up to which the weights of all groups become one matrix full of zeros."""


@rewrite(op.ConvTranspose("x", const("w"), maybe("b")).named("n"), stage="decompose")
def conv_transpose_dilated(out: Builder, x: Value, w: Array, b: Value | None, n: Node) -> Value:
    """ConvTranspose(x, w, dilations)  ->  ConvTranspose(x, w with zeros in between)."""
    given = attrs(n)
    gaps = given.pop("dilations", None) or (1,)
    if all(d == 1 for d in gaps):
        raise NoMatch("its kernel has no gaps")
    spread = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], gaps, strict=True)]
    wide = np.zeros((*w.shape[:2], *spread), w.dtype)
    places: tuple[Any, ...] = (..., *(slice(None, None, d) for d in gaps))
    wide[places] = w
    made: Value = out.node("ConvTranspose", [x, wide, b], **given | {"kernel_shape": spread})
    return made


@rewrite(op.ConvTranspose("x", const("w"), maybe("b")).named("n"), stage="decompose")
def conv_transpose_groups(out: Builder, x: Value, w: Array, b: Value | None, n: Node) -> Value:
    """ConvTranspose(x, w (C, O / G, ...), G groups)  ->  block-diagonal weights, or G of them."""
    given = attrs(n)
    groups = given.pop("group")
    if groups == 1:
        raise NoMatch("it has one group")
    if w.size * groups <= DENSE_LIMIT:
        made: Value = out.node("ConvTranspose", [x, block_diagonal(w, groups), b], **given)
        return made
    parts = out.node("Split", [x], outputs=groups, axis=1, num_outputs=groups)
    done = [
        out.node("ConvTranspose", [part, weights], **given)
        for part, weights in zip(parts, np.split(w, groups), strict=True)
    ]
    y: Value = out.node("Concat", done, axis=1)
    if b is None:
        return y
    shape = np.array([-1] + [1] * (len(shape_of(x)) - 2), np.int64)
    biased: Value = out.Add(y, out.Reshape(b, shape))
    return biased


@rewrite(op.ConvTranspose("x", const("w"), maybe("b"), group=1).named("n"), stage="decompose")
def conv_transpose_3d(out: Builder, x: Value, w: Array, b: Value | None, n: Node) -> Value:
    """ConvTranspose(x (N, C, D, H, W), w (C, O, ...))  ->  Conv(x with zeros between, w mirrored).

    Between two neighbours are stride - 1 zeros; a kernel of k reaches k - 1 beyond both ends.
    """
    given = attrs(n)
    if w.ndim != 5:
        raise NoMatch("it has fewer axes, which have kernels of their own")
    if given["auto_pad"] != "NOTSET" or given.get("output_shape"):
        raise NoMatch("its pads are implicit")
    if any(d != 1 for d in given.get("dilations") or ()):
        raise NoMatch("its kernel has gaps")
    strides, pads = given.get("strides") or [1] * 3, given.get("pads") or [0] * 6
    more = given.get("output_padding") or [0] * 3
    shape = list(shape_of(x))
    for axis, stride in enumerate(strides, start=2):
        x = zeros_between(out, x, shape, axis, stride)
    begins = [k - 1 - p for k, p in zip(w.shape[2:], pads[:3], strict=True)]
    ends = [
        k - 1 - p + m - (s - 1)
        for k, p, m, s in zip(w.shape[2:], pads[3:], more, strides, strict=True)
    ]
    wide = out.Pad(x, np.array([0, 0, *begins, 0, 0, *ends], np.int64))
    mirrored = np.ascontiguousarray(w.transpose(1, 0, 2, 3, 4)[:, :, ::-1, ::-1, ::-1])
    made: Value = out.node("Conv", [wide, mirrored, b])
    return made


def zeros_between(out: Builder, x: Value, shape: list[int], axis: int, stride: int) -> Value:
    """Return x with stride - 1 zeros after every element along an axis; `shape` follows it."""
    if stride == 1:
        return x
    before, after = int(np.prod(shape[: axis + 1])), int(np.prod(shape[axis + 1 :]))
    shape[axis] *= stride
    wide = out.Pad(out.Reshape(x, [before, 1, after]), np.array([0, 0, 0, 0, stride - 1, 0]))
    spread: Value = out.Reshape(wide, shape)
    return spread


def block_diagonal(w: Array, groups: int) -> Array:
    """Return weights (C, O / groups, ...) as (C, O, ...), zero between different groups."""
    inner, outer = w.shape[0] // groups, w.shape[1]
    wide = np.zeros((w.shape[0], outer * groups, *w.shape[2:]), w.dtype)
    for g in range(groups):
        rows = slice(g * inner, (g + 1) * inner)
        wide[rows, g * outer : (g + 1) * outer] = w[rows]
    return wide


@rewrite(op.Conv("x", const("w"), maybe("b")).named("n"), stage="decompose")
def conv_3d_groups(out: Builder, x: Value, w: Array, b: Value | None, n: Node) -> Value:
    """Conv(x (N, C, D, H, W), w, G groups)  ->  Concat of G convolutions."""
    given = attrs(n)
    groups = given.pop("group")
    if groups == 1 or w.ndim != 5 or given["auto_pad"] != "NOTSET":
        raise NoMatch("it has one group, fewer axes, or implicit pads")
    parts = out.node("Split", [x], outputs=groups, axis=1, num_outputs=groups)
    done = [
        out.node("Conv", [part, weights], **given)
        for part, weights in zip(parts, np.split(w, groups), strict=True)
    ]
    y: Value = out.node("Concat", done, axis=1)
    if b is None:
        return y
    biased: Value = out.Add(y, out.Reshape(b, np.array([-1, 1, 1, 1], np.int64)))
    return biased
