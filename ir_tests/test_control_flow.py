"""Loops, scans, branches and sequences of known size disappear; others are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmc.compiler import compile_model
from mmc.diagnostics import MmcError
from mmc.interpret import evaluate
from mmc.ir import Array, load, parse, save
from mmc.passes import unroll_loops
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.inline_if import InlineIf
from mmc.passes.merge_branches import MergeBranches
from mmc.passes.unroll_loops import UnrollLoops
from mmc.verification.reference import run

HEAD = '<ir_version: 8, opset_import: ["" : 17]> g '
N4 = {"n": np.array(4), "t": np.array(True)}
NETS: dict[str, tuple[str, dict[str, Array]]] = {
    "loop": (
        """(float[2,3] x) => (float[2,3] y, float[4,2,3] z) {
        y, z = Loop <body = b (int64 i, bool c, float[2,3] s)
            => (bool c2, float[2,3] s2, float[2,3] o) {
            c2 = Identity(c)  a = Add(s, x)  k = Cast <to = 1> (i)  e = Add(k, half)
            s2 = Mul(a, e)  o = Relu(s2) }> (n, t, x) }""",
        {**N4, "half": np.float32(0.5)},
    ),
    "constant output of a body": (
        """(float[2,3] x) => (float[2,3] y) {
        y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s2)
            <bool c2 = {1}> { s2 = Sin(s) }> (n, t, x) }""",
        {**N4},
    ),
    "while": (
        """(float[2,3] x) => (float[2,3] y) {
        y, m = Loop <body = b (int64 i, bool c, float[2,3] s, int64 j)
            => (bool c2, float[2,3] s2, int64 j2) {
            j2 = Add(j, two)  c2 = Less(j2, seven)  s2 = Tanh(s) }> (, t, x, zero) }""",
        {"t": np.array(True), "two": np.array(2), "seven": np.array(7), "zero": np.array(0)},
    ),
    "a sequence filled as onnxscript counts": (
        """(float[2,3] x) => (float[6,3] y) {
        e = SequenceEmpty <dtype = 1> ()
        j9, s9 = Loop <body = b (int64 i, bool c, int64 j, seq(float[2,3]) s)
            => (bool c2, int64 j2, seq(float[2,3]) s2) {
            k = CastLike(one, j)  j2 = Add(j, k)  c2 = Less(j2, three)
            f = Cast <to = 1> (j)  r = Add(x, f)  s2 = SequenceInsert(s, r) }> (, t, zero, e)
        y = ConcatFromSequence <axis = 0> (s9) }""",
        {"t": np.array(True), "one": np.int32(1), "three": np.array(3), "zero": np.array(0)},
    ),
    "nested": (
        """(float[2,3] x) => (float[2,3] y) {
        y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s3) {
            c2 = Identity(c)
            s3 = Loop <body = d (int64 j, bool e, float[2,3] u) => (bool e2, float[2,3] u2) {
                e2 = Identity(e)  v = Sin(u)  u2 = Add(v, s) }> (n, t, s) }> (n, t, x) }""",
        N4,
    ),
    "scan": (
        """(float[5,2] x, float[2] h) => (float[2] y, float[5,2] z) {
        y, z = Scan <num_scan_inputs = 1, scan_input_directions = [1], body = b
            (float[2] s, float[2] e) => (float[2] s2, float[2] o) {
            a = Add(s, e)  s2 = Tanh(a)  o = Mul(s2, e) }> (h, x) }""",
        {},
    ),
    "sequence": (
        """(float[6,3] x) => (float[3] y, float[6,3] z, float[2,2,3] w) {
        a = SplitToSequence <keepdims = 0> (x)  y = SequenceAt(a, last)
        b = SplitToSequence(x, two)  z = ConcatFromSequence <axis = 0> (b)
        p = SequenceAt(b, zero)  q = Relu(p)  e = SequenceEmpty <dtype = 1> ()
        f = SequenceInsert(e, p)  k = SequenceInsert(f, q, zero)
        w = ConcatFromSequence <axis = 0, new_axis = 1> (k) }""",
        {"last": np.array(-1), "two": np.array(2), "zero": np.array(0)},
    ),
    "if in a loop": (
        """(float[2,3] x) => (float[2,3] y) {
        y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s2) {
            c2 = Identity(c)  first = Equal(i, zero)
            s2 = If (first) <then_branch = p () => (float[2,3] r) { r = Sin(s) },
                else_branch = q () => (float[2,3] r2) { r2 = Mul(s, x) }> }> (n, t, x) }""",
        {**N4, "zero": np.array(0)},
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_static_control_flow(name: str, tmp_path: Path) -> None:
    body, constants = NETS[name]
    save(parse(HEAD + body, **constants), tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite")
    assert result.verification is not None
    assert result.verification.passed


REFUSED: dict[str, tuple[str, dict[str, Array], str]] = {
    "loop": (
        """(float[2,3] x, int64 n) => (float[2,3] y) {
        y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s2) {
            c2 = Identity(c)  s2 = Sin(s) }> (n, t, x) }""",
        {"t": np.array(True)},
        "number of steps .trip count. depends on the data, on 'n'",
    ),
    "while": (
        """(float[2,3] x) => (float[2,3] y) {
        y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s2) {
            s2 = Sin(s)  m = ReduceMax <keepdims = 0> (s2)  c2 = Less(m, one) }> (n, t, x) }""",
        {**N4, "one": np.float32(1)},
        "number of steps .trip count. depends on the data, on 'x'",
    ),
    "if": (
        """(float[2,3] x, bool c) => (float[2,3] y) {
        y = If (c) <then_branch = p () => (float[2,3] r) { r = Sin(x) },
                else_branch = q () => (float[2,3] r2) { r2 = Cos(x) }> }""",
        {},
        "the branch that it takes depends on the data, on 'c'",
    ),
    "nms": (
        """(float[1,20,4] b, float[1,1,20] s) => (int64[k,3] y) {
        y = NonMaxSuppression(b, s, n) }""",
        {"n": np.array(5)},
        "NonMaxSuppression",
    ),
    "nonzero": ("(float[2,3] x) => (int64[2,k] y) { y = NonZero(x) }", {}, "NonZero"),
    "unique": ("(float[6] x) => (float[k] y) { y = Unique(x) }", {}, "Unique"),
    "compress": (
        "(float[6] x, bool[6] c) => (float[k] y) { y = Compress <axis = 0> (x, c) }",
        {},
        "Compress",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_node(name: str, tmp_path: Path) -> None:
    body, constants, words = REFUSED[name]
    save(parse(HEAD + body, **constants), tmp_path / "m.onnx")
    with pytest.raises(MmcError, match=words) as caught:
        compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite")
    assert [d.code for d in caught.value.diagnostics] == ["MMC201"]
    assert not (tmp_path / "m.tflite").exists()


def test_long_loops_are_left_alone(tmp_path: Path) -> None:
    body, constants = NETS["loop"]
    save(parse(HEAD + body, **constants), tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    assert UnrollLoops(max_nodes=10).run(model) == 0
    assert UnrollLoops().run(model) == 1


@pytest.mark.parametrize(("most", "changes"), [(8, 1), (7, 0)])
def test_the_limit_is_of_operators(most: int, changes: int, tmp_path: Path) -> None:
    body, constants = NETS["constant output of a body"]  # four steps of two operators
    save(parse(HEAD + body, **constants), tmp_path / "m.onnx")
    assert UnrollLoops(max_nodes=most).run(load(tmp_path / "m.onnx")) == changes


UNTAKEN = """(float[2,3] x) => (float[2,3] y) { a = Abs(x)
    y = If <then_branch = b () => (float[2,3] p) { p = Neg(a) },
            else_branch = c () => (float[2,3] q) {
        q = If <then_branch = d () => (float[2,3] r) { r = Sin(a) },
                else_branch = e () => (float[2,3] t) { t = Cos(a) }> (no) }> (yes) }"""
FLAGS = {"yes": np.array(True), "no": np.array(False)}


ENDLESS = """(float[2,3] x) => (float[2,3] y) {
    y = Loop <body = b (int64 i, bool c, float[2,3] s) => (bool c2, float[2,3] s2) {
        c2 = Identity(c) s2 = Add(s, s) }> (n, t, x) }"""


@pytest.mark.parametrize("steps", [2**63 - 1, None])
def test_a_loop_that_nothing_ends_is_not_followed(
    steps: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not change from step to step decides as in the first one."""
    model = parse(HEAD + ENDLESS, n=np.array(steps or 1), t=np.array(True))
    (loop,) = model.graph
    if steps is None:
        loop.replace_input_with(0, None)
    seen: list[str] = []
    monkeypatch.setattr(unroll_loops, "evaluate", lambda n, x: seen.append("") or evaluate(n, x))
    assert UnrollLoops().run(model) == 0
    assert len(seen) < 10


def test_a_branch_that_is_not_taken_uses_nothing() -> None:
    model = parse(HEAD + UNTAKEN, **FLAGS)
    InlineIf().run(model)
    (made,) = (n for n in model.graph if n.op_type == "Abs")
    assert [use.node.op_type for use in made.outputs[0].uses()] == ["Neg"]


def test_a_dead_branch_uses_nothing() -> None:
    text = UNTAKEN.replace("a = Abs(x)", "a = Abs(x) y = Relu(a)").replace("    y = If", "w = If")
    model = parse(HEAD + text, **FLAGS)
    EliminateDeadCode().run(model)
    (made,) = (n for n in model.graph if n.op_type == "Abs")
    assert [use.node.op_type for use in made.outputs[0].uses()] == ["Relu"]


MERGED = {
    "one output": """(float[2,3] x, float[4] d) => (float[2,3] y) {
        a = Abs(x) t = ReduceMax <keepdims = 0> (d) c = Less(t, one)
        y = If (c) <then_branch = p () => (float[2,3] r) { r = Sin(a) },
                else_branch = q () => (float[2,3] r2) { r2 = Sqrt(a) }> }""",
    "a constant and an outer value": """(float[2,3] x, float[4] d) => (float[2,3] y, float[2,3] z) {
        t = ReduceMax <keepdims = 0> (d) c = Less(t, one)
        y, z = If (c) <then_branch = p () => (float[2,3] r, float[2,3] s) { r = Sin(x) s = Neg(r) },
                else_branch = q () => (float[2,3] r, float[2,3] s) { r = Identity(x)
            s = Constant <value = float[2,3] {1, 2, 3, 4, 5, 6}> () }> }""",
    "nested": """(float[2,3] x, float[4] d) => (float[2,3] y) {
        m = ReduceMax <keepdims = 0> (x) c = Less(m, two)
        y = If (c) <then_branch = p () => (float[2,3] r) { r = Sin(x) },
                else_branch = q () => (float[2,3] r2) { e = Less(m, one)
            r2 = If (e) <then_branch = k () => (float[2,3] u) { u = Neg(x) },
                    else_branch = l () => (float[2,3] v) { v = Cos(x) }> }> }""",
    "a condition with axes and a result without": """(float[2,3] x, float[4] d) => (float y) {
        m = ReduceMax <keepdims = 1> (d) c = Less(m, one)
        y = If (c) <then_branch = p () => (float r) { r = ReduceMax <keepdims = 0> (x) },
                else_branch = q () => (float r2) { r2 = ReduceMin <keepdims = 0> (x) }> }""",
}


@pytest.mark.parametrize("name", MERGED)
def test_both_branches_are_computed(name: str, tmp_path: Path) -> None:
    known = {"one": np.float32(1), "two": np.float32(2)}
    known = {k: v for k, v in known.items() if f"{k})" in MERGED[name]}
    save(parse(HEAD + MERGED[name], **known), tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    assert MergeBranches().run(model) == MERGED[name].count("If (")
    assert "If" not in {node.op_type for node in model.graph}
    save(model, tmp_path / "after.onnx")
    rng = np.random.default_rng(0)
    for largest in (0.5, 2.5):
        for scale in (0.1, 1, 3):
            feeds = {"x": (rng.standard_normal((2, 3)) * scale).astype(np.float32)}
            feeds["d"] = np.linspace(-1, largest, 4, dtype=np.float32)
            before, after = (run(tmp_path / f, feeds) for f in ("m.onnx", "after.onnx"))
            assert before.keys() == after.keys()
            for key, expected in before.items():
                np.testing.assert_array_equal(after[key], expected)
    compile_model(tmp_path / "m.onnx", "hexagon_v73", tmp_path / "m.tflite")


OTHER_SHAPES = """(float[2,3] x) => (float[a,b] y) {
    t = ReduceMax <keepdims = 0> (x) c = Less(t, one)
    y = If (c) <then_branch = p () => (float[2,3] r) { r = Sin(x) },
            else_branch = q () => (float[3,2] r2) { r2 = Transpose(x) }> }"""


def test_what_is_not_merged(tmp_path: Path) -> None:
    flag, _, _ = REFUSED["if"]
    for body, known in ((flag, {}), (OTHER_SHAPES, {"one": np.float32(1)})):
        save(parse(HEAD + body, **known), tmp_path / "m.onnx")
        assert MergeBranches().run(load(tmp_path / "m.onnx")) == 0


MANY = """(float[2,3] x, bool[2] c) => (float[2,3] y) {
    y = If (c) <then_branch = p () => (float[2,3] r) { r = Sin(x) },
            else_branch = q () => (float[2,3] r2) { r2 = Cos(x) }> }"""


def test_several_truth_values_do_not_decide() -> None:
    with pytest.raises(MmcError, match=r"MMC105.*decided by 2 values"):
        MergeBranches().run(parse(HEAD + MANY))
