"""Forms of operators that take fewer operations than the ONNX nodes they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.coreml_oracle import check_types
from ir_tests.lowering import sqnr
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.run import run
from mmc.backends.coreml.writer import write
from mmc.ir import parse
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

SLICED = """<ir_version: 13, opset_import: ["" : 25]>
g (float[2,1,7,4] x) => (float[{wanted}] y) {{
    p = Slice (x, begins, ends, axes, steps)
    y = Reshape (p, shape)
}}"""


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ([2, 4], ["cast", "slice_by_index", "cast"]),
        ([2, 1, 4], ["cast", "slice_by_index", "cast"]),
        ([2, 1, 1, 2, 2], ["cast", "slice_by_index", "reshape", "cast"]),
    ],
)
@pytest.mark.parametrize("step", [1, -1])
def test_a_slice_leaves_out_axes(
    wanted: list[int], codes: list[str], step: int, tmp_path: Path
) -> None:
    model = parse(
        SLICED.format(wanted=",".join(map(str, wanted))),
        begins=np.array([3]),
        ends=np.array([3 + step]),
        axes=np.array([2]),
        steps=np.array([step]),
        shape=np.array(wanted),
    )
    infer(model)
    assert check_types(model) == codes
    x = np.random.default_rng(0).standard_normal((2, 1, 7, 4)).astype(np.float32)
    write(lower(model, Form("fp32")), tmp_path / "m.mlpackage")
    (got,), (want,) = (
        run(tmp_path / "m.mlpackage", {"x": x}).values(),
        run_model(model, {"x": x}).values(),
    )
    assert got.shape == want.shape
    assert sqnr(want, got) == np.inf


def test_a_batch_norm_of_two_axes_is_a_product_and_a_sum(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]> g (float[3,4] x) => (float[3,4] y) {
            y = BatchNormalization <epsilon = 0.01> (x, scale, shift, mean, variance)
        }""",
        scale=rng.standard_normal(4).astype(np.float32),
        shift=rng.standard_normal(4).astype(np.float32),
        mean=rng.standard_normal(4).astype(np.float32),
        variance=rng.uniform(0.5, 2, 4).astype(np.float32),
    )
    infer(model)
    assert [code for code in check_types(model) if code != "cast"] == ["mul", "add"]
    x = rng.standard_normal((3, 4)).astype(np.float32)
    write(lower(model, Form("fp32")), tmp_path / "m.mlpackage")
    (got,) = run(tmp_path / "m.mlpackage", {"x": x}).values()
    (want,) = run_model(model, {"x": x}).values()
    assert sqnr(want, got) > 110
