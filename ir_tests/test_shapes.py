"""Open dimensions are fixed by what the user says, and every refusal names the flag that helps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmc import inference, ir, opset
from mmc.diagnostics import ModelError
from mmc.shapes import fix_shapes, infer, infer_node

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
TWO_INPUTS = HEAD + (
    "g (float[batch,3,h,w] x, float[batch,8] z) => (float[batch,3,h,w] y, float[batch,8] u)"
    "{ y = Relu(x)  u = Relu(z) }"
)


def fixed(text: str, **kwargs: Any) -> ir.Model:
    model = ir.parse(text)
    given = {"input_shapes": {}, "dims": {}, "constants": {}} | kwargs
    fix_shapes(model, **given)
    return model


def refusal(text: str, **kwargs: Any) -> tuple[str, str]:
    with pytest.raises(ModelError) as caught:
        fixed(text, **kwargs)
    return caught.value.diagnostics[0].code, str(caught.value)


def shapes(model: ir.Model) -> list[tuple[int, ...]]:
    return [ir.shape_of(value) for value in (*model.graph.inputs, *model.graph.outputs)]


def test_symbols_are_bound_by_dims() -> None:
    model = fixed(TWO_INPUTS, dims={"batch": 2, "h": 4, "w": 5})
    assert shapes(model) == [(2, 3, 4, 5), (2, 8), (2, 3, 4, 5), (2, 8)]


def test_an_input_shape_binds_its_symbols_in_other_inputs() -> None:
    model = fixed(TWO_INPUTS, input_shapes={"x": (2, 3, 4, 5)})
    assert shapes(model)[1] == (2, 8)


def test_every_open_dimension_is_listed_with_its_flag() -> None:
    code, text = refusal(TWO_INPUTS, dims={"h": 4})
    assert code == "MMC115"
    assert "3 open dimensions" in text
    assert all(flag in text for flag in ("--dim batch=1", "--dim w=1"))
    assert "--dim h" not in text
    assert "1 stands for any" in text


def test_an_open_batch_is_one() -> None:
    _, text = refusal(TWO_INPUTS, dims={"h": 4, "w": 5})
    assert text.endswith("fix: --dim batch=1")


def test_inputs_that_are_too_small_are_refused_at_the_node() -> None:
    text = HEAD + "g (float[1,1,h,8] x) => (float[a,b,c,d] y) { y = Conv(x, w) }"
    model = ir.parse(text, w=np.ones((1, 1, 5, 5), np.float32))
    with pytest.raises(ModelError) as caught:
        fix_shapes(model, {}, {"h": 2}, {})
    assert caught.value.diagnostics[0].code == "MMC109"
    assert "Conv" in str(caught.value)
    assert "[1, 1, -2, 4]" in str(caught.value)


def test_one_open_dimension_is_not_called_dimensions() -> None:
    _, text = refusal(TWO_INPUTS, dims={"h": 4, "batch": 2})
    assert "1 open dimension in the inputs" in text


def test_anonymous_dimensions_are_fixed_by_the_whole_shape() -> None:
    text = HEAD + "g (float[?,3] x) => (float[n,3] y) { y = Relu(x) }"
    code, message = refusal(text)
    assert code == "MMC115"
    assert "--input-shape x:1,3" in message
    assert shapes(fixed(text, input_shapes={"x": (7, 3)})) == [(7, 3), (7, 3)]


@pytest.mark.parametrize(
    ("expected", "kwargs"),
    [
        ("MMC116", {"input_shapes": {"x": (2, 3, 4)}}),
        ("MMC116", {"input_shapes": {"x": (2, 4, 4, 5)}}),
        ("MMC116", {"input_shapes": {"x": (2, 3, 4, 5)}, "dims": {"batch": 1}}),
        ("MMC116", {"input_shapes": {"x": (2, 3, 4, 5), "z": (1, 8)}}),
        ("MMC117", {"input_shapes": {"X": (2, 3, 4, 5)}}),
        ("MMC117", {"dims": {"bach": 1}}),
        ("MMC117", {"constants": {"nobody": np.zeros(1)}}),
        ("MMC109", {"dims": {"batch": 0}}),
        ("MMC109", {"input_shapes": {"x": (2, 3, -1, 5)}}),
    ],
)
def test_what_is_asked_wrongly(expected: str, kwargs: Any) -> None:
    assert refusal(TWO_INPUTS, **kwargs)[0] == expected


def test_a_misspelled_name_gets_a_suggestion() -> None:
    assert "did you mean 'batch'?" in refusal(TWO_INPUTS, dims={"bach": 1})[1]


def test_an_empty_dimension_of_the_model() -> None:
    assert refusal(HEAD + "g (float[0,3] x) => (float[0,3] y) { y = Relu(x) }")[0] == "MMC109"


def test_more_elements_than_32_bits_count() -> None:
    huge = "float[1099511627776,1073741824]"
    assert refusal(HEAD + f"g ({huge} x) => ({huge} y) {{ y = Relu(x) }}")[0] == "MMC109"


RESHAPE = HEAD + "g (float[n,6] x, int64[2] s) => (float[a,b] y) { y = Reshape(x, s) }"


def test_an_input_bound_to_a_constant() -> None:
    shape = np.array([4, 3], np.int64)
    model = fixed(RESHAPE, dims={"n": 2}, constants={"s": shape})
    assert shapes(model) == [(2, 6), (4, 3)]
    np.testing.assert_array_equal(ir.constant(model.graph.initializers["s"]), shape)


def test_a_constant_of_another_type_or_shape() -> None:
    assert refusal(RESHAPE, dims={"n": 2}, constants={"s": np.zeros(3, np.int64)})[0] == "MMC116"
    assert refusal(RESHAPE, dims={"n": 2}, constants={"s": np.array([0.5, 1.0])})[0] == "MMC118"


def test_stale_shapes_do_not_survive() -> None:
    """Shape arithmetic that was symbolic is followed again with the numbers."""
    text = (
        HEAD
        + """g (float[n,6] x) => (float[a,b] y) {
        s = Shape(x)  i = Constant<value=int64[1] {0}>()  n = Gather(s, i)
        m = Constant<value_ints=[-1]>()  t = Concat<axis=0>(m, n)  y = Reshape(x, t) }"""
    )
    assert shapes(fixed(text, dims={"n": 3})) == [(3, 6), (6, 3)]


def test_normalizations_for_which_onnx_infers_nothing_keep_their_operands_shape() -> None:
    model = ir.parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[2,4,3] x, float[4] s) => (y) {
            a = GroupNormalization <num_groups = 2> (x, s, s)
            b = MeanVarianceNormalization <axes = [2]> (a)
            y = Relu(b)
        }"""
    )
    infer(model)
    assert [ir.shape_of(n.outputs[0]) for n in model.graph] == [(2, 4, 3)] * 3


def test_infer_node_sees_small_constants() -> None:
    model = ir.parse(
        HEAD + "g (float[2,6] x) => (float[a,b,c] y) { y = Reshape(x, s) }", s=np.array([2, 3, 2])
    )
    (node,) = model.graph
    node.outputs[0].shape = None
    infer_node(node)
    assert ir.shape_of(node.outputs[0]) == (2, 3, 2)


def test_infer_node_names_the_node_that_is_wrong() -> None:
    model = ir.parse(HEAD + "g (float[2,3] x) => (float[2,3] y) { [bad] y = Neg(x) }")
    (node,) = model.graph
    node.op_type = "MatMul"
    node.resize_inputs(2)
    node.replace_input_with(1, node.inputs[0])
    with pytest.raises(ModelError, match=r"MMC114.*MatMul 'bad'"):
        infer_node(node)


def test_operands_of_two_types_are_refused_by_the_name_of_their_node() -> None:
    model = ir.parse(
        HEAD
        + """g (float[2,4] x, float[4] s) => (float[2,4] y) {
            d = Cast<to = 11>(x)
            [norm] n = LayerNormalization(d, s)
            y = Cast<to = 1>(n)
        }"""
    )
    with pytest.raises(ModelError, match=r"MMC114.*'norm'[^$]*'d' is double and 's' is float"):
        fix_shapes(model, {}, {}, {})


def test_mmc_operators_are_inferred_through_their_bodies() -> None:
    model = ir.parse(
        HEAD + "g (float[1,8,8,2] x) => (float[1,8,8,2] y) { y = Neg(x) }",
        w=np.zeros((5, 3, 3, 2), np.float32),
    )
    (node,) = model.graph
    opset.require(model, "Conv2d")
    weight = model.graph.initializers["w"]
    ints = {"strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [1, 1]}
    conv = ir.Node("mmc", "Conv2d", [node.inputs[0], weight], ir_attributes(ints), name="conv")
    conv.outputs[0].name = "new"
    model.graph.insert_before(node, conv)
    infer_node(conv)
    assert ir.shape_of(conv.outputs[0]) == (1, 4, 4, 5)
    node.replace_input_with(0, conv.outputs[0])
    conv.outputs[0].shape = None
    node.outputs[0].shape = None
    infer(model)
    assert ir.shape_of(node.outputs[0]) == (1, 4, 4, 5)


def ir_attributes(ints: dict[str, list[int]]) -> list[ir.Attr]:
    found = [ir.Attr(name, ir.AttributeType.INTS, value) for name, value in ints.items()]
    return [*found, ir.Attr("group", ir.AttributeType.INT, 1)]


def test_weights_that_differ_are_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many layers of one form are inferred once: memory and time would follow their numbers."""
    text = HEAD + "g (float[1,4] x) => (float[1,4] y) { a = Gemm(x, v) y = Gemm(a, w) }"
    weights = {n: np.random.default_rng(i).standard_normal((4, 4)) for i, n in enumerate("vw")}
    model = ir.parse(text, **{n: w.astype(np.float32) for n, w in weights.items()})
    asked: list[str] = []
    ask = inference._ask
    monkeypatch.setattr(inference, "_answers", {})
    monkeypatch.setattr(inference, "_ask", lambda n: asked.append(n.op_type) or ask(n))
    for node in model.graph:
        inference.infer_node(node)
    assert asked == ["Gemm"]


def test_floats_that_say_a_size_are_read() -> None:
    text = HEAD + "g (float[1,1,4,4] x) => (float[a,b,c,d] y) { y = Resize(x, , s) }"
    model = ir.parse(text, s=np.array([1, 1, 2, 0.5], np.float32))
    assert ir.shape_of(model.graph.outputs[0]) == (1, 1, 8, 2)
