"""The rule engine: what matches, what is refused and why, and what it guarantees to rules."""

from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir
import pytest

from mmc.instruments import Verify
from mmc.ir import Array, Model, Node, Value, attrs, parse, shape_of, sources
from mmc.matching import match
from mmc.pass_manager import Pass, PassManager
from mmc.pattern import (
    Builder,
    NoMatch,
    Rule,
    apply_rules,
    const,
    either,
    maybe,
    op,
    rewrite,
)
from mmc.pattern_language import OpPattern
from mmc.shapes import infer
from mmc.verification.evaluate import run_model


def model_of(
    body: str, inputs: str = "float[2,3] x", outputs: str = "float[2,3] y", **c: Array
) -> Model:
    model = parse(
        f'<ir_version: 13, opset_import: ["" : 25]> g ({inputs}) => ({outputs}) {{{body}}}', **c
    )
    infer(model)
    return model


def reasons(model: Model, rule: Rule) -> list[str]:
    heard: list[str] = []
    assert apply_rules(model, [rule], lambda r, n, why: heard.append(why)) == 0
    return heard


@rewrite(op.Mul("x", op.Sigmoid("x")))
def silu(out: Builder, x: Value) -> Value:
    """x * sigmoid(x)  ->  mmc.Silu(x)."""
    return out.mmc.Silu(x)


@rewrite(op.Add(op.MatMul("x", const("w")), const("b")))
def gemm(out: Builder, x: Value, w: Array, b: Array) -> Value:
    """x W + b  ->  Gemm(x, W, b)."""
    if b.shape != (w.shape[1],):
        raise NoMatch(f"bias has shape {b.shape}")
    return out.Gemm(x, w, b)


def test_commutative_ops_match_in_both_orders() -> None:
    for body in ("s = Sigmoid(x) y = Mul(x, s)", "s = Sigmoid(x) y = Mul(s, x)"):
        model = model_of(body)
        assert apply_rules(model, [silu]) == 1
        assert [n.op_type for n in model.graph] == ["Silu"]
        assert model.graph.outputs[0].name == "y"


def test_a_name_bound_twice_must_be_one_value() -> None:
    model = model_of("s = Sigmoid(z) y = Mul(x, s)", "float[2,3] x, float[2,3] z")
    assert any("two different values" in why for why in reasons(model, silu))


@pytest.mark.parametrize(("other", "count"), [("b", 1), ("d", 0), ("e", 0)])
def test_a_name_bound_twice_may_be_two_constants_that_hold_the_same(other: str, count: int) -> None:
    """Exporters write a weight once for every use."""

    @rewrite(op.Add(op.Mul("x", "c"), op.Mul("y", "c")))
    def distribute(out: Builder, x: Value, y: Value, c: Value) -> Value:
        return out.Mul(out.Add(x, y), c)

    model = model_of(
        f"r = Mul(x, a) t = Relu(x) s = Mul(t, {other}) y = Add(r, s)",
        a=np.ones(3, np.float32),
        **{
            "b": {"b": np.ones(3, np.float32)},
            "d": {"d": np.full(3, 2, np.float32)},
            "e": {"e": np.ones(1, np.float32)},
        }[other],
    )
    assert apply_rules(model, [distribute]) == count


def test_an_inner_result_with_another_use_is_kept() -> None:
    model = model_of("s = Sigmoid(x) y = Mul(x, s)", outputs="float[2,3] y, float[2,3] s")
    assert reasons(model, silu) == ["'s' inside the pattern is used elsewhere"]


def test_constants_numbers_attributes_and_alternatives() -> None:
    w, b = np.ones((3, 3), np.float32), np.ones(3, np.float32)
    model = model_of("t = MatMul(x, w) y = Add(b, t)", w=w, b=b)
    assert apply_rules(model, [gemm]) == 1

    @rewrite(op.Mul(either(op.Relu("x"), op.Elu("x", alpha=2.0)), 0.5))
    def halve(out: Builder, x: Value) -> Value:
        return out.Neg(x)

    half, third = np.float32(0.5).reshape(()), np.float32(0.3).reshape(())
    assert apply_rules(model_of("t = Relu(x) y = Mul(t, c)", c=half), [halve]) == 1
    assert apply_rules(model_of("t = Elu<alpha = 2.0>(x) y = Mul(c, t)", c=half), [halve]) == 1
    assert apply_rules(model_of("t = Elu<alpha = 3.0>(x) y = Mul(c, t)", c=half), [halve]) == 0
    assert "is 0.3" in " ".join(reasons(model_of("t = Relu(x) y = Mul(t, c)", c=third), halve))


def test_an_omitted_input_is_bound_to_none() -> None:
    @rewrite(op.Clip("x", maybe(const("low")), maybe(const("high"))))
    def unclip(out: Builder, x: Value, low: Array | None, high: Array | None) -> Value:
        assert low is None
        return out.Min(x, high)

    model = model_of("y = Clip(x, , h)", h=np.float32(1).reshape(()))
    assert apply_rules(model, [unclip]) == 1


def test_a_shared_weight_is_never_overwritten() -> None:
    w, b = np.ones((3, 3), np.float32), np.arange(3, dtype=np.float32)
    body = "t = MatMul(x, w) y = Add(t, b) z = MatMul(x, w)"
    model = model_of(body, outputs="float[2,3] y, float[2,3] z", w=w, b=b)
    feeds = {"x": np.ones((2, 3), np.float32)}
    before = run_model(model, feeds)
    assert apply_rules(model, [gemm]) == 1
    after = run_model(model, feeds)
    assert all(np.array_equal(after[k], before[k]) for k in before)


def test_new_nodes_know_the_users_nodes_and_their_rule() -> None:
    model = model_of("s = Sigmoid(x) y = Mul(x, s)")
    names = {n.name for n in model.graph}
    apply_rules(model, [silu])
    node = model.graph[0]
    assert set(sources(node)) == names
    assert node.metadata_props["mmc.rule"] == "silu"


def test_an_output_keeps_a_node_of_its_own() -> None:
    @rewrite(op.Identity("x"))
    def bypass(out: Builder, x: Value) -> Value:
        return x

    model = model_of("y = Identity(x)")
    assert "needs a node of its own" in reasons(model, bypass)[0]
    model = model_of("t = Relu(x) y = Identity(t)")
    assert apply_rules(model, [bypass]) == 1
    assert model.graph.outputs[0].name == "y"


def test_a_replacement_of_another_shape_is_refused() -> None:
    @rewrite(op.Relu("x"))
    def wrong(out: Builder, x: Value) -> Value:
        return out.Transpose(x, perm=[1, 0])

    model = model_of("y = Relu(x)")
    assert reasons(model, wrong)
    assert len(model.graph.inputs[0].uses()) == 1


@pytest.mark.parametrize("dtype", ["float", "double", "float16"])
def test_a_number_that_a_rule_writes_has_the_type_of_its_operand(dtype: str) -> None:
    @rewrite(op.Abs("x"))
    def negated(out: Builder, x: Value) -> Value:
        return out.Mul(x, -1.0)

    model = model_of("y = Abs(x)", f"{dtype}[2,3] x", f"{dtype}[2,3] y")
    assert apply_rules(model, [negated]) == 1
    infer(model)


class Rules(Pass):
    """Rewrites by some rules."""

    name = "test-rules"

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        object.__setattr__(self, "rules", rules)

    def run(self, model: Model) -> int:
        return apply_rules(model, self.rules)  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [1, 2])
def test_multiple_outputs_are_replaced_together(count: int) -> None:
    @rewrite(op.Split("x", const("sizes")).named("n"))
    def slices(out: Builder, x: Value, n: Node, sizes: Array) -> list[Value]:
        edges = np.concatenate([[0], np.cumsum(sizes)])
        axis = [attrs(n)["axis"]]
        return [out.Slice(x, [a], [b], axis) for a, b in itertools.pairwise(edges)]

    model = model_of(
        "a, b = Split <axis = 1> (x, s) y = Relu(a) z = Neg(b)",
        outputs="float[2,1] y, float[2,2] z",
        s=np.array([1, 2]),
    )
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    before = run_model(model, feeds)
    assert apply_rules(model, [slices]) == 1
    after = run_model(model, feeds)
    assert all(np.array_equal(after[k], before[k]) for k in before)


def test_a_rule_may_answer_with_a_constant() -> None:
    @rewrite(op.Neg(const("c")))
    def negate(out: Builder, c: Array) -> Array:
        return -c

    model = model_of("n = Neg(c) y = Add(x, n)", c=np.ones(3, np.float32))
    PassManager([Rules((negate,))], [Verify()]).run(model)
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(run_model(model, {"x": x})["y"], x - 1)


def test_one_pattern_object_used_twice_is_one_value() -> None:
    centred: OpPattern = op.Sub("x", const("m"))
    pattern = op.Mul(centred, centred)
    m = np.ones(3, np.float32)
    same = model_of("c = Sub(x, m) y = Mul(c, c)", m=m)
    assert len(match(pattern, same.graph[1]).nodes) == 2
    other = model_of("c = Sub(x, m) d = Sub(x, m) y = Mul(c, d)", m=m)
    root = next(n for n in other.graph if n.op_type == "Mul")
    with pytest.raises(NoMatch, match="two different values"):
        match(pattern, root)
    assert isinstance(same.graph[1], ir.Node)


def test_two_parts_of_a_pattern_may_be_one_node() -> None:
    """Found by drawn models: attention of a scaled value with itself has one scale, seen twice."""

    @rewrite(op.MatMul(op.Mul("a", const("s")), op.Mul("b", const("t"))))
    def scale_later(out: Builder, a: Value, b: Value, s: Array, t: Array) -> Value:
        """(a s) (b t)  ->  (a b) (s t), for numbers s and t."""
        return out.Mul(out.MatMul(a, b), s * t)

    s = np.array(0.5, np.float32)
    model = model_of("c = Mul(x, s) y = MatMul(c, c)", "float[3,3] x", "float[3,3] y", s=s)
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    before = run_model(model, {"x": x})["y"]
    assert apply_rules(model, [scale_later]) == 1
    assert [n.op_type for n in model.graph] == ["MatMul", "Mul"]
    assert np.array_equal(run_model(model, {"x": x})["y"], before)


def test_a_rule_that_asks_for_a_shape_that_is_not_known_does_not_match() -> None:
    @rewrite(op.Relu("x"))
    def flat(out: Builder, x: Value) -> Value:
        return out.Reshape(x, [int(np.prod(shape_of(x)))])

    model = model_of("y = Relu(x)", "float[n] x", "float[n] y")
    assert reasons(model, flat) == ["value 'x' has no static shape: [n]"]


def test_a_name_of_an_alternative_that_was_not_taken_is_none() -> None:
    heard: list[Value | None] = []

    @rewrite(op.Sqrt(either(op.Add("x", const("e")), "x")))
    def listen(out: Builder, x: Value, e: Array | None) -> Value:
        heard.append(e)
        raise NoMatch("heard")

    reasons(model_of("y = Sqrt(x)"), listen)
    assert heard == [None]


def test_a_rule_asks_for_no_name_that_its_pattern_does_not_bind() -> None:
    with pytest.raises(TypeError, match="binds no w"):

        @rewrite(op.Add(maybe("x"), either(op.Mul("y", "z"), const("c"))).named("n"))
        def wrong(out: Builder, x: Value, w: Value) -> Value:
            return x
