"""What is written can be loaded by ONNX Runtime, with weights beside the model too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mmc.ir import load, parse, save
from mmc.verification.reference import run


def test_sizes_stay_in_the_model_file(tmp_path: Path) -> None:
    """ONNX Runtime infers shapes from them before it loads external data."""
    sizes, w = np.ones(300, np.int64), np.ones(300, np.float32)
    results = ", ".join(f"p{i}" for i in range(300))
    model = parse(
        f"""<ir_version: 13, opset_import: ["" : 25]> g (float[300] x) => (float[1] p7) {{
        y = Mul(x, w)  {results} = Split <axis = 0> (y, sizes) }}""",
        sizes=sizes,
        w=w,
    )
    save(model, tmp_path / "m.onnx", external=True)
    proto = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    outside = onnx.TensorProto.EXTERNAL
    assert [t.name for t in proto.graph.initializer if t.data_location == outside] == ["w"]
    x = np.arange(300, dtype=np.float32)
    assert run(tmp_path / "m.onnx", {"x": x})["p7"] == 7


@pytest.mark.parametrize("external", [False, True])
def test_a_written_model_does_not_need_the_file_it_came_from(
    tmp_path: Path, external: bool
) -> None:
    """What is too large to be copied at load, and too small to lie beside the model."""
    steps, w = np.arange(300)[::-1].copy(), np.arange(300, dtype=np.float32)
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]> g (float[300] x) => (float[300] y) {
        z = Mul(x, w)  y = Gather(z, steps) }""",
        steps=steps,
        w=w,
    )
    save(model, tmp_path / "first.onnx", external=False)
    first = load(tmp_path / "first.onnx")
    other = tmp_path / "other"
    other.mkdir()
    save(first, other / "m.onnx", external=external)
    (tmp_path / "first.onnx").unlink()
    x = np.ones(300, np.float32)
    assert np.array_equal(run(other / "m.onnx", {"x": x})["y"], w[::-1])
