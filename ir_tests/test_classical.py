"""Every expansion of a classical operator computes what ONNX Runtime's kernel does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from contrib_cases import Case, f
from test_contrib import build, compare

import mmc
from mmc.diagnostics import LegalityError
from mmc.ir import Array
from mmc.verification.reference import run

GAPS = np.array([[1, np.nan, 2], [np.nan, np.nan, 3]], np.float32)
WHOLE = np.array([[1, 7, 2], [7, 7, 3]], np.int64)
HALVES = np.array([[0.5, -1, 2], [0, 0, 0], [-3, -1, -2]], np.float32)


def flat(*shape: int) -> list[float]:
    return f(*shape).reshape(-1).tolist()


def ml(op_type: str, *inputs: Array, outputs: tuple[int, ...] = (0,), **attributes: Any) -> Case:
    return Case(op_type, inputs, outputs, "ai.onnx.ml", attributes)


def machine(kind: str, *parameters: float) -> Case:
    return ml(
        "SVMRegressor",
        f(5, 4),
        coefficients=flat(3),
        support_vectors=flat(3, 4),
        n_supports=3,
        rho=[0.25],
        kernel_type=kind,
        kernel_params=parameters,
    )


WORDS = ml(
    "LinearClassifier",
    f(5, 4),
    outputs=(0, 1),
    coefficients=flat(3, 4),
    classlabels_strings=["a", "b", "c"],
)
LINEAR = {"coefficients": flat(3, 4), "intercepts": flat(3), "multi_class": 1}
CASES = (
    ml("Scaler", f(3, 4), offset=flat(4), scale=flat(4)),
    ml("Scaler", WHOLE, offset=[2.0], scale=[0.5]),
    ml("Binarizer", HALVES, threshold=-0.5),
    ml("Imputer", GAPS, imputed_value_floats=[7.0, 8.0, 9.0], replaced_value_float=float("nan")),
    ml("Imputer", WHOLE, imputed_value_int64s=[5], replaced_value_int64=7),
    ml("Normalizer", HALVES, norm="MAX"),
    ml("Normalizer", HALVES, norm="L1"),
    ml("Normalizer", HALVES, norm="L2"),
    ml("LinearRegressor", f(5, 4), coefficients=flat(2, 4), intercepts=flat(2), targets=2),
    ml("LinearRegressor", f(5, 4), coefficients=flat(4)),
    ml("LinearClassifier", f(5, 4), outputs=(0, 1), classlabels_ints=[3, 1, 7], **LINEAR),
    ml(
        "LinearClassifier",
        f(5, 4),
        outputs=(0, 1),
        classlabels_ints=[0, 1, 2],
        post_transform="SOFTMAX",
        **LINEAR,
    ),
    ml(
        "LinearClassifier",
        f(5, 4),
        outputs=(0, 1),
        classlabels_ints=[1, 0, 2],
        post_transform="LOGISTIC",
        **LINEAR,
    ),
    machine("LINEAR", 0.0, 0.0, 3.0),
    machine("RBF", 0.5, 0.0, 3.0),
    machine("POLY", 0.5, 1.0, 3.0),
    machine("SIGMOID", 0.5, 1.0, 3.0),
    ml("FeatureVectorizer", f(3, 2), f(3, 4), inputdimensions=[2, 4]),
    ml("ArrayFeatureExtractor", f(3, 4), np.array([2, 0], np.int64)),
    ml("OneHotEncoder", WHOLE, cats_int64s=[2, 7, 1]),
    ml("OneHotEncoder", 3 * f(2, 3), cats_int64s=[-1, 0, 1]),
    ml("OneHotEncoder", WHOLE, cats_int64s=[1, 2, 3, 7], zeros=0),
    ml("LabelEncoder", WHOLE, keys_int64s=[7, 1, 2], values_int64s=[4, -3, 9], default_int64=-5),
    ml("LabelEncoder", WHOLE, keys_int64s=[7, 1], values_floats=[0.5, -2.5], default_float=3.5),
    ml("LabelEncoder", HALVES, keys_floats=[0.5, -1.0], values_int64s=[4, -3]),
    ml("LabelEncoder", HALVES, keys_floats=[0.5, -1.0], values_floats=[4.5, -3.0]),
    ml("ArrayFeatureExtractor", f(4), np.array([[1]], np.int64)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.op_type)
def test_expansion(case: Case, tmp_path: Path) -> None:
    compare(case, tmp_path)


def test_form_without_equal_is_named_where_it_would_be_lowered(tmp_path: Path) -> None:
    build(WORDS, tmp_path / "m.onnx")
    with pytest.raises(LegalityError) as refused:
        mmc.compile(tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite")
    assert "LinearClassifier 'the node'" in str(refused.value)
    assert "labels are texts" in str(refused.value)


def test_texts_that_nobody_reads_do_not_matter(tmp_path: Path) -> None:
    build(WORDS, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    del model.graph.output[0]
    onnx.save(model, tmp_path / "m.onnx")
    result = mmc.compile(tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite")
    assert result.verification is not None
    assert result.verification.passed


def test_unknown_operator_of_unknown_shape_is_named(tmp_path: Path) -> None:
    """ONNX infers nothing of it; it has two results."""
    case = ml("SVMClassifier", f(2, 4), outputs=(0, 1), classlabels_ints=[0, 1])
    build(case, tmp_path / "m.onnx")
    with pytest.raises(LegalityError, match=r"SVMClassifier 'the node'.*\n.*no standard form"):
        mmc.compile(tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite")


def test_rows_of_a_size_that_is_bound_later(tmp_path: Path) -> None:
    """The features of what is inside are not known while the batch is open."""
    text = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>
    g (float[n,4] x) => (float[n,k] y) {
        a = ai.onnx.ml.ArrayFeatureExtractor (x, places)
        b = Concat <axis = 1> (a, x)
        y = ai.onnx.ml.LinearRegressor <coefficients = [1.0, 2.0, 3.0, 4.0, 5.0, -1.0]> (b)
    }"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 3]), "places"))
    onnx.save(proto, tmp_path / "m.onnx")
    out, feeds = tmp_path / "m.tflite", {"x": f(5, 4)}
    mmc.compile(tmp_path / "m.onnx", target="cpu", output=out, dim={"n": 5})
    expected = run(tmp_path / "m.onnx", feeds)["y"]
    np.testing.assert_allclose(mmc.run(out, feeds)["y"], expected, rtol=1e-5, atol=1e-5)
