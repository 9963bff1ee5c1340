"""Rewriting comes to an end: long chains are done, and rules that undo each other are stopped."""

from __future__ import annotations

import numpy as np
from test_pattern import Rules, model_of, silu

from mmc.compiler import unsettled
from mmc.instruments import Verify
from mmc.ir import Array, Value, print_ir
from mmc.pass_manager import PassManager
from mmc.pattern import LEAST_REWRITES, Builder, apply_rules, const, op, rewrite
from mmc.verification.evaluate import run_model


def test_the_engine_runs_to_a_fixpoint_on_long_chains() -> None:
    @rewrite(op.Neg(op.Neg("x")))
    def twice(out: Builder, x: Value) -> Value:
        return x

    body = " ".join(f"t{i} = Neg(t{i - 1})" for i in range(1, 1001)).replace("(t0)", "(x)")
    model = model_of(body + " y = Relu(t1000)")
    PassManager([Rules((twice,))], [Verify()]).run(model)
    assert print_ir(model).count("Neg") == 0


@rewrite(op.Neg(op.Relu("x")))
def neg_to_mul(out: Builder, x: Value) -> Value:
    """-relu(x)  ->  relu(x) * -1."""
    return out.Mul(out.Relu(x), np.float32(-1))


@rewrite(op.Mul(op.Relu("x"), const("c")))
def mul_to_neg(out: Builder, x: Value, c: Array) -> Value:
    """relu(x) * -1  ->  -relu(x)."""
    return out.Neg(out.Relu(x))


def test_rules_that_undo_each_other_are_stopped_and_named() -> None:
    model = model_of("s = Relu(x) t = Neg(s) y = Abs(t)")
    assert apply_rules(model, [silu, neg_to_mul, mul_to_neg]) >= LEAST_REWRITES
    found = unsettled(model)
    assert [d.where for d in found] == ["rules mul-to-neg, neg-to-mul"]
    assert not unsettled(model), "it is said once"
    x = np.array([[-1, 0, 1], [2, -2, 3]], np.float32)
    np.testing.assert_array_equal(run_model(model, {"x": x})["y"], np.maximum(x, 0))


def test_rules_that_settle_are_not_named() -> None:
    model = model_of("s = Sigmoid(x) y = Mul(x, s)")
    apply_rules(model, [silu])
    assert not unsettled(model)
