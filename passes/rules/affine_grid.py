"""Sampling grids of affine maps."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of
from mmc.pattern import Builder, const, op, rewrite


@rewrite(op.AffineGrid("theta", const("size")).named("n"), stage="decompose")
def affine_grid(out: Builder, theta: Value, size: Array, n: Node) -> Value:
    """affine_grid(theta (N, d, d + 1), size)  ->  points (P, d + 1) thetaᵀ, reshaped to (N, …, d).

    The points are constant: (x, y[, z], 1) of every pixel in [-1, 1], x being the last axis.
    """
    spatial = [int(v) for v in size[2:]]
    axes = [positions(count, attrs(n)["align_corners"]) for count in spatial]
    mesh = np.meshgrid(*axes, indexing="ij")
    points = np.stack([*reversed(mesh), np.ones(spatial)], axis=-1)
    flat = points.reshape(1, -1, len(spatial) + 1).astype(dtype_of(theta))
    grid = out.MatMul(flat, out.Transpose(theta, perm=[0, 2, 1]))
    return out.Reshape(grid, [int(size[0]), *spatial, len(spatial)])


def positions(count: int, align_corners: int) -> Array:
    """Return the coordinates of `count` pixels: their centres, or from corner to corner."""
    if align_corners:
        return np.linspace(-1, 1, count)
    return (2 * np.arange(count) + 1) / count - 1
