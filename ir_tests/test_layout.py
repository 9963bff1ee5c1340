"""Layout assignment: exact on generated graphs, and no transpose left that nothing forces."""

from __future__ import annotations

import tempfile
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden_models
from ir_tests.image_networks import STEPS, draw_model
from mmc.compiler import unsettled
from mmc.instruments import Verify
from mmc.ir import Array, Model, load, parse, print_ir, save, shape_of
from mmc.layout.permutation import (
    between,
    compose,
    inverse,
    permuted,
    same_order,
    through_reshape,
)
from mmc.layout.stored_names import stored_names
from mmc.optimizer import phases_of
from mmc.pass_manager import PassManager
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.to_nhwc import ToNhwc
from mmc.shapes import infer
from mmc.verification import reference
from mmc.verification.evaluate import run_model
from mmc.verification.tensors import inner_names


def arrange(model: Model, **options: str) -> dict[str, int]:
    """Run the layout passes and count the operators; a second assignment has nothing to do."""
    steps = (ToNhwc(**options), FoldConstants(), AssignLayout(), EliminateDeadCode())
    PassManager(steps, [Verify()]).run(model)
    assert AssignLayout().run(model) == 0
    return dict(Counter(node.op_type for node in model.graph))


def conv_text(body: str, result: str) -> str:
    return f"""<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3,8,8] x) => (float[{result}] y) {{ {body} }}"""


W = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
CONV = "c = Conv <pads = [1, 1, 1, 1], kernel_shape = [3, 3]> (x, w)"


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_permutation_algebra(p: list[int], q: list[int]) -> None:
    x = np.arange(120).reshape(2, 3, 4, 5)
    a, b = tuple(p), tuple(q)
    assert np.array_equal(x.transpose(a).transpose(b), x.transpose(compose(a, b)))
    assert np.array_equal(x.transpose(a).transpose(inverse(a)), x)
    assert np.array_equal(x.transpose(a).transpose(between(a, b)), x.transpose(b))
    assert permuted(x.shape, a) == x.transpose(a).shape


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((2, 3, 4, 5), (2, 3, 20)),
        ((2, 3, 20), (2, 3, 4, 5)),
        ((1, 6, 1, 5), (1, 2, 3, 5)),
        ((2, 3, 1), (6, 1)),
        ((1, 4, 1, 6), (4, 6)),
        ((4, 6), (24,)),
        ((1, 1), (1,)),
        ((2, 6), (3, 4)),
    ],
)
def test_reshape_carries_exactly_the_layouts_that_move_nothing(
    source: tuple[int, ...], target: tuple[int, ...]
) -> None:
    x = np.arange(int(np.prod(source))).reshape(source)
    for p in permutations(range(len(source))):
        memory = x.transpose(p).reshape(-1)
        fits = [
            q
            for q in permutations(range(len(target)))
            if np.array_equal(x.reshape(target).transpose(q).reshape(-1), memory)
        ]
        found = through_reshape(source, target, p)
        assert (found in fits) if fits else found is None
        assert all(same_order(target, q, fits[0]) for q in fits)


def test_conv_relu_needs_only_the_transposes_of_its_ends() -> None:
    model = parse(conv_text(f"{CONV} y = Relu(c)", "1,4,8,8"), w=W)
    infer(model)
    arrange(model)
    assert (
        print_ir(model)
        == """\
%0: float[1,3,8,8] = input
%1: float[1,8,8,3] = Transpose(%0) perm=[0,2,3,1]
@0: float[4,3,3,3] = const
%2: float[1,8,8,4] = mmc.Conv2d(%1, @0, _) dilations=[1,1] group=1 pads=[1,1,1,1] strides=[1,1]
%3: float[1,8,8,4] = Relu(%2)
%4: float[1,4,8,8] = Transpose(%3) perm=[0,3,1,2]
return %4
"""
    )


def test_equal_places_of_a_transpose_are_no_gain() -> None:
    """Two heads end a detector; a transpose costs the same before and after what they share."""
    model = load(golden_models.path("mtcnn_pnet"))
    PassManager(phases_of("tflite"), [Verify()]).run(model)
    assert not unsettled(model)
    assert AssignLayout().run(model) == 0


@pytest.mark.parametrize(
    ("body", "result", "transposes"),
    [
        (f"{CONV} s = Sigmoid(c) y = Mul(c, s)", "1,4,8,8", 2),
        (f"{CONV} m = ReduceMean(c, ax) s = Sigmoid(m) t = Mul(c, s) y = Flatten(t)", "1,256", 2),
        (f"{CONV} m = ReduceMean<keepdims = 0>(c, ax) y = Relu(m)", "1,4", 1),
        (f"{CONV} t = Concat <axis = 1> (c, x) y = ReduceMax<keepdims = 0>(t, ax)", "1,7", 1),
        (f"{CONV} f = Reshape(c, flat) t = Transpose <perm = [0, 2, 1]> (f) y = Relu(t)",
         "1,64,4", 1),
        (f"{CONV} t = Transpose <perm = [0, 2, 3, 1]> (c) y = Softmax(t)", "1,8,8,4", 1),
        (f"{CONV} a, b = Split <axis = 1> (c, two) y = Add(a, b)", "1,2,8,8", 2),
        (f"{CONV} y = Add(c, row)", "1,4,8,8", 2),
        (f"{CONV} g = Gather <axis = -2> (c, one) y = Relu(g)", "1,4,8", 2),
        (f"{CONV} g = Gather <axis = -3> (c, two) y = Relu(g)", "1,2,8,8", 2),
    ],
)  # fmt: skip
def test_no_transpose_is_left_that_the_ends_do_not_force(
    body: str, result: str, transposes: int
) -> None:
    constants = {
        "w": W,
        "ax": np.array([2, 3]),
        "flat": np.array([1, 4, 64]),
        "two": np.array([2, 2]),
        "one": np.array(1),
        "row": np.arange(8, dtype=np.float32),
    }
    used = {k: v for k, v in constants.items() if k in body.replace("(", " ").replace(")", " ")}
    model = parse(conv_text(body, result), **used)
    infer(model)
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
    before = run_model(model, {"x": x})
    assert arrange(model).get("Transpose", 0) == transposes
    np.testing.assert_allclose(run_model(model, {"x": x})["y"], before["y"], rtol=1e-5, atol=1e-5)


def test_a_softmax_over_the_last_axis_carries_the_order_of_the_others() -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[2,3,4,5] x) => (float[2,3,4,5] y) {
            a = Transpose <perm = [0, 2, 1, 3]> (x) b = Softmax <axis = -1> (a)
            y = Transpose <perm = [0, 2, 1, 3]> (b) }"""
    )
    infer(model)
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5)).astype(np.float32)
    before = run_model(model, {"x": x})
    assert "Transpose" not in arrange(model)
    np.testing.assert_allclose(run_model(model, {"x": x})["y"], before["y"], rtol=1e-6)


def test_images_enter_and_leave_channels_last_when_asked() -> None:
    model = parse(conv_text(f"{CONV} y = Relu(c)", "1,4,8,8"), w=W)
    infer(model)
    assert "Transpose" not in arrange(model, io_layout="nhwc")
    assert shape_of(model.graph.inputs[0]) == (1, 8, 8, 3)
    assert [v.name for v in (*model.graph.inputs, *model.graph.outputs)] == ["x", "y"]


def test_transposes_of_siblings_become_one_above_the_split() -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,6,8] x) => (float[6,2,8] p, float[6,2,8] q) {
            a, b = Split <axis = 0> (x, two)
            c = Relu(a)  d = Relu(b)
            p = Transpose <perm = [1, 0, 2]> (c)  q = Transpose <perm = [1, 0, 2]> (d) }""",
        two=np.array([2, 2]),
    )
    infer(model)
    x = np.random.default_rng(0).standard_normal((4, 6, 8)).astype(np.float32)
    before = run_model(model, {"x": x})
    assert arrange(model)["Transpose"] == 1
    for name, value in run_model(model, {"x": x}).items():
        assert np.array_equal(value, before[name])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=10), st.integers(0, 2**31))
def test_layout_keeps_meaning(steps: list[str], seed: int) -> None:
    model = draw_model(steps, seed)
    x = np.random.default_rng(seed).standard_normal((2, 4, 6, 6)).astype(np.float32)
    outputs = [value.name for value in model.graph.outputs]
    before = everything(model, x)
    arrange(model)
    after = everything(model, x)
    assert set(outputs) <= after.keys()
    for name in before.keys() & after.keys():
        np.testing.assert_allclose(after[name], before[name], rtol=2e-4, atol=2e-4)
    for name, (original, p) in stored_names(model).items():
        if name in after:
            expected = before[original].transpose(p)
            np.testing.assert_allclose(after[name], expected, rtol=2e-4, atol=2e-4)


def test_a_chain_of_images_is_known_by_the_names_of_the_model() -> None:
    text = f"{CONV}  r = Relu(c)  d = Add(r, r)  y = Neg(d)"
    model = parse(conv_text(text, "1,4,8,8"), w=W)
    infer(model)
    arrange(model)
    known = dict(stored_names(model).values())
    assert known.keys() >= {"c", "r", "d"}
    assert set(known.values()) == {(0, 2, 3, 1)}


def everything(model: Model, x: Array) -> dict[str, Array]:
    """Return every tensor that the nodes of the model compute."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        save(model, path)
        return reference.run(path, {"x": x}, values=inner_names(model))
