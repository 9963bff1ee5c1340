"""What convolutions, pools, products, resizing and recurrence mean, in numpy on real values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.program import Array

Inputs = list[Any]
VALID = schema.Padding.VALID


def activate(x: Any, options: Any) -> Any:
    """Apply the activation that the options name: none, relu, relu_n1_to_1, relu6, tanh."""
    kind = getattr(options, "fusedActivationFunction", 0)
    limits = {1: (0, None), 2: (-1, 1), 3: (0, 6)}
    if kind in limits:
        return np.clip(x, *limits[kind])
    return np.tanh(x) if kind == 4 else x


def windows(
    x: Array, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], pad: int,
    fill: float = 0.0,
) -> Array:  # fmt: skip
    """Return (batch, *places, channels, *kernel) of x (batch, *space, channels), padded as SAME."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = [(0, 0)]
    for size, step, span in zip(x.shape[1:-1], stride, reach, strict=True):
        total = max((math.ceil(size / step) - 1) * step + span - size, 0) if pad != VALID else 0
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x.astype(np.float64), [*pads, (0, 0)], constant_values=fill)
    axes = tuple(range(1, x.ndim - 1))
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=axes)
    places = (slice(None), *(slice(None, None, s) for s in stride), slice(None))
    result: Array = view[places + tuple(slice(None, None, d) for d in dilation)]
    return result


def biased(inputs: Inputs) -> tuple[Any, Any, Any]:
    """Return two operands and the bias, 0 where there is none."""
    first, second, *bias = inputs
    return first, second, 0 if not bias or bias[0] is None else bias[0]


def conv(inputs: Inputs, o: Any) -> list[Array]:
    """y[n,p,q,m] = Σ x[n,p+i,q+j,c] · w[m,i,j,c] + b[m], in groups where w has fewer channels."""
    x, w, b = biased(inputs)
    groups = x.shape[-1] // w.shape[-1]
    parts = []
    for part, weights in zip(np.split(x, groups, -1), np.split(w, groups, 0), strict=True):
        view = windows(part, w.shape[1:3], *spacing(o))
        parts.append(np.einsum("npqcij,mijc->npqm", view, weights))
    return [activate(np.concatenate(parts, -1) + b, o)]


def spacing(o: Any) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Return strides, dilations and padding of an image operator."""
    dilation = (getattr(o, "dilationHFactor", 1), getattr(o, "dilationWFactor", 1))
    return (o.strideH, o.strideW), dilation, o.padding


def depthwise(inputs: Inputs, o: Any) -> list[Array]:
    """y[n,p,q,c·M+k] = Σ x[n,p+i,q+j,c] · w[0,i,j,c·M+k] + b."""
    x, w, b = biased(inputs)
    view = windows(x, w.shape[1:3], *spacing(o))
    weights = w[0].reshape(*w.shape[1:3], x.shape[-1], -1)
    y = np.einsum("npqcij,ijck->npqck", view, weights)
    return [activate(y.reshape(*y.shape[:3], -1) + b, o)]


def conv3d(inputs: Inputs, o: Any) -> list[Array]:
    """As conv, over depth, height and width; w is (D, H, W, in, out)."""
    x, w, b = biased(inputs)
    view = windows(x, w.shape[:3], (1, 1, 1), (1, 1, 1), o.padding)
    return [activate(np.einsum("ndpqcijk,ijkcm->ndpqm", view, w) + b, o)]


def transpose_conv(inputs: Inputs, o: Any) -> list[Array]:
    """The adjoint of conv: every input spreads w, scaled; cut to the given shape."""
    shape, (w, x, b) = inputs[0], biased(inputs[1:])
    (_, h, wide, _), (kh, kw) = x.shape, w.shape[1:3]
    full = np.zeros((shape[0], (h - 1) * o.strideH + kh, (wide - 1) * o.strideW + kw, shape[3]))
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + h * o.strideH, o.strideH)
            columns = slice(j, j + wide * o.strideW, o.strideW)
            full[:, rows, columns] += np.einsum("npqc,mc->npqm", x, w[:, i, j])
    top, left = (
        (f - s) // 2 if f > s else 0 for f, s in zip(full.shape[1:3], shape[1:3], strict=True)
    )
    pad = [
        (0, 0),
        *((0, max(s - f, 0)) for f, s in zip(full.shape[1:3], shape[1:3], strict=True)),
        (0, 0),
    ]
    y = np.pad(full, pad)[:, top : top + shape[1], left : left + shape[2]]
    return [activate(y + b, o)]


def pool(
    combine: Callable[[Array, Array], Any], fill: float
) -> Callable[[Inputs, Any], list[Array]]:
    """Return the reference of a pool; `combine` gets the window and which of it lies inside."""

    def reference(inputs: Inputs, o: Any) -> list[Array]:
        kernel = (o.filterHeight, o.filterWidth)
        x = inputs[0]
        view = windows(x, kernel, *spacing(o), fill=fill)
        inside = windows(np.ones_like(x, np.float64), kernel, *spacing(o))
        return [activate(combine(view, inside), o)]

    return reference


def mean(view: Array, inside: Array) -> Any:
    """Return the average of what lies inside the image."""
    return view.sum((-1, -2)) / inside.sum((-1, -2))


def linear(inputs: Inputs, o: Any) -> list[Array]:
    """x · wᵀ + b."""
    x, w, b = biased(inputs)
    return [activate(x @ w.T + b, o)]


def matmul(inputs: Inputs, o: Any) -> list[Array]:
    """x · y, either one transposed if the options say so."""
    x, y = inputs
    return [(x.swapaxes(-1, -2) if o.adjX else x) @ (y.swapaxes(-1, -2) if o.adjY else y)]


def resize(nearest: bool) -> Callable[[Inputs, Any], list[Array]]:
    """Return the reference of a resize in its three coordinate forms."""

    def reference(inputs: Inputs, o: Any) -> list[Array]:
        y = inputs[0].astype(np.float64)
        for axis, size in zip((1, 2), inputs[1], strict=True):
            y = np.moveaxis(
                np.tensordot(kernel(y.shape[axis], int(size), o), y, (1, axis)), 0, axis
            )
        return [y]

    def kernel(before: int, after: int, o: Any) -> Array:
        aligned = o.alignCorners and after > 1
        scale = (before - 1) / (after - 1) if aligned else before / after
        half = 0.5 if o.halfPixelCenters else 0.0
        at = (np.arange(after) + half) * scale - (0 if nearest else half)
        matrix = np.zeros((after, before))
        if nearest:
            # Halves go up when corners are aligned (C's round), towards the start otherwise.
            at = np.clip(np.floor(at + 0.5) if aligned else np.floor(at), 0, before - 1)
            matrix[np.arange(after), at.astype(int)] = 1
            return matrix
        low = np.floor(at)
        for place, weight in ((low, 1 - (at - low)), (low + 1, at - low)):
            np.add.at(matrix, (np.arange(after), np.clip(place, 0, before - 1).astype(int)), weight)
        return matrix

    return reference


def depth_to_space(inputs: Inputs, o: Any) -> list[Array]:
    """(n, h, w, b·b·c) -> (n, h·b, w·b, c)."""
    (n, h, w, c), b = inputs[0].shape, o.blockSize
    y = inputs[0].reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5)
    return [y.reshape(n, h * b, w * b, -1)]


def space_to_depth(inputs: Inputs, o: Any) -> list[Array]:
    """(n, h·b, w·b, c) -> (n, h, w, b·b·c)."""
    (n, h, w, c), b = inputs[0].shape, o.blockSize
    y = inputs[0].reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return [y.reshape(n, h // b, w // b, -1)]


def space_to_batch(inputs: Inputs, o: Any) -> list[Array]:
    """(n, h·a, w·b, c) -> (a·b·n, h, w, c)."""
    x, (a, b), pads = inputs
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    n, h, w, c = x.shape
    y = x.reshape(n, h // a, a, w // b, b, c).transpose(2, 4, 0, 1, 3, 5)
    return [y.reshape(-1, h // a, w // b, c)]


def batch_to_space(inputs: Inputs, o: Any) -> list[Array]:
    """(a·b·n, h, w, c) -> (n, h·a, w·b, c), without crops."""
    x, (a, b), _ = inputs
    n, h, w, c = x.shape
    y = x.reshape(a, b, n // (a * b), h, w, c).transpose(2, 3, 0, 4, 1, 5)
    return [y.reshape(n // (a * b), h * a, w * b, c)]


def lstm(inputs: Inputs, o: Any) -> list[Array]:
    """h, c over time: c = f·c + i·tanh(g), h = o·tanh(c); gates in the order i, f, g, o."""
    x, w, r, b = inputs[0], inputs[1:5], inputs[5:9], inputs[12:16]
    h = c = np.zeros((x.shape[0], w[0].shape[0]))
    steps = []
    for t in range(x.shape[1]):
        gates = [x[:, t] @ w[k].T + h @ r[k].T + b[k] for k in range(4)]
        i, f, out = (1 / (1 + np.exp(-gates[k])) for k in (0, 1, 3))
        c = f * c + i * np.tanh(gates[2])
        h = out * np.tanh(c)
        steps.append(h)
    return [np.stack(steps, 1)]


def suppression(inputs: Inputs, o: Any) -> list[Array]:
    """Greedy choice by score of boxes (y1, x1, y2, x2) whose overlap stays below a threshold."""
    boxes, scores, limit, overlap, least = inputs[:5]
    chosen: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        free = all(union_share(boxes[k], boxes[j]) <= overlap for j in chosen)
        if scores[k] > least and free and len(chosen) < limit:
            chosen.append(int(k))
    fill = [0] * (int(limit) - len(chosen))
    kept = np.array(chosen, int)
    extra = [np.concatenate([scores[kept], fill])] if len(inputs) > 5 else []
    return [np.array(chosen + fill), *extra, np.array(len(chosen))]


def union_share(a: Array, b: Array) -> float:
    """Return intersection over union of two boxes with corners in any order."""
    (la, ha), (lb, hb) = ((np.minimum(c[:2], c[2:]), np.maximum(c[:2], c[2:])) for c in (a, b))
    common = np.prod(np.maximum(np.minimum(ha, hb) - np.maximum(la, lb), 0))
    return float(common / max(np.prod(ha - la) + np.prod(hb - lb) - common, 1e-12))


NEURAL: dict[str, Callable[[Inputs, Any], list[Array]]] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "CONV_3D": conv3d,
    "TRANSPOSE_CONV": transpose_conv,
    "FULLY_CONNECTED": linear,
    "BATCH_MATMUL": matmul,
    "MAX_POOL_2D": pool(lambda view, inside: view.max((-1, -2)), -np.inf),
    "AVERAGE_POOL_2D": pool(mean, 0.0),
    "L2_POOL_2D": pool(lambda view, inside: np.sqrt(mean(view**2, inside)), 0.0),
    "RESIZE_BILINEAR": resize(nearest=False),
    "RESIZE_NEAREST_NEIGHBOR": resize(nearest=True),
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "NON_MAX_SUPPRESSION_V4": suppression,
    "NON_MAX_SUPPRESSION_V5": suppression,
}
