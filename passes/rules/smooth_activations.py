"""Smooth activations recognised in their formulas: SiLU, Mish, Softplus, sigmoid, softsign."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Value
from mmc.pattern import Builder, NoMatch, const, op, rewrite
from mmc.polynomials import is_polynomial


@rewrite(op.Mul("x", op.Sigmoid("x")), stage="recognize")
def silu(out: Builder, x: Value) -> Value:
    """x sigmoid(x)  ->  silu(x)."""
    return out.mmc.Silu(x)


@rewrite(op.Reciprocal(op.Add(op.Exp(op.Neg("x")), 1)), stage="recognize")
def sigmoid(out: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))  ->  sigmoid(x)."""
    return out.Sigmoid(x)


@rewrite(op.Div("y", op.Add(op.Exp(op.Neg("x")), 1)), stage="recognize")
def times_sigmoid(out: Builder, x: Value, y: Value) -> Value:
    """y / (1 + exp(-x))  ->  y sigmoid(x)."""
    return out.Mul(y, out.Sigmoid(x))


GROWN = op.Exp("x")


@rewrite(op.Div(GROWN, op.Add(GROWN, 1)), stage="recognize")
def sigmoid_of_exponentials(out: Builder, x: Value) -> Value:
    """exp(x) / (exp(x) + 1)  ->  sigmoid(x)."""
    return out.Sigmoid(x)


TURN = op.Tanh("x")


@rewrite(op.Mul(op.Add(TURN, 1), 0.5), stage="recognize")
def sigmoid_of_tanh(out: Builder, x: Value) -> Value:
    """(tanh(x) + 1) / 2  ->  sigmoid(2 x)."""
    return out.Sigmoid(out.Mul(x, 2.0))


@rewrite(op.Add(op.Mul(TURN, 0.5), 0.5), stage="recognize")
def sigmoid_of_halved_tanh(out: Builder, x: Value) -> Value:
    """tanh(x) / 2 + 1/2  ->  sigmoid(2 x)."""
    return out.Sigmoid(out.Mul(x, 2.0))


@rewrite(op.Div("x", op.Add(op.Abs("x"), 1)), stage="recognize")
def recognize_softsign(out: Builder, x: Value) -> Value:
    """x / (1 + |x|)  ->  softsign(x)."""
    return out.Softsign(x)


@rewrite(op.Log(op.Add(op.Exp("x"), 1)), stage="recognize")
def recognize_softplus(out: Builder, x: Value) -> Value:
    """log(exp(x) + 1)  ->  softplus(x)."""
    return out.Softplus(x)


ABOVE, UPTO = op["Greater", "GreaterOrEqual"], op["Less", "LessOrEqual"]


@rewrite(op.Where(UPTO("x", const("limit")), op.Softplus("x"), "x"), stage="recognize")
def softplus_up_to_limit(out: Builder, x: Value, limit: Array) -> Value:
    """where(x <= c, softplus(x), x)  ->  softplus(x), where c hides the difference."""
    need_hidden(limit)
    return out.Softplus(x)


@rewrite(op.Where(ABOVE("x", const("limit")), "x", op.Softplus("x")), stage="recognize")
def softplus_above_limit(out: Builder, x: Value, limit: Array) -> Value:
    """where(x > c, x, softplus(x))  ->  softplus(x), where c hides the difference."""
    need_hidden(limit)
    return out.Softplus(x)


@rewrite(
    op.Where(
        ABOVE(op.Mul("x", const("beta")), const("limit")),
        "x",
        op.Mul(op.Softplus(op.Mul("x", const("beta"))), const("inverse")),
    ),
    stage="recognize",
)
def scaled_softplus_above_limit(
    out: Builder, x: Value, beta: Array, limit: Array, inverse: Array
) -> Value:
    """where(b x > c, x, softplus(b x) / b)  ->  softplus(b x) / b, where c hides the difference."""
    need_hidden(limit)
    if not np.allclose(beta * inverse, 1, rtol=1e-6):
        raise NoMatch("the factors are not the inverse of each other")
    return out.Mul(out.Softplus(out.Mul(x, beta)), inverse)


def need_hidden(limit: Array) -> None:
    """Refuse a limit c above which softplus(x) - x <= exp(-c) is more than rounding x makes."""
    smallest = float(limit.min()) if limit.size else 0.0
    if smallest <= 0 or np.exp(-smallest) > np.finfo(limit.dtype).eps / 2 * smallest:
        raise NoMatch(f"softplus(x) differs from x just above {smallest}")


@rewrite(op.Neg(op.Log(op.Sigmoid(op.Neg("x")))), stage="recognize")
def softplus_of_sigmoid(out: Builder, x: Value) -> Value:
    """-log(sigmoid(-x))  ->  softplus(x)."""
    return out.Softplus(x)


@rewrite(op.Add(op.Relu("x"), op.Softplus(op.Neg(op.Abs("x")))), stage="recognize")
def stable_softplus(out: Builder, x: Value) -> Value:
    """relu(x) + softplus(-|x|)  ->  softplus(x)."""
    return out.Softplus(x)


@rewrite(op.Mul("x", op.Tanh(op.Softplus("x"))), stage="recognize")
def recognize_mish(out: Builder, x: Value) -> Value:
    """x tanh(softplus(x))  ->  mish(x)."""
    return out.Mish(x)


@rewrite(op.Mul("x", op.Div("above", "below")), stage="recognize")
def mish_of_exponentials(out: Builder, x: Value, above: Value, below: Value) -> Value:
    """x (e² + 2 e) / (e² + 2 e + 2), e = exp(x)  ->  mish(x)."""
    return mish_of_quotient(out, x, above, below)


@rewrite(op.Div(op.Mul("x", "above"), "below"), stage="recognize")
def mish_of_quotient_last(out: Builder, x: Value, above: Value, below: Value) -> Value:
    """(x (e² + 2 e)) / (e² + 2 e + 2), e = exp(x)  ->  mish(x)."""
    return mish_of_quotient(out, x, above, below)


def mish_of_quotient(out: Builder, x: Value, above: Value, below: Value) -> Value:
    """Record mish(x) for x above / below = x tanh(log(1 + exp(x)))."""
    powers = [use.node.outputs[0] for use in x.uses() if use.node.op_type == "Exp"]
    for e in powers:
        if is_polynomial(above, e, 0, 2, 1) and is_polynomial(below, e, 2, 2, 1):
            return out.Mish(x)
    raise NoMatch("the quotient is not tanh(softplus(x)) in powers of exp(x)")
