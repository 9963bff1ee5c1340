"""Every architecture of the zoo compiles, and the artifact computes what the model does."""

from __future__ import annotations

from pathlib import Path

import pytest
from zoo import ZOO

from mmc.compiler import compile_model
from mmc.options import CompileOptions


@pytest.mark.parametrize("target", ["hexagon_v73", "cpu"])
@pytest.mark.parametrize("name", ZOO)
def test_zoo(name: str, target: str, tmp_path: Path) -> None:
    net = ZOO[name]
    net.write(tmp_path / "net.onnx")
    options = CompileOptions(dims=net.dims)
    result = compile_model(tmp_path / "net.onnx", target, tmp_path / "net.tflite", options)
    assert result.verification is not None
    assert result.verification.passed
    assert not {"SHAPE", "RANGE"} & result.ops.keys()
