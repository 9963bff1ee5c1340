"""Bodies of loops as exporters write them, and as ONNX Runtime wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.lowering import run_both
from mmc.ir import parse, save
from mmc.shapes import fix_shapes
from mmc.verification.reference import run

HEAD = '<ir_version: 8, opset_import: ["" : 17]> g '
CROPS = """(float[1,3,8,8] x) => (float[2,1,3,4,5] y) {
        y = Loop <body = b (int64[1] i, bool c) => (bool c2, float[1,3,4,5] crop) {
            c2 = Identity(c)  j = Add(i, row)  box = Slice(boxes, i, j, row0)
            region = Reshape(box, eight)  shape = Shape(x)  kept = Slice(shape, row0, row2)
            sizes = Concat <axis = 0> (kept, small)
            crop = Resize <mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize">
                (x, region, empty, sizes) }> (two, t) }"""
AROUND = {
    "t": np.array(True),
    "two": np.array(2),
    "row": np.array([1]),
    "row0": np.array([0]),
    "row2": np.array([2]),
    "eight": np.array([8]),
    "small": np.array([4, 5]),
    "empty": np.zeros(0, np.float32),
    "boxes": np.array(
        [[0, 0, 0.125, 0.25, 1, 1, 0.75, 0.875], [0, 0, 0, 0, 1, 1, 1, 1]], np.float32
    ),
}


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_crops_as_tf2onnx_writes_them(target: str) -> None:
    """A row of one counts, and inference has to know the constants around the body.

    The second crop is of the whole image.
    """
    run_both(HEAD + CROPS, None, target, **AROUND)


def test_a_loop_runs_once_sizes_are_bound(tmp_path: Path) -> None:
    """ONNX Runtime asks for the rank of its counter, which has no size that could be stale."""
    text = """(float[n,3] x, int64 k) => (float[n,3] y) {
        y = Loop <body = b (int64 i, bool c, float[n,3] s) => (bool c2, float[n,3] s2) {
            c2 = Identity(c)  a = Add(s, x)  f = Cast <to = 1> (i)  s2 = Add(a, f) }> (k, t, x) }"""
    model = parse(HEAD + text, t=np.array(True))
    fix_shapes(model, {}, {"n": 2}, {})
    save(model, tmp_path / "m.onnx")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = run(tmp_path / "m.onnx", {"x": x, "k": np.array(3)})["y"]
    np.testing.assert_array_equal(found, 4 * x + 0 + 1 + 2)
