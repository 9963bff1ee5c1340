"""What each operator means, in numpy on real values: the oracle of `measure_cpu`.

A reference takes the inputs (None where omitted) and the options and returns the outputs. Written
from the operators' documentation, in float64, with no regard to speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.program import Array

from .references_neural import NEURAL, activate

Inputs = list[Any]
Reference = Callable[[Inputs, Any], list[Array]]


def unary(function: Callable[[Any], Any]) -> Reference:
    """Return the reference of an element-wise function."""
    return lambda inputs, options: [function(inputs[0])]


def binary(function: Callable[[Any, Any], Any]) -> Reference:
    """Return the reference of a broadcast function with the activation fused to it."""
    return lambda inputs, options: [activate(function(inputs[0], inputs[1]), options)]


def reducer(function: Callable[..., Any]) -> Reference:
    """Return the reference of a reduction over the axes in input 1."""

    def reference(inputs: Inputs, options: Any) -> list[Array]:
        axes = tuple(int(a) for a in np.reshape(inputs[1], -1))
        return [function(inputs[0], axis=axes, keepdims=options.keepDims)]

    return reference


def gelu(inputs: Inputs, options: Any) -> list[Array]:
    """x · Φ(x), or its tanh form."""
    x = np.asarray(inputs[0], np.float64)
    if options.approximate:
        return [x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))]
    return [x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))]


def softmax(x: Any) -> Any:
    """exp(x) / Σ exp(x) along the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def local_response(inputs: Inputs, options: Any) -> list[Array]:
    """x / (bias + alpha · Σ x²)**beta over the channels within `radius`."""
    x, r = inputs[0], options.radius
    square = np.pad(x**2, [(0, 0)] * 3 + [(r, r)])
    near = sum(square[..., k : k + x.shape[-1]] for k in range(2 * r + 1))
    return [x / (options.bias + options.alpha * near) ** options.beta]


def round_half_even(x: Any) -> Any:
    """To the nearest integer, halves to the even one."""
    return np.rint(x)


def cumsum(inputs: Inputs, options: Any) -> list[Array]:
    """Running sums along an axis, without the own value if exclusive, from the end if reverse."""
    x, axis = inputs[0], int(np.reshape(inputs[1], -1)[0])
    x = np.flip(x, axis) if options.reverse else x
    y = np.cumsum(x, axis)
    y = y - x if options.exclusive else y
    return [np.flip(y, axis) if options.reverse else y]


def split(inputs: Inputs, options: Any) -> list[Array]:
    """Equal parts; the axis comes first."""
    return list(np.split(inputs[1], options.numSplits, int(inputs[0])))


def split_sizes(inputs: Inputs, options: Any) -> list[Array]:
    """Parts of given sizes."""
    return list(np.split(inputs[0], np.cumsum(inputs[1])[:-1], int(inputs[2])))


def unpack(inputs: Inputs, options: Any) -> list[Array]:
    """The slices of an axis, without it."""
    return [np.take(inputs[0], k, options.axis) for k in range(options.num)]


def strided_slice(inputs: Inputs, options: Any) -> list[Array]:
    """x[begin:end:step, …] with the masks of new and dropped axes."""
    x, begin, end, steps = inputs
    index: list[Any] = []
    for k, (b, e, s) in enumerate(zip(begin, end, steps, strict=True)):
        if options.newAxisMask >> k & 1:
            index.append(None)
        elif options.shrinkAxisMask >> k & 1:
            index.append(int(b))
        else:
            index.append(slice(int(b), int(e), int(s)))
    return [x[tuple(index)]]


def mirror_pad(inputs: Inputs, options: Any) -> list[Array]:
    """Reflect, with the border value repeated if symmetric."""
    mode: Any = "symmetric" if options.mode == schema.MirrorPadMode.SYMMETRIC else "reflect"
    return [np.pad(inputs[0], inputs[1], mode)]


def dynamic_update(inputs: Inputs, options: Any) -> list[Array]:
    """x with a block replaced."""
    y = inputs[0].copy()
    block = tuple(slice(b, b + d) for b, d in zip(inputs[2], inputs[1].shape, strict=True))
    y[block] = inputs[1]
    return [y]


def gather(inputs: Inputs, options: Any) -> list[Array]:
    """take(x, indices, axis), the first `batchDims` axes paired."""
    x, index = inputs[0], inputs[1]
    if not options.batchDims:
        return [np.take(x, index, options.axis)]
    rows = [np.take(a, i, options.axis - 1) for a, i in zip(x, index, strict=True)]
    return [np.stack(rows)]


def scatter(inputs: Inputs, options: Any) -> list[Array]:
    """Zeros with the updates added at the indices."""
    y = np.zeros(inputs[2], inputs[1].dtype)
    np.add.at(y, tuple(np.moveaxis(inputs[0], -1, 0)), inputs[1])
    return [y]


def arg(function: Callable[..., Any]) -> Reference:
    """Return the reference of an index of an extreme."""
    return lambda inputs, options: [function(inputs[0], axis=int(np.reshape(inputs[1], -1)[0]))]


def top(inputs: Inputs, options: Any) -> list[Array]:
    """The k largest values and their places, the first of equals first."""
    order = np.argsort(-inputs[0].astype(np.float64), -1, kind="stable")[..., : int(inputs[1])]
    return [np.take_along_axis(inputs[0], order, -1), order]


def one_hot(inputs: Inputs, options: Any) -> list[Array]:
    """`on` where the index equals the place, else `off`."""
    hit = inputs[0][..., None] == np.arange(int(inputs[1]))
    return choose([hit, inputs[2], inputs[3]], options)


def choose(inputs: Inputs, options: Any) -> list[Array]:
    """Return `a` where the condition holds, else `b`."""
    condition, a, b = inputs
    return [np.asarray(np.where(condition, a, b))]


def divide(a: Any, b: Any) -> Any:
    """a / b; towards zero for integers."""
    quotient = a / b
    return np.trunc(quotient).astype(a.dtype) if np.issubdtype(a.dtype, np.integer) else quotient


def cast(inputs: Inputs, options: Any) -> list[Array]:
    """The same values; the caller stores them in the result's type, towards zero."""
    return [np.asarray(inputs[0])]


def concat(inputs: Inputs, options: Any) -> list[Array]:
    """Joined along an axis."""
    return [activate(np.concatenate(inputs, options.axis), options)]


UNARY: dict[str, Callable[[Any], Any]] = {
    "ABS": np.abs,
    "CEIL": np.ceil,
    "COS": np.cos,
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "EXP": np.exp,
    "FLOOR": np.floor,
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "LEAKY_RELU": lambda x: np.where(x > 0, x, 0.1 * x),
    "LOG": np.log,
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "LOGICAL_NOT": np.logical_not,
    "NEG": np.negative,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "RELU_0_TO_1": lambda x: np.clip(x, 0, 1),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1, 1),
    "ROUND": round_half_even,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "SIGN": np.sign,
    "SIN": np.sin,
    "SQRT": np.sqrt,
    "SQUARE": np.square,
    "TANH": np.tanh,
    "ZEROS_LIKE": np.zeros_like,
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": lambda x: np.log(softmax(x)),
    "L2_NORMALIZATION": lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True)),
    "SHAPE": lambda x: np.array(x.shape),
    "WHERE": lambda x: np.argwhere(x),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": divide,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "POW": lambda a, b: np.power(np.asarray(a, np.float64), b),
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2,
    "FLOOR_DIV": np.floor_divide,
    "FLOOR_MOD": np.mod,
    "ATAN2": np.arctan2,
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LOGICAL_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
    "BITWISE_XOR": np.bitwise_xor,
    "RIGHT_SHIFT": np.right_shift,
    "PRELU": lambda x, alpha: np.where(x > 0, x, alpha * x),
    "TRANSPOSE": np.transpose,
    "TILE": np.tile,
    "BROADCAST_TO": np.broadcast_to,
    "EXPAND_DIMS": lambda x, axis: np.expand_dims(x, int(axis)),
    "RESHAPE": np.reshape,
    "PAD": np.pad,
    "REVERSE_V2": lambda x, axes: np.flip(x, tuple(axes)),
    "GATHER_ND": lambda x, index: x[tuple(np.moveaxis(index, -1, 0))],
    "EMBEDDING_LOOKUP": lambda index, rows: rows[index],
    "FILL": lambda shape, value: np.full(shape, value),
}
REDUCERS: dict[str, Callable[..., Any]] = {
    "MEAN": np.mean,
    "SUM": np.sum,
    "REDUCE_MAX": np.max,
    "REDUCE_MIN": np.min,
    "REDUCE_PROD": np.prod,
    "REDUCE_ALL": np.all,
    "REDUCE_ANY": np.any,
}
REFERENCES: dict[str, Reference] = {
    **{op: unary(f) for op, f in UNARY.items()},
    **{op: binary(f) for op, f in BINARY.items()},
    **{op: reducer(f) for op, f in REDUCERS.items()},
    **NEURAL,
    "GELU": gelu,
    "LOCAL_RESPONSE_NORMALIZATION": local_response,
    "CUMSUM": cumsum,
    "ADD_N": lambda inputs, options: [np.sum(inputs, axis=0)],
    "SELECT": choose,
    "SELECT_V2": choose,
    "CAST": cast,
    "QUANTIZE": cast,
    "DEQUANTIZE": cast,
    "SPLIT": split,
    "SPLIT_V": split_sizes,
    "PACK": lambda inputs, options: [np.stack(inputs, options.axis)],
    "UNPACK": unpack,
    "CONCATENATION": concat,
    "SQUEEZE": lambda inputs, options: [np.squeeze(inputs[0], tuple(options.squeezeDims))],
    "SLICE": lambda i, o: [i[0][tuple(slice(b, b + n) for b, n in zip(i[1], i[2], strict=True))]],
    "STRIDED_SLICE": strided_slice,
    "PADV2": lambda inputs, options: [np.pad(inputs[0], inputs[1], constant_values=inputs[2])],
    "MIRROR_PAD": mirror_pad,
    "DYNAMIC_UPDATE_SLICE": dynamic_update,
    "GATHER": gather,
    "SCATTER_ND": scatter,
    "ARG_MAX": arg(np.argmax),
    "ARG_MIN": arg(np.argmin),
    "TOPK_V2": top,
    "RANGE": lambda inputs, options: [np.arange(*(x.item() for x in inputs))],
    "ONE_HOT": one_hot,
}
