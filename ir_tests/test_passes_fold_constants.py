"""Constant folding: exporter shape arithmetic vanishes in one run; nothing grows the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np
import pytest

from mmc.instruments import Verify
from mmc.interpret import evaluate
from mmc.ir import Array, Model, Node, constant, parse, print_ir, shape_of
from mmc.pass_manager import PassManager
from mmc.passes import fold_constants
from mmc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.share_weights import ShareWeights
from mmc.shapes import infer

HEAD = '<ir_version: 13, opset_import: ["" : 25]>\n'


def model_of(text: str, **weights: object) -> Model:
    """Return the model of ONNX text, with shapes inferred."""
    model = parse(HEAD + text, **{k: np.asarray(v) for k, v in weights.items()})
    infer(model)
    return model


def fold(model: Model, **options: Any) -> int:
    """Fold, verify, and drop what nothing reads; returns the number of folds."""
    records = PassManager([FoldConstants(**options), EliminateDeadCode()], [Verify()]).run(model)
    return records[0].changes


def test_exporter_shape_arithmetic_vanishes_in_one_run() -> None:
    model = model_of(
        """g (float[2,3,4,5] x) => (float[a,b] y) {
            s = Shape(x)
            n = Gather(s, zero)
            u = Unsqueeze(n, axes)
            c = Concat<axis = 0>(u, rest)
            t = Cast<to = 1>(c)
            f = Floor(t)
            d = Cast<to = 7>(f)
            y = Reshape(x, d)
        }""",
        zero=0,
        axes=[0],
        rest=[-1],
    )
    assert fold(model) == 7
    assert [n.op_type for n in model.graph] == ["Reshape"]
    assert shape_of(model.graph.outputs[0]) == (2, 60)
    before = print_ir(model, digests=True)
    assert fold(model) == 0
    assert print_ir(model, digests=True) == before


@pytest.mark.parametrize(
    ("text", "weights", "expected"),
    [
        ("y = Div(a, b)", {"a": [-7, 7, -7], "b": [2, 2, -2]}, [-3, 3, 3]),
        ("y = Mod(a, b)", {"a": [-7, 7, -7], "b": [3, 3, -3]}, [2, 1, -1]),
        ("y = Slice(a, s, e, x0, st)", {"a": [0, 1, 2, 3, 4], "s": [-1], "e": [-(2**31)],
                                        "x0": [0], "st": [-2]}, [4, 2, 0]),
        ("y = Slice(a, s, e)", {"a": [0, 1, 2, 3], "s": [1], "e": [2**40]}, [1, 2, 3]),
        ("y = Range(a, b, c)", {"a": 5, "b": 0, "c": -2}, [5, 3, 1]),
        ("y = ReduceProd<keepdims = 0>(a)", {"a": [[2, 3], [4, 5]]}, 120),
        ("y = Tile(a, r)", {"a": [1, 2], "r": [2]}, [1, 2, 1, 2]),
        ("n = NonZero(a) y = Squeeze(n)", {"a": [0, 7, 0, 9]}, [1, 3]),
        ("y = Where(c, a, b)", {"c": [True, False], "a": [1, 2], "b": [3, 4]}, [1, 4]),
        ("y = Pow(a, b)", {"a": [2, 3], "b": [10, 2]}, [1024, 9]),
        ("y = Min(a, b)", {"a": [2, 3], "b": [10, 2]}, [2, 2]),
    ],
)  # fmt: skip
def test_values_are_those_of_onnx(text: str, weights: dict[str, object], expected: object) -> None:
    model = model_of(f"g (int64[1] x) => (int64[a] y) {{ {text} }}", **weights)
    fold(model)
    (node,) = model.graph
    assert node.op_type == "Identity", "an output of the model keeps a node of its own"
    np.testing.assert_array_equal(constant(node.inputs[0]), np.asarray(expected))


def test_what_numpy_lacks_is_computed_by_the_runtime() -> None:
    model = model_of("g (float[3] x) => (float[3] y) { s = Softmax(a) y = Add(x, s) }",
                     a=np.array([1, 2, 3], np.float32))  # fmt: skip
    assert fold(model) == 1
    e = np.exp(np.array([1, 2, 3], np.float64))
    value = constant(next(iter(model.graph)).inputs[1])
    assert value is not None
    np.testing.assert_allclose(value, e / e.sum(), rtol=1e-6)


def test_the_runtime_is_not_imported_for_shape_arithmetic() -> None:
    code = (
        "import sys\nfrom mmc.ir import parse\n"
        "from mmc.passes.fold_constants import FoldConstants\n"
        'm = parse(\'<ir_version: 13, opset_import: ["" : 25]> g (float[2] x) => (float[2] y) '
        "{ s = Shape(x) y = Expand(x, s) }')\n"
        "assert FoldConstants().run(m) == 1\nassert 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_fold_that_grows_the_file_stays_a_node_but_is_known() -> None:
    text = """g (float[1] x) => (float[1] y, float[100000] z) {
        big = Expand(one, shape)
        total = ReduceSum(big)
        y = Mul(x, total)
        z = Add(big, x)
    }"""
    model = model_of(text, one=np.ones(1, np.float32), shape=[100000])
    assert fold(model) == 1
    assert [n.op_type for n in model.graph] == ["Mul", "Expand", "Add"] or [
        n.op_type for n in model.graph
    ] == ["Expand", "Mul", "Add"]
    small = model_of(text, one=np.ones(1, np.float32), shape=[100000])
    fold(small, max_growth_bytes=1 << 20)
    assert "Expand" not in [n.op_type for n in small.graph]
    kept, gone = model_of(text, one=np.ones(1, np.float32), shape=[100000]), model
    fold(kept, lowered=("Expand", "Mul", "Add"))
    assert "Expand" in [n.op_type for n in kept.graph]
    fold(gone, lowered=("Mul", "Add"))
    assert "Expand" not in [n.op_type for n in gone.graph]


def test_a_weight_that_only_this_node_reads_may_change_its_form() -> None:
    model = model_of("g (float[2,300] x) => (float[2,200] y) { t = Transpose(w) y = MatMul(x, t) }",
                     w=np.ones((200, 300), np.float32))  # fmt: skip
    assert fold(model, max_growth_bytes=0) == 1


def test_quantized_weights_and_random_numbers_stay() -> None:
    model = model_of(
        """g (float[2,2] x) => (float[2,2] y) {
            w = DequantizeLinear(q, s)
            r = RandomNormal<shape = [2,2]>()
            a = MatMul(x, w)
            y = Add(a, r)
        }""",
        q=np.ones((2, 2), np.int8),
        s=np.float32(0.5),
    )
    assert fold(model) == 0


def test_an_if_with_a_known_condition_is_its_branch() -> None:
    model = model_of(
        """g (float[2,3] x) => (float[n,m] y) {
            s = Shape(x)
            r = Size(s)
            two = Constant <value = int64 {2}> ()
            c = Equal(r, two)
            z = If (c) <
                then_branch = t () => (float[k] a) { b = Relu(x) a = Neg(b) },
                else_branch = e () => (float[k] a) { a = Abs(x) }
            >
            y = Exp(z)
        }"""
    )
    fold(model)
    assert [n.op_type for n in model.graph] == ["Relu", "Neg", "Exp"]


def test_equal_expressions_are_computed_once_and_equal_weights_stored_once() -> None:
    w = np.arange(600, dtype=np.float32).reshape(2, 300)
    model = model_of(
        """g (float[1,2] x) => (float[1,300] y) {
            a = MatMul(x, v) b = MatMul(x, w) c = Relu(a) d = Relu(b) y = Add(c, d)
        }""",
        v=w,
        w=w.copy(),
    )
    share, merge = ShareWeights(), EliminateCommonSubexpressions()
    assert share.run(model) == 1
    assert merge.run(model) == 2
    EliminateDeadCode().run(model)
    assert [n.op_type for n in model.graph] == ["MatMul", "Relu", "Add"]
    assert share.run(model) == merge.run(model) == 0


def test_work_per_node_does_not_grow_with_the_model() -> None:
    def lines_run(count: int) -> int:
        lines = " ".join(
            f"s{i} = Shape(v{i}) a{i} = Abs(v{i}) v{i + 1} = Reshape(a{i}, s{i})"
            for i in range(count)
        )
        model, seen = model_of(f"g (float[2] v0) => (float[2] v{count}) {{ {lines} }}"), 0

        def tick(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            nonlocal seen
            seen += event == "line"
            return tick

        before = sys.gettrace()
        sys.settrace(tick)
        try:
            assert fold(model) == count
        finally:
            sys.settrace(before)
        return seen

    lines_run(10)  # what is imported or remembered once
    few, many = lines_run(50), lines_run(400)
    assert many < 8.5 * few  # 8 times the nodes; quadratic would be 64


def test_large_results_are_computed_only_for_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain too large to write down costs nothing, unless what is small depends on it."""
    computed: list[str] = []

    def counting(node: Node, inputs: Sequence[Array | None]) -> tuple[Array, ...] | None:
        computed.append(node.op_type)
        return evaluate(node, inputs)

    monkeypatch.setattr(fold_constants, "evaluate", counting)
    text = """g (float[65536] x) => (float[65536] y%s) {
        e = Expand(one, size)  n = Neg(e)  y = Add(x, n) %s }"""
    weights = {"one": np.ones(1, np.float32), "size": [65536]}
    assert fold(model_of(text % ("", ""), **weights)) == 0
    assert computed == []
    asked = text % (", float[1] z", "z = Slice(n, from, to)")
    model = model_of(asked, **weights, **{"from": [7], "to": [8]})
    assert fold(model) == 1
    assert set(computed) == {"Slice", "Neg", "Expand"}
    assert constant(model.graph.outputs[1].producer().inputs[0]) == -1
