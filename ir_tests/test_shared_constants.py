"""Constants of a TFLite file that hold the same are one tensor, with one set of scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.compiling import compile_on
from mmc.backends.tflite.emitter import Emitter
from mmc.backends.tflite.program import Quantization, Tensor
from mmc.backends.tflite.reader import read
from mmc.ir import parse

BIAS = Tensor(
    "b",
    (3,),
    "INT64",
    np.zeros(3, np.int64),
    Quantization(np.full(3, 0.5, np.float32), np.zeros(3, np.int64)),
)
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "data": lambda t: replace(t, data=np.ones(3, np.int64)),
    "type": lambda t: replace(t, dtype="INT32", data=np.zeros(3, np.int32)),
    "shape": lambda t: replace(t, shape=(1, 3), data=np.zeros((1, 3), np.int64)),
    "scale": lambda t: replace(t, quantization=replace(t.quantization, scale=np.ones(3, "f4"))),
    "axis": lambda t: replace(t, quantization=replace(t.quantization, axis=1)),
    "no scale": lambda t: replace(t, quantization=None),
}


def test_equal_constants_are_one_tensor() -> None:
    e = Emitter()
    first = e.add(BIAS)
    assert e.add(replace(BIAS, name="another", data=np.zeros(3, np.int64))) == first
    assert len(e.program.tensors) == 1


@pytest.mark.parametrize("what", OTHERS)
def test_what_differs_is_another_tensor(what: str) -> None:
    e = Emitter()
    assert e.add(BIAS) != e.add(OTHERS[what](BIAS))


def test_what_is_computed_is_never_shared() -> None:
    e = Emitter()
    given = replace(BIAS, data=None)
    assert e.add(given) != e.add(given)


STEPS = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,64] x) => (float[1,64] y) {
    a = MatMul(x, w)  b = Tanh(a)  c = MatMul(b, w)  d = Tanh(c)  e = MatMul(d, w)  y = Tanh(e)
}"""


def test_steps_of_a_loop_share_their_bias(tmp_path: Path) -> None:
    """Tanh has one scale: the kernels' biases of zeros are in equal units, but that of x."""
    model, data = parse(STEPS, w=normal(64, 64) / 8), {"x": normal(8, 1, 64)}
    w8a16 = {"target": "hexagon_v73", "weights": "int8", "activations": "int16"}
    made = compile_on(tmp_path, model, data, **w8a16)
    ops = [op for op in read(made.artifact).operators if op.code == "FULLY_CONNECTED"]
    first, second, third = (op.inputs[2] for op in ops)
    assert first != second == third
