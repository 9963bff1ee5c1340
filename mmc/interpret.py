"""Operators as numpy functions: what constant folding computes without starting a runtime.

A function takes the node's attributes and its inputs as arrays (None where omitted) and returns an
array, or a tuple of arrays for an operator with several outputs. The table holds data movement,
integer and exactly rounded float arithmetic, where numpy and ONNX agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from mmc.values import Array, attrs

Attributes = dict[str, Any]
Function = Callable[..., Any]


def evaluate(node: ir.Node, inputs: Sequence[Array | None]) -> tuple[Array, ...] | None:
    """Return the outputs of `node` for `inputs`, or None when the table has no such operator.

    Results have the type that ONNX gives them; arithmetic on integers wraps around as in C.
    """
    function = NUMPY.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if function is None or any(x is not None and x.dtype.kind in "OSU" for x in inputs):
        return None
    with np.errstate(all="ignore"):
        result = function(attrs(node), *inputs)
    if result is None:
        return None
    results = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(r) for r in results)


def _cast(a: Attributes, x: Array) -> Array | None:
    kind = ir.DataType(a["to"])
    if kind == ir.DataType.STRING:
        return None
    target = np.dtype(kind.numpy())
    narrow = kind.bitwidth < 16 and kind != ir.DataType.BOOL
    if narrow or (x.dtype.kind == "f" and target.kind in "iu" and not _fits(x, target)):
        return None  # saturation and overflow are the runtime's to decide
    return x.astype(target)


def _fits(x: Array, target: np.dtype[Any]) -> bool:
    limits = np.iinfo(target)
    return bool(np.isfinite(x).all() and (x >= limits.min).all() and (x <= limits.max).all())


def _divide(_: Attributes, x: Array, y: Array) -> Array | None:
    if x.dtype.kind not in "iu":
        return np.asarray(x / y)
    if not y.all():
        return None
    quotient = np.abs(x) // np.abs(y)  # ONNX truncates towards zero
    return np.asarray(np.where((x < 0) != (y < 0), -quotient, quotient).astype(x.dtype))


def _modulo(a: Attributes, x: Array, y: Array) -> Array | None:
    if x.dtype.kind in "iu" and not y.all():
        return None
    return np.asarray(np.fmod(x, y) if a["fmod"] else np.mod(x, y))


def _gather(a: Attributes, x: Array, indices: Array) -> Array:
    return np.take(x, indices, axis=a["axis"])


def _axes(axes: Array | None) -> tuple[int, ...]:
    return () if axes is None else tuple(int(i) for i in axes)


def _unsqueeze(_: Attributes, x: Array, axes: Array) -> Array:
    return np.expand_dims(x, _axes(axes))


def _squeeze(_: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, None if axes is None else _axes(axes))


def _slice(
    _: Attributes,
    x: Array,
    starts: Array,
    ends: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    where = range(len(starts)) if axes is None else _axes(axes)
    index = [slice(None)] * x.ndim
    for i, axis in enumerate(where):
        step = 1 if steps is None else int(steps[i])
        index[axis] = _range_of(int(starts[i]), int(ends[i]), step, x.shape[axis])
    return x[tuple(index)]


def _range_of(start: int, end: int, step: int, size: int) -> slice:
    """Return the Python slice for ONNX's: negatives count from the end once, then are clamped."""
    low, high = (0, size) if step > 0 else (0, size - 1)
    start = min(max(start + size if start < 0 else start, low), high)
    end = end + size if end < 0 else end
    if step > 0:
        return slice(start, min(max(end, 0), size), step)
    end = min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step)


def reshape_dims(shape: Sequence[int], wanted: Sequence[int], allowzero: bool) -> tuple[int, ...]:
    """Return what Reshape gives: 0 copies a dimension (unless allowzero), -1 is the rest."""
    dims = [shape[i] if d == 0 and not allowzero else int(d) for i, d in enumerate(wanted)]
    if -1 in dims:
        rest = int(np.prod([d for d in dims if d != -1]))
        dims[dims.index(-1)] = int(np.prod(shape)) // max(rest, 1)
    return tuple(dims)


def _reshape(a: Attributes, x: Array, shape: Array) -> Array:
    return x.reshape(reshape_dims(x.shape, shape.tolist(), bool(a["allowzero"])))


def _flatten(a: Attributes, x: Array) -> Array:
    axis = a["axis"] + x.ndim if a["axis"] < 0 else a["axis"]
    return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))


def _transpose(a: Attributes, x: Array) -> Array:
    return np.transpose(x, a.get("perm"))


def _expand(_: Attributes, x: Array, shape: Array) -> Array:
    return np.array(np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist()))))


def _constant_of_shape(a: Attributes, shape: Array) -> Array:
    value = a.get("value", np.zeros(1, np.float32))
    return np.full(tuple(shape.tolist()), value.reshape(-1)[0], value.dtype)


def _split(a: Attributes, x: Array, split: Array | None = None) -> tuple[Array, ...] | None:
    axis, size = a["axis"], x.shape[a["axis"]]
    if split is None:
        if "num_outputs" not in a:
            return None
        step = -(-size // a["num_outputs"])
        cuts = list(range(step, size, step))
    else:
        cuts = np.cumsum(split)[:-1].tolist()
    return tuple(np.split(x, cuts, axis))


def _reduce(function: Callable[..., Array]) -> Function:
    def reduced(a: Attributes, x: Array, axes: Array | None = None) -> Array | None:
        if axes is None or axes.size == 0:
            if a["noop_with_empty_axes"]:
                return None if function is np.prod else x
            where = tuple(range(x.ndim))
        else:
            where = _axes(axes)
        if x.dtype.kind not in "iub" and x.dtype != np.float32:
            return None
        keep = bool(a["keepdims"])
        if x.dtype == np.float32 and function in (np.sum, np.prod):
            wide = function(x.astype(np.float64), axis=where, keepdims=keep)
            return np.asarray(wide, np.float32)
        if not all(x.shape):
            return None
        if function in (np.sum, np.prod):
            return function(x, axis=where, keepdims=keep, dtype=x.dtype)
        return function(x, axis=where, keepdims=keep)

    return reduced


def _tile(_: Attributes, x: Array, repeats: Array) -> Array:
    return np.tile(x, repeats.tolist())


def _pow(_: Attributes, x: Array, y: Array) -> Array | None:
    if x.dtype.kind in "iu" and (y.dtype.kind not in "iu" or (y < 0).any()):
        return None
    return np.asarray(np.power(x, y).astype(x.dtype))


def _range(_: Attributes, start: Array, limit: Array, delta: Array) -> Array | None:
    if start.dtype.kind not in "iu" or not delta.item():
        return None
    return np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _cum_sum(a: Attributes, x: Array, axis: Array) -> Array | None:
    if x.dtype.kind not in "iu" or a["exclusive"] or a["reverse"]:
        return None
    return np.cumsum(x, int(axis.item()), dtype=x.dtype)


def _product(_: Attributes, x: Array, y: Array) -> Array | None:
    """Multiply matrices of which one is zero: a first state; other sums are the runtime's order."""
    if x.ndim < 2 or y.ndim < 2 or (x.any() and y.any()):
        return None
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    if x.shape[-1] != y.shape[-2] or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    return np.zeros((*shape, x.shape[-2], y.shape[-1]), x.dtype)


def _where(_: Attributes, condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, x, y)


def _extreme(function: Callable[..., Any]) -> Function:
    def extreme(_: Attributes, *xs: Array) -> Array:
        result = xs[0]
        for x in xs[1:]:
            result = function(result, x)
        return result

    return extreme


def _sqrt(_: Attributes, x: Array) -> Array | None:
    return np.sqrt(x) if x.dtype.kind == "f" else None


def _bitwise(function: Callable[..., Any]) -> Function:
    return lambda _, *xs: function(*xs)


NUMPY: dict[str, Function] = {
    "Identity": lambda _, x: x,
    "Constant": lambda a, *_: a.get("value"),
    "Cast": _cast,
    "CastLike": lambda _, x, y: _cast({"to": ir.DataType.from_numpy(y.dtype)}, x),
    "Shape": lambda a, x: np.array(x.shape, np.int64)[a["start"] : a.get("end")],
    "Size": lambda _, x: np.array(x.size, np.int64),
    "Gather": _gather,
    "Concat": lambda a, *xs: np.concatenate(xs, a["axis"]),
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Split": _split,
    "CumSum": _cum_sum,
    "NonZero": lambda _, x: np.array(np.nonzero(np.atleast_1d(x)), np.int64),
    "Where": _where,
    "MatMul": _product,
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Div": _divide,
    "Mod": _modulo,
    "Pow": _pow,
    "Neg": lambda _, x: -x,
    "Abs": lambda _, x: np.abs(x),
    "Sqrt": _sqrt,
    "Reciprocal": lambda _, x: np.reciprocal(x) if x.dtype.kind == "f" else None,
    "Floor": lambda _, x: np.floor(x),
    "Ceil": lambda _, x: np.ceil(x),
    "Min": _extreme(np.minimum),
    "Max": _extreme(np.maximum),
    "Equal": _bitwise(np.equal),
    "Greater": _bitwise(np.greater),
    "GreaterOrEqual": _bitwise(np.greater_equal),
    "Less": _bitwise(np.less),
    "LessOrEqual": _bitwise(np.less_equal),
    "Not": _bitwise(np.logical_not),
    "And": _bitwise(np.logical_and),
    "Or": _bitwise(np.logical_or),
    "Xor": _bitwise(np.logical_xor),
    "ReduceSum": _reduce(np.sum),
    "ReduceProd": _reduce(np.prod),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
}

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}
    | {"Bernoulli"}
)
"""Operators whose result is not a function of their inputs."""

FLOATS = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.float64))
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
