"""Resizing images; the forms that MIL lacks have become gathers and products before."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.gather import gathered
from mmc.backends.lowering import Unsupported
from mmc.ir import Array, Node, attrs, shape_of
from mmc.resampling import Resampling

SAMPLING = {
    "align_corners": "STRICT_ALIGN_CORNERS",
    "asymmetric": "DEFAULT",
    "half_pixel": "UNALIGN_CORNERS",
    "pytorch_half_pixel": "UNALIGN_CORNERS",
}


@lowers("Resize")
def resize(e: Emitter, n: Node) -> None:
    """y = x (N, C, H, W) in another size -> resize_bilinear, or upsample_nearest_neighbor."""
    given, x, shape = attrs(n), e.var(n.inputs[0]), shape_of(n.outputs[0])
    mode = given["coordinate_transformation_mode"]
    if len(shape) != 4 or shape[:2] != x.shape[:2]:
        raise Unsupported("it is not of an image")
    if n.inputs[2] is not None:
        raise Unsupported("a factor that makes no whole size: runtimes disagree on its places")
    if given["mode"] == "nearest":
        nearest(e, n)
    elif given["mode"] == "linear" and mode in SAMPLING:
        height, width = shape[2:]
        sampling = "DEFAULT" if shape[2:] == (1, 1) else SAMPLING[mode]
        y = e.op(
            "resize_bilinear",
            shape,
            e.float,
            x=x,
            target_size_height=height,
            target_size_width=width,
            sampling_mode=sampling,
        )
        e.set(n.outputs[0], y)
    else:
        raise Unsupported(f"mode {given['mode']}, {mode}")


def nearest(e: Emitter, n: Node) -> None:
    """Emit upsample_nearest_neighbor where every pixel is repeated, else one gather an axis."""
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    places = {axis: sources(n, axis) for axis in (2, 3)}
    factors = {axis: shape[axis] // x.shape[axis] for axis in (2, 3)}
    repeated = all(
        shape[a] % x.shape[a] == 0 and np.array_equal(p, np.arange(shape[a]) // factors[a])
        for a, p in places.items()
    )
    if repeated:
        height, width = factors.values()
        scales = {"scale_factor_height": height, "scale_factor_width": width}
        y = e.op("upsample_nearest_neighbor", shape, x.dtype, x=x, **scales)
    else:
        y = x
        for axis, p in places.items():
            y = gathered(e, y, e.lift(p.astype(np.int32)), axis)
    e.set(n.outputs[0], y)


def sources(n: Node, axis: int) -> Array:
    """Return which pixel each one of the result repeats."""
    given, before, after = attrs(n), shape_of(n.inputs[0])[axis], shape_of(n.outputs[0])[axis]
    mode, rounding = given["coordinate_transformation_mode"], given["nearest_mode"]
    return Resampling(before, after, after / before, "nearest", mode, rounding).indices()
