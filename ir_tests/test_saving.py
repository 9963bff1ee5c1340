"""What is written can be loaded by ONNX Runtime, with weights beside the model too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from mmc.ir import parse, save
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
