"""Operators on images as TFLite has them: channels last (stage `nhwc`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

TO_LAST = {4: [0, 2, 3, 1], 5: [0, 2, 3, 4, 1]}
TO_FIRST = {4: [0, 3, 1, 2], 5: [0, 4, 1, 2, 3]}
SMALL = 1 << 14
"""Bytes up to which a weight takes about as much memory as a node."""


def window(node: Node, space: int) -> dict[str, Any]:
    """Return strides, pads and dilations of a convolution or pool, with ONNX's defaults."""
    given = attrs(node)
    if given.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise NoMatch(f"auto_pad={given['auto_pad']} has not been made explicit")
    if given.get("ceil_mode"):
        raise NoMatch("ceil_mode has not been made explicit")
    return {
        "strides": list(given.get("strides") or [1] * space),
        "pads": list(given.get("pads") or [0] * (2 * space)),
        "dilations": list(given.get("dilations") or [1] * space),
    }


def moved(out: Builder, w: Value, perm: list[int]) -> Value | Array:
    """Return a weight with its axes in another order; of a small one that is known at once.

    A node for each would be most of what a large model holds in memory before they are folded.
    """
    array = constant(w)
    if array is None or array.nbytes > SMALL:
        return out.Transpose(w, perm=perm)
    return np.ascontiguousarray(array.transpose(perm))


def image_rank(x: Value, *ranks: int) -> int:
    """Return the rank of an image, refusing those the operator does not take."""
    rank = len(shape_of(x))
    if rank not in ranks:
        raise NoMatch(f"{x.name!r} has rank {rank}")
    return rank


@rewrite(op.Conv("x", "w", maybe("b")).named("n"), stage="nhwc")
def conv_to_channels_last(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """Conv(x, w, b)  ->  first(Conv2d(last(x), w (O, H, W, I), b)); depthwise and 3-D likewise."""
    rank = image_rank(x, 4, 5)
    options = window(n, rank - 2) | {"group": attrs(n).get("group", 1)}
    channels, per_group = shape_of(x)[1], shape_of(w)[1]
    depthwise = rank == 4 and per_group == 1 and options["group"] == channels and channels > 1
    if depthwise:
        kind, perm = "DepthwiseConv2d", [1, 2, 3, 0]
    elif rank == 4:
        kind, perm = "Conv2d", [0, 2, 3, 1]
    else:
        kind, perm = "Conv3d", [2, 3, 4, 1, 0]
    last = out.Transpose(x, perm=TO_LAST[rank])
    y = out.mmc.node(kind, [last, moved(out, w, perm), b], **options)
    return out.Transpose(y, perm=TO_FIRST[rank])


@rewrite(op.ConvTranspose("x", "w", maybe("b")).named("n"), stage="nhwc")
def conv_transpose_to_channels_last(
    out: Builder, x: Value, w: Value, b: Value | None, n: Node
) -> Value:
    """ConvTranspose(x, w, b)  ->  first(ConvTranspose2d(last(x), w (O, H, W, I), b))."""
    rank = image_rank(x, 4)
    given = attrs(n)
    if given.get("group", 1) != 1:
        raise NoMatch("groups have not been split")
    if given.get("output_shape"):
        raise NoMatch("output_shape has not been made explicit")
    options = window(n, 2) | {"group": 1}
    options["output_padding"] = list(given.get("output_padding") or [0, 0])
    weight = moved(out, w, [1, 2, 3, 0])
    y = out.mmc.ConvTranspose2d(out.Transpose(x, perm=TO_LAST[rank]), weight, b, **options)
    return out.Transpose(y, perm=TO_FIRST[rank])


@rewrite(op["MaxPool", "AveragePool"]("x").named("n"), stage="nhwc")
def pool_to_channels_last(out: Builder, x: Value, n: Node) -> Value:
    """MaxPool(x), AveragePool(x)  ->  first(Pool2d(last(x)))."""
    rank = image_rank(x, 4)
    given = attrs(n)
    options = window(n, 2) | {"kernel_shape": list(given["kernel_shape"])}
    if len(n.outputs) > 1:
        raise NoMatch("indices of the maxima are wanted")
    if n.op_type == "AveragePool":
        if options.pop("dilations") != [1, 1]:
            raise NoMatch("dilated average")
        options["count_include_pad"] = given.get("count_include_pad", 0)
    y = out.mmc.node(n.op_type + "2d", [out.Transpose(x, perm=TO_LAST[rank])], **options)
    return out.Transpose(y, perm=TO_FIRST[rank])


@rewrite(op["DepthToSpace", "SpaceToDepth"]("x").named("n"), stage="nhwc")
def depth_space_to_channels_last(out: Builder, x: Value, n: Node) -> Value:
    """DepthToSpace(x), SpaceToDepth(x)  ->  first(same(last(x)))."""
    given = attrs(n)
    if given.get("mode", "DCR") != "DCR":
        raise NoMatch("the CRD order is another permutation")
    last = out.Transpose(x, perm=TO_LAST[image_rank(x, 4)])
    y = out.mmc.node(n.op_type, [last], blocksize=given["blocksize"])
    return out.Transpose(y, perm=TO_FIRST[4])


@rewrite(op.Resize("x", maybe("roi"), maybe("scales"), maybe("sizes")).named("n"), stage="nhwc")
def resize_to_channels_last(out: Builder, x: Value, scales: Value | None, n: Node) -> Value:
    """Resize(x) of height and width  ->  first(Resize2d(last(x), (height, width)))."""
    rank = image_rank(x, 4)
    given = attrs(n)
    before, after = shape_of(x), shape_of(n.outputs[0])
    if before[:2] != after[:2]:
        raise NoMatch("batch or channels are resized")
    if given.get("antialias") or given["mode"] not in ("nearest", "linear"):
        raise NoMatch("only plain nearest and linear have a native form")
    if given["coordinate_transformation_mode"].startswith("tf_crop"):
        raise NoMatch("a region is resized, not the image")
    factors = constant(scales)
    if factors is not None and factors.size:
        whole = zip(before[-2:], factors.reshape(-1)[-2:], after[-2:], strict=True)
        if any(abs(a * float(f) - b) > 1e-6 * b for a, f, b in whole):
            raise NoMatch("the scale is not the ratio of the sizes")
    y = out.mmc.Resize2d(
        out.Transpose(x, perm=TO_LAST[rank]),
        list(after[2:]),
        mode=given["mode"],
        coordinate_transformation_mode=given["coordinate_transformation_mode"],
        nearest_mode=given["nearest_mode"],
    )
    return out.Transpose(y, perm=TO_FIRST[rank])
