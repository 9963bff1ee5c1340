"""Resize in the forms that kernels have, or as gathers and constant interpolation matrices."""

from __future__ import annotations

from functools import reduce as fold

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite
from mmc.resampling import Resampling, native_flags

from .parts import need_float


def resamplings(
    n: Node, roi: Value | None, scales: Value | None, sizes: Value | None
) -> dict[int, Resampling]:
    """Return the resampling of every axis that changes."""
    given = attrs(n)
    before, after = shape_of(n.inputs[0]), shape_of(n.outputs[0])
    axes = [a % len(before) for a in given.get("axes") or range(len(before))]
    factors = _factors(n, axes, constant(scales), constant(sizes))
    crop = (
        _crop(constant(roi), len(axes))
        if given["coordinate_transformation_mode"].startswith("tf_crop")
        else [(0.0, 1.0)] * len(axes)
    )
    found = {}
    for axis, factor, window in zip(axes, factors, crop, strict=True):
        r = Resampling(
            before[axis],
            after[axis],
            factor,
            given["mode"],
            given["coordinate_transformation_mode"],
            given["nearest_mode"],
            given["cubic_coeff_a"],
            bool(given["antialias"]),
            bool(given["exclude_outside"]),
            window,
        )
        inexact = abs(r.size * factor - r.result) > 1e-3
        if r.coordinates == "align_corners" and r.result > 1 and inexact:
            raise NoMatch("aligned corners of a size that is no integer: runtimes disagree")
        unchanged = r.size == r.result and (factor == 1 or given["mode"] == "nearest")
        if not (unchanged and window == (0.0, 1.0) and _is_identity(r)):
            found[axis] = r
    return found


def _is_identity(r: Resampling) -> bool:
    return np.array_equal(r.matrix(), np.eye(r.size, dtype=np.float32))


def _factors(n: Node, axes: list[int], scales: Array | None, sizes: Array | None) -> list[float]:
    before, after = shape_of(n.inputs[0]), shape_of(n.outputs[0])
    if scales is not None and scales.size:
        return [float(s) for s in scales.reshape(-1)]
    if sizes is None:
        raise NoMatch("its sizes are computed")
    ratios = [int(s) / before[a] for s, a in zip(sizes.reshape(-1), axes, strict=True)]
    policy = attrs(n)["keep_aspect_ratio_policy"]
    if policy != "stretch":
        one = min(ratios) if policy == "not_larger" else max(ratios)
        return [one] * len(axes)
    return [after[a] / before[a] for a in axes]


def _crop(roi: Array | None, rank: int) -> list[tuple[float, float]]:
    if roi is None or roi.size != 2 * rank:
        raise NoMatch("its region is computed")
    return [(float(a), float(b)) for a, b in zip(roi[:rank], roi[rank:], strict=True)]


RESIZE = op.Resize("x", maybe("roi"), maybe("scales"), maybe("sizes")).named("n")


@rewrite(RESIZE, stage="decompose")
def resize(
    out: Builder,
    x: Value,
    roi: Value | None,
    scales: Value | None,
    sizes: Value | None,
    n: Node,
) -> Value:
    """Resize(x)  ->  Gather (nearest) or a product with a constant matrix, axis by axis."""
    axes = resamplings(n, roi, scales, sizes)
    if any(r.is_ambiguous() for r in axes.values()):
        raise NoMatch("a rounding error decides which neighbour is nearest")
    rank = len(shape_of(x))
    plane = rank == 4 and set(axes) <= {2, 3} and bool(axes)
    plane = plane and all(r.roi == (0.0, 1.0) for r in axes.values())
    if plane and native_flags(list(axes.values())) is not None and dtype_of(x).kind == "f":
        return native(out, x, n)
    y = x
    for axis, r in axes.items():
        if r.mode == "nearest":
            y = out.Gather(y, r.indices(), axis=axis)
        else:
            need_float(x)
            y = along(out, y, r.matrix().astype(dtype_of(x)), axis, rank)
    outside = [r.outside() for r in axes.values()]
    if any(o.any() for o in outside):
        y = extrapolated(out, y, axes, attrs(n)["extrapolation_value"], shape_of(n.outputs[0]))
    if y is x:
        y = out.Identity(x)
    return y


def native(out: Builder, x: Value, n: Node) -> Value:
    """Return the Resize with plain sizes; refuse where it is that already."""
    given = attrs(n)
    sizes = shape_of(n.outputs[0])
    if len(n.inputs) == 4 and n.inputs[2] is None and not given.get("axes"):
        raise NoMatch("it has a native form")
    kept = {k: given[k] for k in ("mode", "coordinate_transformation_mode", "nearest_mode")}
    if kept["coordinate_transformation_mode"] == "tf_crop_and_resize":  # of the whole image
        kept["coordinate_transformation_mode"] = "align_corners"
    made: Value = out.node("Resize", [x, None, None, np.array(sizes, np.int64)], **kept)
    return made


def along(out: Builder, x: Value, matrix: Array, axis: int, rank: int) -> Value:
    """Return the product of `matrix` (result, size) with x along an axis."""
    made: Value
    if axis == rank - 1:
        made = out.MatMul(x, np.ascontiguousarray(matrix.T))
    elif axis == rank - 2:
        made = out.MatMul(matrix, x)
    else:
        perm = list(range(rank))
        perm[axis], perm[-1] = perm[-1], perm[axis]
        turned = out.MatMul(out.Transpose(x, perm=perm), np.ascontiguousarray(matrix.T))
        made = out.Transpose(turned, perm=perm)
    return made


def extrapolated(
    out: Builder, y: Value, axes: dict[int, Resampling], value: float, shape: tuple[int, ...]
) -> Value:
    """Return y with `value` where the place lies outside the input."""
    inside = [np.ones(size, bool) for size in shape]
    for axis, r in axes.items():
        inside[axis] = ~r.outside()
    mask = fold(np.multiply.outer, [m if not m.all() else m[:1] for m in inside])
    made: Value = out.Where(mask, y, np.float32(value))
    return made
