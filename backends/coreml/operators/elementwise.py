"""Arithmetic, comparison and logic, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import STORED, Array
from ..operator import Context, Operator, UnsupportedError, operator


def cut(x: Array) -> Array:
    """Return x rounded towards zero (what C does to a negative quotient)."""
    return np.trunc(x)


def erf(x: Array) -> Array:
    """The error function, right to float32's last digit.

    |x| < 2.5: the series erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1)/(2n+1)!!;
    else 1 - erfc by a continued fraction. Both in float64.
    """
    y = np.abs(x.astype(np.float64))
    small = np.minimum(y, 2.5)
    term, total = small.copy(), small.copy()
    for n in range(1, 40):
        term = term * (2 * small * small / (2 * n + 1))
        total = total + term
    series = 2 / np.sqrt(np.pi) * np.exp(-small * small) * total
    large = np.clip(y, 2.5, 30.0)
    fraction = large
    for n in range(30, 0, -1):
        fraction = large + n / 2 / fraction
    tail = 1 - np.exp(-large * large) / (np.sqrt(np.pi) * fraction)
    return np.asarray((np.sign(x) * np.where(y < 2.5, series, tail)).astype(np.float32))


def floor_div(x: Array, y: Array) -> Array:
    """floor(x / y), for integers and floats."""
    return np.floor_divide(x, y)


def real_div(x: Array, y: Array) -> Array:
    """x / y; integers are divided as reals and cut towards zero."""
    if x.dtype.kind in "iu" and y.dtype.kind in "iu":
        return cut(x / y)
    return x / y


def round_half_even(x: Array) -> Array:
    """The nearest integer; halves go to the even one."""
    return np.round(x)


UNARY: dict[str, Operator] = {
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": erf,
    "exp": np.exp,
    "exp2": np.exp2,
    "floor": np.floor,
    "identity": np.asarray,
    "logical_not": np.logical_not,
    "round": round_half_even,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
}
BINARY: dict[str, Operator] = {
    "add": np.add,
    "equal": np.equal,
    "floor_div": floor_div,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "mul": np.multiply,
    "not_equal": np.not_equal,
    "pow": np.power,
    "real_div": real_div,
    "sub": np.subtract,
}


def unary(function: Operator) -> Operator:
    """Return an operator of one input from a numpy function."""

    def compute(x: Array) -> Array:
        found: Array = function(x)
        return found

    return compute


def binary(function: Operator) -> Operator:
    """Return an operator of two broadcast inputs from a numpy function."""

    def compute(x: Array, y: Array) -> Array:
        found: Array = function(x, y)
        return found

    return compute


for _name, _function in UNARY.items():
    operator(_name)(unary(_function))
for _name, _function in BINARY.items():
    operator(_name)(binary(_function))


@operator("inverse")
def inverse(x: Array, epsilon: Any = 1e-4) -> Array:
    """1 / (x + epsilon)."""
    return 1 / (x + np.float32(epsilon))


@operator("log")
def log(x: Array, epsilon: Any = 1e-45) -> Array:
    """log(x + epsilon), the natural logarithm."""
    return np.log(x + np.float32(epsilon))


@operator("rsqrt")
def rsqrt(x: Array, epsilon: Any = 1e-12) -> Array:
    """1 / sqrt(x + epsilon)."""
    return 1 / np.sqrt(x + np.float32(epsilon))


@operator("clip")
def clip(x: Array, alpha: Array, beta: Array) -> Array:
    """min(max(x, alpha), beta)."""
    return np.minimum(np.maximum(x, alpha), beta)


@operator("threshold")
def threshold(x: Array, alpha: Array) -> Array:
    """max(x, alpha)."""
    return np.maximum(x, alpha)


@operator("select")
def select(cond: Array, a: Array, b: Array) -> Array:
    """a where cond is true, else b."""
    return np.where(cond.astype(np.bool_), a, b)


NAMES = {
    "bool": "BOOL",
    "fp16": "FLOAT16",
    "fp32": "FLOAT32",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "uint8": "UINT8",
    "uint16": "UINT16",
}


@operator("cast")
def cast(x: Array, dtype: str, context: Context) -> Array:
    """x in another type: floats are cut towards zero, all but zero is true."""
    if dtype not in NAMES:
        raise UnsupportedError(f"cast to {dtype}")
    kind = STORED[NAMES[dtype]]
    if kind.kind == "f":
        return x.astype(np.float32)
    if x.dtype.kind == "f" and kind.kind in "iu":
        return np.trunc(x).astype(np.int64).astype(kind)
    return x.astype(kind)
