"""Arithmetic, element by element; operands broadcast."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, convert, copy
from mmc.backends.tflite.lowerings.conv import activation_of
from mmc.ir import Array, Node, attrs, constant, dtype_of
from mmc.opset import DOMAIN

BINARY = {
    "Add": ("ADD", schema.AddOptionsT),
    "Sub": ("SUB", schema.SubOptionsT),
    "Mul": ("MUL", schema.MulOptionsT),
    "Div": ("DIV", schema.DivOptionsT),
}
UNARY = {
    "Abs": ("ABS", schema.AbsOptionsT),
    "Neg": ("NEG", schema.NegOptionsT),
    "Exp": ("EXP", schema.ExpOptionsT),
    "Cos": ("COS", schema.CosOptionsT),
    "Sign": ("SIGN", schema.SignOptionsT),
    **{name: (name.upper(), None) for name in ("Sqrt", "Log", "Sin", "Floor", "Ceil", "Round")},
}
INTEGERS_ROUNDED = frozenset({"Floor", "Ceil", "Round"})


@lowers(*BINARY)
def binary(e: Emitter, n: Node) -> None:
    """y = a ∘ b. Integers wrap; their quotient is truncated towards zero, as DIV does."""
    code, make = BINARY[n.op_type]
    options = make()
    options.potScaleInt16 = False  # scales of int16 operands are not powers of two here
    compute(e, code, [e.tensor(v) for v in n.inputs], e.tensor(n.outputs[0]), options)


@lowers(*BINARY, domain=DOMAIN)
def binary_activated(e: Emitter, n: Node) -> None:
    """y = f(a ∘ b) with a fused activation f; floats only, as integer kernels read it otherwise."""
    base = next(name for name in BINARY if n.op_type.startswith(name))
    code, make = BINARY[base]
    if dtype_of(n.outputs[0]) != np.float32:
        raise Unsupported(f"a fused activation on {dtype_of(n.outputs[0])}")
    options = make()
    options.potScaleInt16 = False
    options.fusedActivationFunction = activation_of(e, n)
    e.op(code, [e.tensor(v) for v in n.inputs], [e.tensor(n.outputs[0])], options)


@lowers(*UNARY)
def unary(e: Emitter, n: Node) -> None:
    """y = f(x); Round is half to even in both."""
    code, options = UNARY[n.op_type]
    x, y = e.tensor(n.inputs[0]), e.tensor(n.outputs[0])
    compute(e, code, [x], y, options() if options else None)


@lowers("Reciprocal")
def reciprocal(e: Emitter, n: Node) -> None:
    """y = 1 / x -> DIV."""
    one = e.constant(np.array(1, dtype_of(n.inputs[0])))
    y = e.tensor(n.outputs[0])
    compute(e, "DIV", [one, e.tensor(n.inputs[0])], y, schema.DivOptionsT())


@lowers("Max", "Min")
def extremum(e: Emitter, n: Node) -> None:
    """y = max(x0, x1, ...), min(...) -> a chain of MAXIMUM, MINIMUM."""
    code = {"Max": "MAXIMUM", "Min": "MINIMUM"}[n.op_type]
    chain(e, n, code, schema.MaximumMinimumOptionsT)


@lowers("Sum")
def sum_all(e: Emitter, n: Node) -> None:
    """y = x0 + x1 + ... -> a chain of ADD."""
    chain(e, n, "ADD", schema.AddOptionsT)


@lowers("Mean")
def mean_all(e: Emitter, n: Node) -> None:
    """y = (x0 + x1 + ...) / count."""
    count = np.array(len(n.inputs), dtype_of(n.outputs[0]))
    chain(e, n, "ADD", schema.AddOptionsT)
    if len(n.inputs) > 1:
        total, y = e.tensor(n.outputs[0]), e.like(n.outputs[0])
        e.alias(
            n.outputs[0], compute(e, "DIV", [total, e.constant(count)], y, schema.DivOptionsT())
        )


def chain(e: Emitter, n: Node, code: str, options: type) -> None:
    """Fold the inputs from the left with a binary kernel."""
    total = e.tensor(n.inputs[0])
    if len(n.inputs) == 1:
        e.alias(n.outputs[0], total)
    for index, value in enumerate(n.inputs[1:], 2):
        other = e.tensor(value)
        if index == len(n.inputs):
            result = e.tensor(n.outputs[0])
        else:
            result = e.like(n.outputs[0], np.broadcast_shapes(e.shape(total), e.shape(other)))
        total = compute(e, code, [total, other], result, options())


@lowers("Mod")
def mod(e: Emitter, n: Node) -> None:
    """fmod=0: the sign of b -> FLOOR_MOD. fmod=1: the sign of a, sign(a) (|a| mod |b|), exact."""
    a, b = (e.tensor(v) for v in n.inputs)
    y = e.tensor(n.outputs[0])
    if not attrs(n)["fmod"]:
        compute(e, "FLOOR_MOD", [a, b], y, schema.FloorModOptionsT())
        return
    positive = [magnitude(e, v) for v in (a, b)]
    rest = compute(e, "FLOOR_MOD", positive, e.like(n.outputs[0]), schema.FloorModOptionsT())
    sign = compute(e, "SIGN", [a], copy(e, a), schema.SignOptionsT())
    compute(e, "MUL", [sign, rest], y, schema.MulOptionsT())


def magnitude(e: Emitter, tensor: int) -> int:
    """Return |x|, of a constant at once."""
    known = e.program.tensors[tensor].data
    if known is not None:
        return e.constant(np.abs(known))
    return compute(e, "ABS", [tensor], copy(e, tensor), schema.AbsOptionsT())


@lowers("Pow")
def power(e: Emitter, n: Node) -> None:
    """y = a ** b, in a's type; a ** 2 -> MUL.

    Integers to negative powers are an error when the model runs, as in LiteRT's kernel.
    """
    a, b, y = e.tensor(n.inputs[0]), e.tensor(n.inputs[1]), e.tensor(n.outputs[0])
    if is_square(constant(n.inputs[1])) and e.shape(a) == e.shape(y):
        compute(e, "MUL", [a, a], y, schema.MulOptionsT())
    elif dtype_of(n.inputs[0]).kind == "f":
        b = convert(e, b, e.program.tensors[a].dtype)
        compute(e, "POW", [a, b], y, schema.PowOptionsT())
    elif dtype_of(n.inputs[1]).kind == "f":
        raise Unsupported("POW of an integer by a float loses digits", fix="cast it to float first")
    else:
        a, b = convert(e, a, "INT32"), convert(e, b, "INT32")
        result = e.op("POW", [a, b], [e.new(e.shape(y), "int32")], schema.PowOptionsT())
        e.alias(n.outputs[0], convert(e, result, e.program.tensors[y].dtype))


def is_square(exponent: Array | None) -> bool:
    """Say whether every exponent is 2."""
    return exponent is not None and exponent.size > 0 and bool((exponent == 2).all())
