"""How the sweep over the golden models holds the vendor's answers against our table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

import mmc
from mmc.backends.targets.vendor import Answer
from mmc.backends.tflite.reader import read

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.floats import in_floats
from benchmarks.hexagon import compare

LOOKUP = """<ir_version: 10, opset_import: ["" : 21]>
g (int32[1,6] x) => (float[1,6,16] y) { y = Gather (w, x) }"""
STORED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x) => (float[1,3] y) {
    c = Cast <to: int = 1> (q) w = Mul (c, s) y = MatMul (x, w) }"""


def saved(text: str, folder: Path, **constants: np.ndarray) -> Path:
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


@pytest.mark.parametrize(("ended", "differ"), [("not compiled", 0), ("compiled", 1)])
def test_what_the_table_says_does_not_compile(ended: str, differ: int, tmp_path: Path) -> None:
    source = saved(LOOKUP, tmp_path, w=np.ones((24, 16), np.float32))
    mmc.compile(source, target="hexagon_v73", output=tmp_path / "m.tflite")
    program = read(tmp_path / "m.tflite")
    count = len(program.operators)
    found = compare(program, Answer("v68", ended, 0.1, count, count, 1))
    assert (len(found.careful), len(found.refused)) == (differ, 0)


def test_stored_integers_become_the_floats_that_they_stand_for(tmp_path: Path) -> None:
    codes = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    scale = np.array([0.5, 0.25, 2], np.float32)
    model = in_floats(saved(STORED, tmp_path, q=codes, s=scale))
    assert [n.op_type for n in model.graph.node] == ["MatMul"]
    held = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    np.testing.assert_array_equal(held["w"], codes * scale)
