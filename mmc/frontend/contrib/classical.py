"""Classical machine learning: scalers, normalizers, imputers, linear and kernel models.

Source: the operators of domain ai.onnx.ml; where the standard leaves a case open, ONNX Runtime.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.layers import scalar
from mmc.frontend.contrib.registry import CLASSICAL, Call, NotExpandable, expands
from mmc.ir import DataType
from mmc.values import Array, dtype_of

if TYPE_CHECKING:
    from onnx_ir import Value

classical = partial(expands, domain=CLASSICAL)


def floats(call: Call, name: str) -> Array:
    """Return an attribute of floats as an array (n,), empty where it is left out."""
    return np.asarray(call.attributes.get(name, ()), np.float32)


def as_float(out: Any, call: Call, index: int = 0) -> Value:
    """Return an input as float32, which is what the results of these operators are."""
    x = call.need(index)
    if dtype_of(x) == np.float64:
        raise NotExpandable("its input is double: what float32 rounds can change the decision")
    if dtype_of(x) == np.float32:
        return x
    made: Value = out.Cast(x, to=int(DataType.FLOAT))
    return made


def rows(call: Call, index: int = 0) -> int:
    """Return the number of features of an input that must be (samples, features)."""
    shape = call.need(index).shape
    if shape is None or len(shape) != 2 or not isinstance(shape[1], int):
        raise NotExpandable("its input is not (samples, features) with a known number of features")
    return int(shape[1])


def is_open(call: Call) -> bool:
    """Say whether the number of features of the first input is not known."""
    shape = call.need(0).shape
    return shape is None or (len(shape) == 2 and not isinstance(shape[1], int))


def samples(out: Any, call: Call, features: int) -> Value:
    """Return the input as float32 (samples, features); one of a shape that is not known, too."""
    x = as_float(out, call)
    if not is_open(call):
        rows(call)
        return x
    made: Value = out.Reshape(x, np.array([-1, features], np.int64))
    return made


def shaped(call: Call, name: str, count: int) -> Array:
    """Return an attribute of floats as (count, n)."""
    array = floats(call, name)
    if not count or array.size % count:
        raise NotExpandable(f"{name} has {array.size} elements, which are no {count} rows")
    return array.reshape(count, -1)


def transformed(out: Any, call: Call, scores: Value) -> Value:
    """Return scores (N, C) after the node's post_transform."""
    kind = call.get("post_transform", "NONE")
    if kind == "NONE":
        return scores
    if kind == "SOFTMAX":
        made: Value = out.Softmax(scores, axis=-1)
    elif kind == "LOGISTIC":
        made = out.Sigmoid(scores)
    else:
        raise NotExpandable(f"post_transform {kind} is not known")
    return made


@classical("Scaler")
def scaler(out: Any, call: Call) -> Any:
    """y = (x - offset) * scale, per feature or for all."""
    x = as_float(out, call)
    return out.Mul(out.Sub(x, floats(call, "offset")), floats(call, "scale"))


@classical("Binarizer")
def binarizer(out: Any, call: Call) -> Any:
    """y = 1 where x > threshold, else 0, in the type of x."""
    x = call.need(0)
    above = out.Greater(x, scalar(x, call.get("threshold", 0.0)))
    return out.Cast(above, to=int(DataType.from_numpy(dtype_of(x))))


@classical("Imputer")
def imputer(out: Any, call: Call) -> Any:
    """y = imputed value of the feature where x is the replaced value (or NaN), else x."""
    x = call.need(0)
    dtype = dtype_of(x)
    kind = "float" if dtype.kind == "f" else "int64"
    imputed = np.asarray(call.attributes.get(f"imputed_value_{kind}s", ()), dtype)
    replaced = np.asarray(call.get(f"replaced_value_{kind}", 0), dtype)
    if not imputed.size:
        raise NotExpandable(f"it has no imputed_value_{kind}s")
    missing = out.IsNaN(x) if np.isnan(replaced) else out.Equal(x, replaced)
    return out.Where(missing, imputed, x)


@classical("Normalizer")
def normalizer(out: Any, call: Call) -> Any:
    """y = x / norm(x) over the last axis; rows of norm 0 stay."""
    x = as_float(out, call)
    axes = np.array([-1], np.int64)
    kind = call.get("norm", "MAX")
    if kind == "MAX":
        norm = out.ReduceMax(x, axes, keepdims=1)
    elif kind in ("L1", "L2"):
        norm = out.node(f"Reduce{kind}", [x, axes], keepdims=1)
    else:
        raise NotExpandable(f"norm {kind} is not known")
    return out.Div(x, out.Where(out.Equal(norm, scalar(x, 0)), scalar(x, 1), norm))


def affine(out: Any, x: Value, weights: Array, bias: Array) -> Value:
    """Return x @ weights.T + bias: x (N, F), weights (C, F), bias (C,) or empty."""
    product: Value = out.MatMul(x, np.ascontiguousarray(weights.T))
    if not bias.size:
        return product
    made: Value = out.Add(product, bias)
    return made


@classical("LinearRegressor")
def linear_regressor(out: Any, call: Call) -> Any:
    """y = x @ coefficients.T + intercepts."""
    weights = shaped(call, "coefficients", call.get("targets", 1))
    y = affine(out, samples(out, call, weights.shape[1]), weights, floats(call, "intercepts"))
    return transformed(out, call, y)


@classical("LinearClassifier")
def linear_classifier(out: Any, call: Call) -> Any:
    """scores = x @ coefficients.T + intercepts;  label = that of the largest score."""
    classes = max(floats(call, "intercepts").size, 1)
    weights = floats(call, "coefficients")
    features = weights.size // classes if is_open(call) else rows(call)
    if weights.size < 2 * features:
        raise NotExpandable("it has the coefficients of one class only")
    weights = shaped(call, "coefficients", weights.size // features)
    scores = affine(out, samples(out, call, features), weights, floats(call, "intercepts"))
    return labelled(out, call, scores), transformed(out, call, scores)


def labelled(out: Any, call: Call, scores: Value) -> Value | None:
    """Return the label of the largest of scores (N, C), None when nobody asks."""
    if not call.wants(0):
        return None
    labels = labels_of(call)
    best: Value = out.ArgMax(scores, axis=1, keepdims=0)
    if np.array_equal(labels, np.arange(labels.size)):
        return best
    made: Value = out.Gather(labels, best, axis=0)
    return made


def labels_of(call: Call) -> Array:
    """Return the labels of a classifier, which must be integers."""
    name = next((n for n in ("classlabels_ints", "classlabels_int64s") if n in call.attributes), "")
    labels = np.asarray(call.attributes.get(name, ()), np.int64)
    if not labels.size:
        raise NotExpandable("its labels are texts, which no target has: cut the model after scores")
    return labels


@classical("SVMRegressor")
def svm_regressor(out: Any, call: Call) -> Any:
    """y = sum of coefficients * kernel(x, support vectors) + rho;  one class: its sign."""
    count, coefficients = call.get("n_supports", 0), floats(call, "coefficients")
    vectors = shaped(call, "support_vectors", count or 1)
    x = samples(out, call, vectors.shape[1] if count else coefficients.size)
    if count:
        y = affine(out, kernel(out, call, x, vectors), coefficients[None], floats(call, "rho"))
    else:
        y = affine(out, x, coefficients[None], floats(call, "rho"))
    if call.get("one_class", 0):
        raise NotExpandable("it tells one class from the rest")
    return transformed(out, call, y)


def kernel(out: Any, call: Call, x: Value, vectors: Array) -> Value:
    """Return the kernel of x (N, F) with vectors (S, F), (N, S).

    LINEAR x·v, POLY (gamma x·v + coef0)^degree, SIGMOID tanh(gamma x·v + coef0), RBF
    exp(-gamma |x - v|²), where the square is taken of the differences: the expanded form cancels.
    """
    gamma, coef0, degree = [*call.get("kernel_params", []), 0.0, 0.0, 3.0][:3]
    kind = call.get("kernel_type", "LINEAR")
    made: Value
    if kind == "RBF":
        apart = out.Sub(out.Unsqueeze(x, np.array([1], np.int64)), vectors[None])
        squares = out.ReduceSum(out.Mul(apart, apart), np.array([2], np.int64), keepdims=0)
        made = out.Exp(out.Mul(squares, scalar(x, -gamma)))
        return made
    made = affine(out, x, vectors, np.empty(0, np.float32))
    if kind == "LINEAR":
        return made
    made = out.Add(out.Mul(made, scalar(x, gamma)), scalar(x, coef0))
    if kind == "SIGMOID":
        made = out.Tanh(made)
    elif kind == "POLY":
        made = out.Pow(made, scalar(x, degree))
    else:
        raise NotExpandable(f"kernel {kind} is not known")
    return made


@classical("FeatureVectorizer")
def feature_vectorizer(out: Any, call: Call) -> Any:
    """y = the inputs, as floats, side by side."""
    sizes = [rows(call, i) for i in range(len(call.node.inputs))]
    if sizes != list(call.get("inputdimensions", sizes)):
        raise NotExpandable("inputdimensions differ from the features of its inputs")
    parts = [as_float(out, call, i) for i in range(len(sizes))]
    return parts[0] if len(parts) == 1 else out.node("Concat", parts, axis=1)


@classical("ArrayFeatureExtractor")
def array_feature_extractor(out: Any, call: Call) -> Any:
    """y = x[..., places]; a vector counts as one row."""
    places = out.Reshape(call.need(1), np.array([-1], np.int64))
    x = call.need(0)
    if call.rank(0) == 1:
        x = out.Unsqueeze(x, np.array([0], np.int64))
    return out.Gather(x, places, axis=-1)
