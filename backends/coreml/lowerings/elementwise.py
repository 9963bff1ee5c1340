"""Arithmetic, elementwise and broadcast."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import binary, quotient, remainder
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, attrs

UNARY = {
    "Abs": "abs",
    "Acos": "acos",
    "Asin": "asin",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Round": "round",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
}
BINARY = {"Add": "add", "Mul": "mul", "Pow": "pow", "Sub": "sub"}
VARIADIC = {"Max": "maximum", "Mean": "add", "Min": "minimum", "Sum": "add"}
INTEGERS = frozenset({"Abs", "Sign"})


@lowers(*UNARY)
def unary(e: Emitter, n: Node) -> None:
    """y = f(x)."""
    x = e.var(n.inputs[0])
    if x.dtype != e.float and n.op_type not in INTEGERS:
        raise Unsupported(f"{n.op_type} of {x.dtype}")
    e.set(n.outputs[0], e.like(UNARY[n.op_type], x))


@lowers("Log")
def log(e: Emitter, n: Node) -> None:
    """y = log(x); nothing is added to x."""
    e.set(n.outputs[0], e.like("log", e.var(n.inputs[0]), epsilon=np.float32(0)))


@lowers("Neg")
def neg(e: Emitter, n: Node) -> None:
    """y = -x -> mul by -1."""
    x = e.var(n.inputs[0])
    e.set(n.outputs[0], e.like("mul", x, y=minus_one(e, x)))


def minus_one(e: Emitter, x: Var) -> Var:
    """Return -1 in the type of x."""
    return e.lift(np.float32(-1) if x.dtype == e.float else np.int32(-1))


@lowers("Reciprocal")
def reciprocal(e: Emitter, n: Node) -> None:
    """y = 1 / x -> real_div: `inverse` would add an epsilon."""
    e.set(n.outputs[0], binary(e, "real_div", np.float32(1), e.var(n.inputs[0])))


@lowers("BitwiseNot")
def bitwise_not(e: Emitter, n: Node) -> None:
    """y = -x - 1."""
    x = e.var(n.inputs[0])
    flipped = e.like("mul", x, y=minus_one(e, x))
    e.set(n.outputs[0], e.like("add", flipped, y=minus_one(e, x)))


@lowers(*BINARY)
def two(e: Emitter, n: Node) -> None:
    """y = f(a, b). A power's exponent may be of another type than its base."""
    a, b = (e.var(v) for v in n.inputs)
    if n.op_type == "Pow" and a.dtype != b.dtype:
        if a.dtype != e.float:
            wide = binary(e, "pow", e.cast(a, e.float), b)
            e.set(n.outputs[0], e.cast(wide, a.dtype))
            return
        b = e.cast(b, a.dtype)
    e.set(n.outputs[0], binary(e, BINARY[n.op_type], a, b))


@lowers("Div")
def div(e: Emitter, n: Node) -> None:
    """y = a / b; of integers rounded towards zero."""
    a, b = (e.var(v) for v in n.inputs)
    y = binary(e, "real_div", a, b) if a.dtype == e.float else quotient(e, a, b)
    e.set(n.outputs[0], y)


@lowers("Mod")
def mod(e: Emitter, n: Node) -> None:
    """y = a - b floor(a / b), or with the sign of a (fmod)."""
    a, b = (e.var(v) for v in n.inputs)
    y = remainder(e, a, b) if attrs(n)["fmod"] else binary(e, "mod", a, b)
    e.set(n.outputs[0], y)


@lowers(*VARIADIC)
def variadic(e: Emitter, n: Node) -> None:
    """y = f(f(x0, x1), x2)...; the mean is divided at the end."""
    y, *rest = (e.var(v) for v in n.inputs)
    for x in rest:
        y = binary(e, VARIADIC[n.op_type], y, x)
    if n.op_type == "Mean":
        y = e.like("mul", y, y=np.float32(1 / len(n.inputs)))
    e.set(n.outputs[0], y)
