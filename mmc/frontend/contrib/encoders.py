"""Encoders of classical machine learning: numbers looked up in lists of numbers.

Source: the operators of domain ai.onnx.ml; where the standard leaves a case open, ONNX Runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.classical import classical
from mmc.frontend.contrib.registry import Call, NotExpandable
from mmc.ir import DataType
from mmc.values import Array, dtype_of

if TYPE_CHECKING:
    from onnx_ir import Value

LAST = np.array([-1], np.int64)


@classical("OneHotEncoder")
def one_hot_encoder(out: Any, call: Call) -> Any:
    """y[..., c] = 1 where x is category c, else 0; of a float, its whole part counts.

    No artifact can stop at an unknown category, as zeros=0 asks: there, too, all are 0.
    """
    categories = np.asarray(call.attributes.get("cats_int64s", ()), np.int64)
    if not categories.size:
        raise NotExpandable("its categories are texts, which no target has")
    x = call.need(0)
    if dtype_of(x) != np.int64:
        x = out.Cast(x, to=int(DataType.INT64))
    return out.Cast(out.Equal(out.Unsqueeze(x, LAST), categories), to=int(DataType.FLOAT))


@classical("LabelEncoder")
def label_encoder(out: Any, call: Call) -> Any:
    """y = the value beside the key that x equals, the default where it equals none."""
    keys, values, default = listed(call, "keys"), listed(call, "values"), default_of(call)
    if keys.size != values.size or np.unique(keys).size != keys.size:
        raise NotExpandable("its keys are not one for each value")
    if keys.dtype.kind == "f" and np.isnan(keys).any():
        raise NotExpandable("NaN is among its keys")
    hit = out.Cast(out.Equal(out.Unsqueeze(call.need(0), LAST), keys), to=int(DataType.FLOAT))
    found: Value = out.Gather(values, out.ArgMax(hit, axis=-1, keepdims=0), axis=0)
    known = out.Greater(out.ReduceMax(hit, LAST, keepdims=0), np.float32(0))
    return out.Where(known, found, default.astype(values.dtype))


KINDS = {"int64s": np.int64, "floats": np.float32}


def listed(call: Call, name: str) -> Array:
    """Return keys or values (n,): a list of numbers, or a tensor of them."""
    for kind, dtype in KINDS.items():
        if f"{name}_{kind}" in call.attributes:
            return np.asarray(call.attributes[f"{name}_{kind}"], dtype)
    tensor = call.attributes.get(f"{name}_tensor")
    array = None if tensor is None else tensor.numpy()
    if array is None or array.dtype.kind not in "if":
        raise NotExpandable(f"its {name} are texts, which no target has")
    found: Array = array.reshape(-1)
    return found


def default_of(call: Call) -> Array:
    """Return the value of what equals no key."""
    tensor = call.attributes.get("default_tensor")
    if tensor is not None:
        found: Array = tensor.numpy().reshape(-1)[:1]
        return found
    if "values_floats" in call.attributes:
        return np.array([call.get("default_float", -0.0)], np.float32)
    return np.array([call.get("default_int64", -1)], np.int64)
