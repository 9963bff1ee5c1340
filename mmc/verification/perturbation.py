"""Inputs and constants off by one rounding: what no algorithm can tell from the given ones.

Higham, "Accuracy and Stability of Numerical Algorithms", section 1.5: backward error.
"""

from __future__ import annotations

import numpy as np
import onnx

from mmc.verification.casting import Array

EPSILON = float(np.finfo(np.float32).eps)
LARGEST_CONSTANT = 2**16
"""Elements of the constants that are perturbed: biases, scales, gains, not weights or tables."""


def perturb(x: Array, rng: np.random.Generator) -> Array:
    """Return an array of float32 or wider off by one rounding of float32; others as they are.

    Whole numbers are exact: they may be masks or counts.
    """
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return x
    off = (rng.integers(0, 2, x.shape) * 2 - 1) * EPSILON
    return np.where(x == np.round(x), x, x * (1 + off)).astype(x.dtype)


def perturb_constants(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """Let the small float32 constants in the file be off by one rounding."""
    for tensor in model.graph.initializer:
        small = 1 < np.prod(tensor.dims, dtype=np.int64) <= LARGEST_CONSTANT
        inside = tensor.data_location != onnx.TensorProto.EXTERNAL
        if small and inside and tensor.data_type == onnx.TensorProto.FLOAT:
            changed = perturb(onnx.numpy_helper.to_array(tensor), rng)
            tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
