"""Models for tests of integers: their data, and what they become."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ir_tests.arrays import normal
from mmc.ir import Array, Model, constant, parse, shape_of
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.shapes import infer

WINDOW = {"strides": [1, 1], "pads": [1, 1, 1, 1], "dilations": [1, 1], "group": 1}


def three_layers() -> Model:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[2,64] x) => (float[2,64] y) {
            a = MatMul (x, u)
            b = MatMul (a, v)
            y = MatMul (b, w)
        }""",
        **{name: normal(64, 64, seed=i) / 8 for i, name in enumerate("uvw")},
    )
    infer(model)
    return model


def data_of(model: Model, folder: Path, count: int = 8) -> str:
    """Write calibration data for a model and return its path."""
    arrays = {
        v.name or "": normal(count, *shape_of(v), seed=7 + i)
        for i, v in enumerate(model.graph.inputs)
    }
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


def feeds_of(model: Model) -> dict[str, Array]:
    return {
        v.name or "": normal(*shape_of(v), seed=7 + i) for i, v in enumerate(model.graph.inputs)
    }


def quantized(model: Model, bits: int, folder: Path, weights: int = 8) -> Model:
    infer(model)
    QuantizeWeights(bits=weights, sensitive_bits=weights).run(model)
    QuantizeActivations(bits=bits, calibration=data_of(model, folder)).run(model)
    return model


def steps(model: Model, name: str) -> float:
    """Return the scale of an output's codes."""
    value = next(v for v in model.graph.outputs if v.name == name)
    maker = value.producer()
    assert maker is not None
    assert maker.op_type == "DequantizeLinear"
    scale = constant(maker.inputs[1])
    assert scale is not None
    return float(scale)
