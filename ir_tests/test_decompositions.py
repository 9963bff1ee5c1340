"""Decompositions and expanded functions, through the whole flow, against ONNX Runtime."""

from __future__ import annotations

from math import erf as exact_erf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lowering import emit, feeds_for, run_both, single

import mmc
from mmc.diagnostics import LegalityError
from mmc.ir import Array, parse, print_ir, save
from mmc.passes.expand_functions import ExpandFunctions
from mmc.pattern import apply_rules, rules_of
from mmc.verification.inputs import draw_inputs


@pytest.mark.parametrize("op", ["Tan", "Sinh", "Cosh", "Asinh", "Erf"])
def test_functions(op: str) -> None:
    run_both(single(op, (4, 50)))


def test_inverse_hyperbolic() -> None:
    values = np.random.default_rng(0).uniform(0.01, 0.95, (4, 50)).astype(np.float32)
    run_both(single("Atanh", (4, 50)), {"x0": values})
    run_both(single("Acosh", (4, 50)), {"x0": values + 1})


def test_erf_is_float32_accurate_everywhere() -> None:

    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-6, 1e4, 2000)]).astype(
        np.float32
    )
    model = single("Erf", x.shape)
    assert apply_rules(model, rules_of("decompose")) == 1
    actual, _ = emit(model, {"x0": x})
    expected = np.array([exact_erf(float(v)) for v in x])
    np.testing.assert_allclose(actual["y0"], expected, rtol=1e-6, atol=0)


WIDE = np.concatenate([-np.geomspace(1e-6, 1e30, 2000), [-0.0, np.inf], np.linspace(-9, 9, 4001)])
UNIT = np.concatenate([np.linspace(-1, 1, 4001), 1 - np.geomspace(1e-7, 1e-2, 500), [1.5, -2]])


@pytest.mark.parametrize(
    ("op", "exact", "x"),
    [("Atan", np.arctan, WIDE), ("Asin", np.arcsin, UNIT), ("Acos", np.arccos, UNIT)],
)
def test_inverse_trigonometry_is_float32_accurate(op: str, exact: np.ufunc, x: Array) -> None:
    x = x.astype(np.float32)
    model = single(op, x.shape)
    assert apply_rules(model, rules_of("decompose")) == 1 + (op != "Atan")
    actual, _ = emit(model, {"x0": x})
    with np.errstate(invalid="ignore"):
        expected = exact(x.astype(np.float64))
    np.testing.assert_allclose(actual["y0"], expected, rtol=2e-6, atol=0)


COMPOSITE = ["ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]


@pytest.mark.parametrize("op", COMPOSITE)
@pytest.mark.parametrize("keepdims", [0, 1])
def test_composite_reductions(op: str, keepdims: int) -> None:
    model = single(op, (3, 4, 5), np.array([0, 2]), keepdims=keepdims)
    run_both(model, {"x0": np.abs(feeds_for(model)["x0"])})


def test_log_sum_exp_does_not_overflow() -> None:
    values = np.array([[200, 100, 0], [-np.inf, -np.inf, -np.inf]], np.float32)
    run_both(single("ReduceLogSumExp", (2, 3), np.array([1])), {"x0": values})


def test_gather_elements() -> None:
    model = single("GatherElements", (3, 4, 5), ((2, 4, 3), np.int64), axis=2)
    run_both(model, feeds_for(model, low=-5, high=5))
    run_both(single("GatherElements", (3, 4), np.array([[0, -1], [1, 2]]), axis=0))


def test_gather_nd_batches() -> None:
    model = single("GatherND", (2, 3, 4, 5), ((2, 3, 2, 1), np.int64), batch_dims=2)
    run_both(model, feeds_for(model, low=-4, high=4))


def test_scatter_elements() -> None:
    indices = np.array([[0, -1, 2], [1, 0, 3]])
    run_both(single("ScatterElements", (2, 4), indices, (2, 3), axis=1))
    run_both(single("ScatterElements", (2, 4), indices, (2, 3), axis=1, reduction="add"))


@pytest.mark.parametrize("reduction", ["mul", "max", "min"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_scatter_reductions_where_updates_meet(reduction: str, dtype: Any) -> None:
    indices = np.array([[1], [3], [1], [-1]])
    model = single("ScatterND", ((4, 3), dtype), indices, ((4, 3), dtype), reduction=reduction)
    run_both(model)


def test_a_scatter_too_large_to_compare_is_refused() -> None:
    indices = np.arange(3000)[:, None] % 1999
    with pytest.raises(LegalityError, match="max"):
        run_both(single("ScatterND", (2000,), indices, (3000,), reduction="max"))


@pytest.mark.parametrize(("batch", "rows"), [(2, 1), (2, 3), (1, 3)])
def test_tensor_scatter_at_computed_places(batch: int, rows: int) -> None:
    model = single("TensorScatter", (batch, 6, 4), (batch, rows, 4), ((batch,), np.int64), axis=1)
    run_both(model, feeds_for(model, high=4))


def test_max_unpool() -> None:
    places = np.arange(16).reshape(1, 4, 2, 2) * 4 + np.array([[0, 1], [2, 3]])
    options = {"kernel_shape": [2, 2], "strides": [2, 2]}
    run_both(single("MaxUnpool", (1, 4, 2, 2), places, **options))
    model = single("MaxUnpool", (1, 4, 2, 2), ((1, 4, 2, 2), np.int64), **options)
    drawn = draw_inputs(model, 0)
    assert len(np.unique(drawn["x1"])) == 16
    run_both(model, drawn)


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-1, 0, 2])
def test_trilu(upper: int, k: int) -> None:
    run_both(single("Trilu", (2, 4, 5), np.array(k), upper=upper))
    run_both(single("Trilu", (4, 5), ((), np.int64), upper=upper), feeds_of(k))


def feeds_of(k: int) -> dict[str, Array]:
    """Return the inputs of a Trilu with a computed k."""
    matrix = np.arange(20, dtype=np.float32).reshape(4, 5)
    return {"x0": matrix, "x1": np.array(k)}


@pytest.mark.parametrize("axis", [0, 1])
def test_top_k_along_other_axes(axis: int) -> None:
    run_both(single("TopK", (6, 5, 3), np.array([3]), outputs=2, axis=axis))


def test_one_hot_of_computed_values() -> None:
    model = single("OneHot", ((3,), np.int64), np.array(4), (2,))
    run_both(model, feeds_for(model, low=-3, high=5))


@pytest.mark.parametrize("align_corners", [0, 1])
@pytest.mark.parametrize(("size", "rows"), [((2, 3, 4, 5), 2), ((2, 3, 4, 5, 6), 3)])
def test_affine_grid(size: tuple[int, ...], rows: int, align_corners: int) -> None:
    theta = (2, rows, rows + 1)
    run_both(single("AffineGrid", theta, np.array(size), align_corners=align_corners))


def test_expand_functions_inlines_the_standard_definition() -> None:
    model = parse(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[2,3] x) => (float[2,1] y) { y = ReduceL1(x, axes) }""",
        axes=np.array([1]),
    )
    assert ExpandFunctions().run(model) == 1
    assert (
        print_ir(model)
        == """\
%0: float[2,3] = input
%1: float[2,3] = Abs(%0)
@0: int64[1] = const
%2: float[2,1] = ReduceSum(%1, @0) keepdims=1 noop_with_empty_axes=0
return %2
"""
    )


def test_expand_functions_keeps_what_the_backend_lowers() -> None:
    model = single("HardSwish", (2, 3))
    before = print_ir(model)
    assert ExpandFunctions(keep=("HardSwish",)).run(model) == 0
    assert print_ir(model) == before


def test_mish_keeps_its_digits_far_below_zero() -> None:
    x = np.linspace(-18, 30, 5001).astype(np.float32)
    exact = x * np.tanh(np.log1p(np.exp(x.astype(np.float64))))
    for text in ("y = Mish(x)", "s = Softplus(x) t = Tanh(s) y = Mul(x, t)"):
        model = parse(
            f"""<ir_version: 10, opset_import: ["" : 22]>
            g (float[5001] x) => (float[5001] y) {{ {text} }}"""
        )
        apply_rules(model, rules_of("fuse"))
        apply_rules(model, rules_of("decompose"))
        actual, _ = emit(model, {"x": x})
        np.testing.assert_allclose(actual["y"], exact, rtol=1e-5)


def test_dropout_as_an_output() -> None:
    run_both(single("Dropout", (2, 3), outputs=2))
    run_both(single("Dropout", (2, 3), np.float32(0), np.array(True)))


TRANSPOSED: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "no overlap": ((3, 4, 2, 2, 2), {"strides": [2, 2, 2]}),
    "a stride above the kernel": ((3, 2, 2, 2, 2), {"strides": [4, 4, 4]}),
    "pads": ((3, 2, 3, 3, 3), {"pads": [2, 2, 2, 2, 2, 2]}),
    "groups": ((3, 2, 2, 3, 3), {"group": 3}),
    "gaps": ((3, 2, 2, 3, 3), {"dilations": [1, 2, 1], "strides": [2, 2, 1]}),
    "same": ((3, 2, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2, 2]}),
    "output padding": (
        (3, 4, 3, 2, 4),
        {"strides": [2, 1, 3], "pads": [1, 0, 1, 0, 1, 1], "output_padding": [1, 0, 2]},
    ),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions_of_three_axes(name: str) -> None:
    shape, options = TRANSPOSED[name]
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(shape).astype(np.float32)
    bias = rng.standard_normal(shape[1] * options.get("group", 1)).astype(np.float32)
    model = single("ConvTranspose", (1, 3, 3, 4, 5), weight, bias, **options)
    assert "CONV_3D" in run_both(model, target="hexagon_v73")


def test_a_vector_by_a_matrix_and_a_bias_stays_a_matrix_of_one_row() -> None:
    codes = run_both(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,16] x) => (float[3] y) {
            v = ReduceSum<keepdims = 0>(x, zero)  p = MatMul(v, w)  y = Add(p, b) }""",
        w=np.random.default_rng(0).standard_normal((16, 3)).astype(np.float32),
        b=np.ones(3, np.float32),
        zero=np.array([0]),
    )
    assert codes.count("FULLY_CONNECTED") == 1


@pytest.mark.parametrize("target", ["hexagon_v73", "ane_ios18"])
def test_a_range_that_is_larger_than_what_folds_is_a_constant(tmp_path: Path, target: str) -> None:
    """No backend has another form of it: a mask by the lengths of sequences begins so."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[20000] x, int64[1] length) => (float[20000] y) {
        size = Shape(x) end = Squeeze(size) places = Range(zero, end, one)
        inside = Less(places, length) y = Where(inside, x, nothing) }""",
        zero=np.array(0),
        one=np.array(1),
        nothing=np.array(0, np.float32),
    )
    save(model, tmp_path / "m.onnx")
    np.savez(tmp_path / "x.npz", x=np.ones(20000, np.float32), length=[777])
    result = mmc.compile(
        tmp_path / "m.onnx",
        target=target,
        output=tmp_path / ("a.mlpackage" if target == "ane_ios18" else "a.tflite"),
        inputs=str(tmp_path / "x.npz"),
    )
    assert result.verification is not None
    assert result.verification.passed
