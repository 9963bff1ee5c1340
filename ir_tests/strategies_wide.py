"""More operators for `strategies.models`: pictures, sequences, data movement, selection."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from strategies import IDIOMS, STEPS, Drawing


def pool(d: Drawing) -> None:
    """A pool of any window, stride and border."""
    x = d.pick(rank=4)
    if x is None:
        return
    n, c, h, w = d.values[x]
    kh, kw = (d.draw(st.integers(1, min(3, size))) for size in (h, w))
    sh, sw = d.draw(st.integers(1, 2)), d.draw(st.integers(1, 3))
    top, bottom = (d.draw(st.integers(0, kh // 2)) for _ in range(2))
    kind = d.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    extra = {"count_include_pad": d.draw(st.integers(0, 1))} if kind == "AveragePool" else {}
    out = (n, c, (h + top + bottom - kh) // sh + 1, (w - kw) // sw + 1)
    pads = [top, 0, bottom, 0]
    d.node(kind, x, shape=out, kernel_shape=[kh, kw], strides=[sh, sw], pads=pads, **extra)


def global_pool(d: Drawing) -> None:
    """A mean or maximum over a picture, and the scale that a network makes of it."""
    x = d.pick(rank=4)
    if x is None:
        return
    n, c, _, _ = d.values[x]
    kind = d.draw(st.sampled_from(["GlobalAveragePool", "GlobalMaxPool"]))
    gate = d.node(kind, x, shape=(n, c, 1, 1))
    gate = d.node("HardSigmoid", gate, shape=(n, c, 1, 1), alpha=1 / 6, beta=0.5)
    d.node("Mul", x, gate, shape=d.values[x])


def wide_conv(d: Drawing) -> None:
    """A convolution with a window, stride, dilation, groups and uneven borders."""
    x = d.pick(rank=4)
    if x is None:
        return
    n, c, h, w = d.values[x]
    kh, kw, sh, sw, dh = (d.draw(st.integers(1, most)) for most in (3, 3, 2, 2, 2))
    group = d.draw(st.sampled_from([g for g in (1, 2, c) if c % g == 0]))
    outputs = group * d.draw(st.integers(1, 2))
    pads = [d.draw(st.integers(0, 2)) for _ in range(4)]
    reach = dh * (kh - 1) + 1
    high, across = h + pads[0] + pads[2] - reach, w + pads[1] + pads[3] - kw
    if high < 0 or across < 0:
        return
    y = (n, outputs, high // sh + 1, across // sw + 1)
    weight = d.random(outputs, c // group, kh, kw)
    bias = [d.random(outputs)] if d.draw(st.booleans()) else []
    options = {"group": group, "pads": pads, "strides": [sh, sw], "dilations": [dh, 1]}
    d.node("Conv", x, weight, *bias, shape=y, **options)


def conv_transpose(d: Drawing) -> None:
    """A transposed convolution with a stride and cut borders."""
    x = d.pick(rank=4)
    if x is None:
        return
    n, c, h, w = d.values[x]
    k, s = d.draw(st.integers(1, 3)), d.draw(st.integers(1, 2))
    cut = d.draw(st.integers(0, (k - 1) // 2))
    out = (n, 3, (h - 1) * s + k - 2 * cut, (w - 1) * s + k - 2 * cut)
    if min(out) > 0:
        options = {"strides": [s, s], "pads": [cut] * 4}
        d.node("ConvTranspose", x, d.random(c, 3, k, k), shape=out, **options)


def softmax(d: Drawing) -> None:
    """Softmax or LogSoftmax over any axis."""
    x = d.pick()
    assert x is not None
    axis = d.draw(st.integers(-len(d.values[x]), len(d.values[x]) - 1))
    d.node(d.draw(st.sampled_from(["Softmax", "LogSoftmax"])), x, shape=d.values[x], axis=axis)


def concat(d: Drawing) -> None:
    """Two values side by side."""
    x = d.pick()
    assert x is not None
    shape = list(d.values[x])
    axis = d.draw(st.integers(0, len(shape) - 1))
    same = [
        n
        for n, s in d.values.items()
        if len(s) == len(shape)
        and all(a == b for i, (a, b) in enumerate(zip(s, shape, strict=True)) if i != axis)
    ]
    y = d.draw(st.sampled_from(same))
    shape[axis] += d.values[y][axis]
    if shape[axis] <= 32:
        d.node("Concat", x, y, shape=tuple(shape), axis=axis - len(shape))


def strided_slice(d: Drawing) -> None:
    """Every second element, or all of them backwards."""
    x = d.pick()
    assert x is not None
    shape = list(d.values[x])
    axis = d.draw(st.integers(0, len(shape) - 1))
    step = d.draw(st.sampled_from([2, -1, -2]))
    start, end = (0, 2**31) if step > 0 else (shape[axis] - 1, -(2**31))
    shape[axis] = -(-shape[axis] // abs(step))
    d.node("Slice", x, *(np.array([v]) for v in (start, end, axis, step)), shape=tuple(shape))


def pad(d: Drawing) -> None:
    """A border of a constant, of the edge, or mirrored."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    modes = ["constant", "edge"] + (["reflect"] if shape[-1] > 1 else [])
    mode = d.draw(st.sampled_from(modes))
    before, after = d.draw(st.integers(0, 1)), d.draw(st.integers(0, 1))
    pads = np.array([0] * (len(shape) - 1) + [before] + [0] * (len(shape) - 1) + [after])
    value = [np.float32(0.5)] if mode == "constant" else []
    d.node("Pad", x, pads, *value, shape=(*shape[:-1], shape[-1] + before + after), mode=mode)


def resize(d: Drawing) -> None:
    """A picture twice as large, by its neighbours or a line between them."""
    x = d.pick(rank=4)
    if x is None or max(d.values[x]) > 16:
        return
    n, c, h, w = d.values[x]
    mode = d.draw(st.sampled_from(["nearest", "linear"]))
    places = ["asymmetric", "half_pixel", "align_corners"]
    place = "asymmetric" if mode == "nearest" else d.draw(st.sampled_from(places))
    extra = {"nearest_mode": "floor"} if mode == "nearest" else {}
    scales = np.array([1, 1, 2, 2], np.float32)
    options = {"mode": mode, "coordinate_transformation_mode": place, **extra}
    d.node("Resize", x, "", scales, shape=(n, c, 2 * h, 2 * w), **options)


def select(d: Drawing) -> None:
    """Where(x > c, x, y)."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    same = [n for n, s in d.values.items() if s == shape]
    kind = d.draw(st.sampled_from(["Greater", "LessOrEqual"]))
    d.node(kind, x, np.float32(0.1), shape=shape)
    chosen = f"v{len(d.nodes) - 1}"
    del d.values[chosen]  # no float: nothing else may read it
    d.node("Where", chosen, x, d.draw(st.sampled_from(same)), shape=shape)


def more_activations(d: Drawing) -> None:
    """Activations with a number or a weight of their own, and what is defined above zero only."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    kinds = ["LeakyRelu", "Elu", "Softplus", "Softsign", "HardSwish", "Mish", "Selu", "PRelu"]
    kinds += ["Sqrt", "Reciprocal", "Log", "Sin", "Cos", "Floor", "Gelu", "Celu", "ThresholdedRelu"]
    kind = d.draw(st.sampled_from(kinds))
    if kind in ("Sqrt", "Reciprocal", "Log"):
        x = d.node("Add", d.node("Abs", x, shape=shape), np.float32(0.5), shape=shape)
    operands = [np.full((shape[1],) + (1,) * (len(shape) - 2), 0.25, np.float32)]
    d.node(kind, x, *(operands if kind == "PRelu" else []), shape=shape)


def many_axes(d: Drawing) -> None:
    """A reduction over several axes, which may go."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    axes = sorted(d.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1, max_size=2)))
    keep = len(shape) - len(axes) < 2 or d.draw(st.booleans())
    kinds = ["ReduceMean", "ReduceL2", "ReduceMin", "ReduceSumSquare", "ReduceL1"]
    out = [1 if i in axes else s for i, s in enumerate(shape) if keep or i not in axes]
    kind = d.draw(st.sampled_from(kinds))
    d.node(kind, x, np.array(axes), shape=tuple(out), keepdims=int(keep))


def instance_norm(d: Drawing) -> None:
    """A norm over each channel of a picture, or over groups of them."""
    x = d.pick(rank=4)
    if x is None:
        return
    shape = d.values[x]
    operands = [d.random(shape[1]) for _ in range(2)]
    if d.draw(st.booleans()) and shape[1] % 2 == 0:
        d.node("GroupNormalization", x, *operands, shape=shape, num_groups=2, epsilon=1e-2)
    else:
        d.node("InstanceNormalization", x, *operands, shape=shape, epsilon=1e-2)


def layer_norm(d: Drawing) -> None:
    """LayerNormalization or RMSNormalization as one operator."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    kind = d.draw(st.sampled_from(["LayerNormalization", "RMSNormalization"]))
    d.node(kind, x, d.random(shape[-1]), shape=shape, epsilon=1e-2)


def product(d: Drawing) -> None:
    """x xᵀ, softmaxed, times x: an attention without its weights."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    perm = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
    turned = d.node("Transpose", x, shape=tuple(shape[p] for p in perm), perm=perm)
    square = (*shape[:-2], shape[-2], shape[-2])
    scores = d.node("MatMul", x, turned, shape=square)
    scaled = d.node("Mul", scores, d.number(0.5), shape=square)
    d.node("MatMul", d.node("Softmax", scaled, shape=square, axis=-1), x, shape=shape)


def gemm(d: Drawing) -> None:
    """A Gemm with factors and turned operands."""
    x = d.pick(rank=2)
    if x is None:
        return
    n, k = d.values[x]
    turned = d.draw(st.integers(0, 1))
    weight = d.random(*((3, k) if turned else (k, 3)))
    factors = {"alpha": d.draw(st.sampled_from([1.0, 0.5])), "beta": 2.0, "transB": turned}
    d.node("Gemm", x, weight, d.random(3), shape=(n, 3), **factors)


def blocks(d: Drawing) -> None:
    """DepthToSpace after SpaceToDepth, Expand, Tile: data that is moved or repeated."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    kind = d.draw(st.sampled_from(["Tile", "Expand", "Depth", "Space"]))
    if kind == "Tile" and shape[-1] <= 8:
        repeats = np.array([1] * (len(shape) - 1) + [2])
        d.node("Tile", x, repeats, shape=(*shape[:-1], 2 * shape[-1]))
    elif kind == "Expand":
        wanted = tuple(2 if s == 1 and i else s for i, s in enumerate(shape))
        d.node("Expand", x, np.array(wanted), shape=wanted)
    elif kind == "Depth" and len(shape) == 4 and shape[1] % 4 == 0:
        n, c, h, w = shape
        mode = d.draw(st.sampled_from(["DCR", "CRD"]))
        d.node("DepthToSpace", x, shape=(n, c // 4, 2 * h, 2 * w), blocksize=2, mode=mode)
    elif kind == "Space" and len(shape) == 4 and shape[2] % 2 == shape[3] % 2 == 0:
        n, c, h, w = shape
        d.node("SpaceToDepth", x, shape=(n, 4 * c, h // 2, w // 2), blocksize=2)


def cumulative(d: Drawing) -> None:
    """A running sum, from either end."""
    x = d.pick()
    assert x is not None
    axis = d.draw(st.integers(-len(d.values[x]), len(d.values[x]) - 1))
    options = {n: d.draw(st.integers(0, 1)) for n in ("exclusive", "reverse")}
    d.node("CumSum", x, np.array(axis, np.int64), shape=d.values[x], **options)


WIDE = (
    pool, global_pool, wide_conv, conv_transpose, softmax, concat, strided_slice, pad, resize,
    select, more_activations, many_axes, instance_norm, layer_norm, product, gemm, blocks,
    cumulative,
)  # fmt: skip
ALL_STEPS = (*STEPS, *IDIOMS, *WIDE)
