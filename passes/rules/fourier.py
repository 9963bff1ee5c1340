"""Discrete Fourier transforms of a fixed length: they are linear, so products with a constant."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

from .parts import reshape

SIZE_LIMIT = 1 << 22
"""The most entries of a matrix: 16 MB in float32, what a transform of 1024 points needs twice."""


@rewrite(op.DFT("x", maybe("length"), maybe("axis")).named("n"), stage="decompose")
def dft(out: Builder, x: Value, length: Value | None, axis: Value | None, n: Node) -> Value:
    """dft(x (…, N, c))  ->  x (…, N c) F, reshaped to (…, K, 2); F (N c, 2 K) holds the waves.

    c is 1 for real signals, 2 for complex ones. A signal longer than the transform is cut, a
    shorter one is filled up with zeros: rows of F are zero, or are missing. The inverse turns the
    waves around and divides by their number.
    """
    shape, given = shape_of(x), attrs(n)
    place = -2 if axis is None else int(scalar(axis, "axis"))
    place %= len(shape)
    if place == len(shape) - 1:
        raise NoMatch("its axis is that of the real and imaginary parts")
    if given["inverse"] and n.outputs[0].is_graph_output():
        # Runtimes leave noise of 1e-7 where a sum cancels; here it is 1e-15. Inside a model that
        # is below every other rounding; an output would differ from theirs in each such element.
        raise NoMatch("it is an inverse transform whose result is the model's output")
    points = shape[place] if length is None else int(scalar(length, "dft_length"))
    bins = points // 2 + 1 if given["onesided"] else points
    size = shape[place] * shape[-1] * bins * 2
    if size > SIZE_LIMIT:
        raise NoMatch(f"its matrix would have {size} entries, more than {SIZE_LIMIT}")
    matrix = waves(shape[place], points, bins, shape[-1], backwards=bool(given["inverse"]))
    return along(out, x, place, matrix)


@rewrite(
    op.DFT("x", maybe("length"), maybe("axis"), inverse=1, onesided=1).named("n"),
    stage="decompose",
)
def inverse_of_half(
    out: Builder, x: Value, length: Value | None, axis: Value | None, n: Node
) -> Value:
    """irdft(x (…, K, 2))  ->  x (…, 2 K) F, reshaped to (…, N, 1); N is 2 (K - 1) if not given.

    What is not given is the mirror image: bins between 0 and N / 2 count twice.
    """
    shape = shape_of(x)
    place = int(scalar(axis, "axis")) % len(shape) if axis is not None else len(shape) - 2
    if shape[-1] != 2 or place == len(shape) - 1:
        raise NoMatch("it is not along the bins of a complex spectrum")
    points = 2 * (shape[place] - 1) if length is None else int(scalar(length, "dft_length"))
    size = 2 * shape[place] * points
    if shape[place] != points // 2 + 1:
        raise NoMatch(f"{shape[place]} bins are no half of {points}: runtimes fill up otherwise")
    if size > SIZE_LIMIT:
        raise NoMatch(f"its matrix would have {size} entries, more than {SIZE_LIMIT}")
    bins = np.arange(shape[place])
    twice = np.where((bins == 0) | (2 * bins == points), 1, 2)
    matrix = waves(len(bins), points, points, 2)[..., :1] * np.array([1, -1])[:, None, None]
    # the real part of a wave is even in its angle, what an imaginary part adds is odd
    matrix = matrix * twice[:, None, None, None] / points
    return along(out, x, place, matrix)


def along(out: Builder, x: Value, place: int, matrix: Array) -> Value:
    """Return x (…, N at `place`, …, c) times F (N, c, K, d): K bins where N samples were."""
    shape = shape_of(x)
    count, parts, bins, made = matrix.shape
    order = [a for a in range(len(shape)) if a != place]
    order.insert(-1, place)
    rest = [shape[a] for a in order[:-2]]
    rows = reshape(out, out.Transpose(x, perm=order), (*rest, count * parts))
    flat = matrix.reshape(count * parts, bins * made).astype(dtype_of(x))
    y = reshape(out, out.MatMul(rows, flat), (*rest, bins, made))
    return out.Transpose(y, perm=[int(a) for a in np.argsort(order)])


@rewrite(
    op.STFT("x", const("step"), maybe("window"), maybe("length")).named("n"), stage="decompose"
)
def stft(
    out: Builder, x: Value, step: Array, window: Value | None, length: Value | None, n: Node
) -> Value:
    """stft(x (B, T, c))  ->  a convolution (2 K, c, L) of stride `step`, as (B, frames, K, 2)."""
    (batch, total, parts), dtype = (*shape_of(x), 1)[:3], dtype_of(x)
    if len(shape_of(x)) == 2:
        x = reshape(out, x, (batch, total, 1))
    if window is None and length is None:
        raise NoMatch("neither its window nor its frame length is given")
    weights = None if window is None else known(window, "window")
    points = len(weights) if weights is not None else 0
    if length is not None:
        points = int(scalar(length, "frame_length"))
    if weights is not None and len(weights) != points:
        raise NoMatch(f"its window has {len(weights)} points, its frames have {points}")
    bins = points // 2 + 1 if attrs(n)["onesided"] else points
    if 2 * bins * parts * points > SIZE_LIMIT:
        raise NoMatch(f"its kernel would have more than {SIZE_LIMIT} entries")
    matrix = waves(points, points, bins, parts)
    if weights is not None:
        matrix *= weights.astype(np.float64)[:, None, None, None]
    kernel = matrix.transpose(2, 3, 1, 0).reshape(2 * bins, parts, points).astype(dtype)
    stride = int(step.item())
    y = out.Conv(out.Transpose(x, perm=[0, 2, 1]), kernel, strides=[stride])
    frames = (total - points) // stride + 1
    return reshape(out, out.Transpose(y, perm=[0, 2, 1]), (batch, frames, bins, 2))


def waves(count: int, points: int, bins: int, parts: int, *, backwards: bool = False) -> Array:
    """Return F (count, parts, bins, 2): what every part of every sample adds to every bin.

    A real sample adds (cos, -sin), an imaginary one (sin, cos); backwards (cos, sin) and
    (-sin, cos), divided by `points`.
    """
    turns = np.outer(np.arange(count), np.arange(bins)) % points / points
    c, s = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    if backwards:
        c, s = c / points, -s / points
    real, imaginary = np.stack([c, -s], -1), np.stack([s, c], -1)
    made = np.stack([real, imaginary][:parts], axis=1)
    made[points:] = 0
    return made


def known(value: Value, what: str) -> Array:
    """Return a constant operand."""
    data = constant(value)
    if data is None:
        raise NoMatch(f"its {what} is computed")
    return data


def scalar(value: Value, what: str) -> int:
    """Return a constant operand of one number."""
    return int(known(value, what).item())
