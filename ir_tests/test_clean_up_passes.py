"""What the clean-up passes may not do: each test is a model that a careless pass would change."""

from __future__ import annotations

import numpy as np
import pytest

from mmc.ir import Model, parse, print_ir
from mmc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.normalize_attributes import NormalizeAttributes
from mmc.passes.share_weights import ShareWeights
from mmc.pattern import apply_rules, rules_of

HEAD = '<ir_version: 13, opset_import: ["" : 25]>\n'


def model(body: str, **constants: object) -> Model:
    text = f"{HEAD}g (float[2,3] x, float[2,3] z) => {body}"
    return parse(text, **{name: np.asarray(value) for name, value in constants.items()})


def ops(m: Model) -> list[str]:
    return [node.op_type for node in m.graph]


def test_equal_expressions_are_computed_once() -> None:
    m = model("(float[2,3] y) { a = Add(x, z) b = Add(z, x) c = Exp(a) d = Exp(b) y = Sub(c, d) }")
    assert EliminateCommonSubexpressions().run(m) == 2
    assert ops(m) == ["Add", "Exp", "Sub"]


@pytest.mark.parametrize(
    "body",
    [
        "(float[2,3] y) { a = RandomUniformLike(x) b = RandomUniformLike(x) y = Sub(a, b) }",
        "(float[2,3] y) { a = Softmax<axis = 0>(x) b = Softmax<axis = 1>(x) y = Sub(a, b) }",
        "(float[2,3] y) { a = Sub(x, z) b = Sub(z, x) y = Mul(a, b) }",
        "(float[2,3] y) { a = Clip(x, , one) b = Clip(x, one) y = Sub(a, b) }",
        "(float[2,3] y, float[2,3] w) { y = Exp(x) w = Exp(x) }",
    ],
)
def test_what_only_looks_equal_stays(body: str) -> None:
    m = model(body, one=np.float32(1))
    before = print_ir(m, digests=True)
    assert EliminateCommonSubexpressions().run(m) == 0
    assert print_ir(m, digests=True) == before


def test_dead_code_goes_and_outputs_stay() -> None:
    m = model(
        "(float[2,3] y, float[2,3] w) { d = Exp(x) e = Mul(d, k) w = Neg(z) y = Add(x, c) }",
        k=np.float32(2),
        c=np.float32(3),
    )
    assert EliminateDeadCode().run(m) == 3
    assert ops(m) == ["Neg", "Add"]
    assert list(m.graph.initializers) == ["c"]
    assert [v.name for v in m.graph.inputs] == ["x", "z"]


def test_only_equal_weights_are_shared() -> None:
    row = np.arange(3, dtype=np.float32)
    m = model(
        "(float[2,3] y) { a = Add(x, p) b = Add(a, q) c = Add(b, r) d = Add(c, s) y = Add(d, t) }",
        p=row,
        q=row.copy(),
        r=row + 1,
        s=row.reshape(1, 3),
        t=np.float32(-0.0) * row,
    )
    assert ShareWeights().run(m) == 1
    read = [node.inputs[1].name for node in m.graph if node.inputs[1] is not None]
    assert read == ["p", "p", "r", "s", "t"]


@pytest.mark.parametrize(
    "node",
    [
        "RandomNormal<shape = [2, 3]>()",
        "RandomUniform<shape = [2, 3]>()",
        "RandomNormalLike(k)",
        "RandomUniformLike(k)",
        "Bernoulli(k)",
    ],
)
def test_random_numbers_are_drawn_at_run_time(node: str) -> None:
    m = model(f"(float[2,3] y) {{ r = {node} y = Add(x, r) }}", k=np.full((2, 3), 0.5, np.float32))
    assert FoldConstants().run(m) == 0
    assert len(ops(m)) == 2


@pytest.mark.parametrize(("perm", "fused"), [("0,2,1", True), ("1,0,2", False), ("2,1,0", False)])
def test_a_product_takes_over_a_transpose_of_the_last_two_axes_only(perm: str, fused: bool) -> None:
    text = f"""{HEAD}g (float[4,4,4] x, float[4,4,4] z) => (float[4,4,4] y) {{
        t = Transpose<perm = [{perm}]>(z) y = MatMul(x, t) }}"""
    m = parse(text)
    apply_rules(m, rules_of("linear"))
    assert ops(m) == (["MatMulNT"] if fused else ["Transpose", "MatMul"])


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("Softmax<axis = -2>(x)", "Softmax(%0) axis=0", 1),
        ("Softmax<axis = 1>(x)", "Softmax(%0)", 1),
        ("Softmax<axis = -1>(x)", "Softmax(%0)", 1),
        ("Softmax<axis = 0>(x)", "Softmax(%0) axis=0", 0),
        ("Concat<axis = -2>(x, z)", "Concat(%0, %1) axis=0", 1),
        ("Flatten<axis = -2>(x)", "Flatten(%0) axis=0", 1),
        ("Flatten<axis = -1>(x)", "Flatten(%0)", 2),
        ("Gemm<alpha = 1.0, transA = 0, transB = 1>(x, z)", "Gemm(%0, %1) transB=1", 2),
        ("LeakyRelu<alpha = 0.01>(x)", "LeakyRelu(%0)", 1),
        ("LeakyRelu<alpha = 0.02>(x)", "LeakyRelu(%0) alpha=0.02", 0),
        ("OneHot<axis = -1>(x, d, z)", "OneHot(%0, @0, %1)", 1),
        ("OneHot<axis = -2>(x, d, z)", "OneHot(%0, @0, %1) axis=-2", 0),
    ],
)
def test_attributes_have_one_spelling(before: str, after: str, changes: int) -> None:
    m = model(f"(float y) {{ y = {before} }}", **({"d": 3} if "d," in before else {}))
    assert NormalizeAttributes().run(m) == changes
    assert print_ir(m).splitlines()[-2].partition(" = ")[2] == after
    assert NormalizeAttributes().run(m) == 0


def test_an_axis_of_unknown_rank_stays() -> None:
    m = parse(f"{HEAD}g (float x) => (float y) {{ a = Abs(x) y = Softmax<axis = -2>(a) }}")
    next(iter(m.graph)).outputs[0].shape = None
    assert NormalizeAttributes().run(m) == 0
