"""Values and attributes of another floating-point type, made float32."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from mmc.values import Array

SINGLE = ir.DataType.FLOAT
LARGE = 1 << 16
"""Bytes from which on an array is made whenever it is asked for, and not kept beside its file."""
TYPES = ("to", "dtype", "output_dtype")
"""Attributes that name the type of a result."""


def widen_attributes(node: ir.Node, kinds: Collection[ir.DataType]) -> None:
    """Let attributes that name or have one of these types be float32."""
    for name, attribute in list(node.attributes.items()):
        if attribute.is_ref():
            continue
        if name in TYPES and attribute.type == ir.AttributeType.INT:
            if attribute.as_int() in kinds:
                node.attributes[name] = ir.AttrInt64(name, int(SINGLE))
        elif attribute.type == ir.AttributeType.TENSOR and attribute.as_tensor().dtype in kinds:
            data = single(attribute.as_tensor().numpy())
            node.attributes[name] = ir.AttrTensor(name, ir.tensor(data))


def widen(value: ir.Value) -> None:
    """Make one value float32."""
    value.type = ir.TensorType(SINGLE)
    stored = value.const_value
    if stored is None:
        return
    if stored.nbytes < LARGE:
        value.const_value = ir.tensor(single(stored.numpy()), name=value.name)
        return
    value.const_value = ir.LazyTensor(
        lambda: ir.tensor(single(stored.numpy())),
        SINGLE,
        ir.Shape(stored.shape.numpy()),
        name=value.name,
    )


def single(array: Array) -> Array:
    """Return floats as float32; finite ones out of its range are its ends (masks of -1e308)."""
    with np.errstate(over="ignore"):
        made = array.astype(np.float32)
    beyond = np.isinf(made) & ~np.isinf(array)
    end = np.copysign(np.finfo(np.float32).max, made)
    return np.where(beyond, end, made) if beyond.any() else made
