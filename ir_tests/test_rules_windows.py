"""auto_pad written out means what ONNX Runtime makes of it, also where windows skip entries."""

from __future__ import annotations

import cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc.ir import Model, parse
from mmc.pattern import apply_rules
from mmc.shapes import infer
from mmc.verification.evaluate import run_model


def windowed(op_type: str, size: int, kernel: int, stride: int, mode: str) -> Model:
    """Return a model of one convolution or pool over a row of `size` entries."""
    given = f'auto_pad = "{mode}", strides = [{stride}], kernel_shape = [{kernel}]'
    call = f"{op_type}<{given}>(x{', w' if op_type == 'Conv' else ''})"
    weights = {"w": np.arange(1, 2 * kernel + 1, dtype=np.float32).reshape(1, 2, kernel)}
    model = parse(
        f'<ir_version: 13, opset_import: ["" : 25]> '
        f"g (float[1,2,{size}] x) => (float[n,c,l] y) {{ y = {call} }}",
        **(weights if op_type == "Conv" else {}),
    )
    infer(model)
    return model


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("op_type", ["Conv", "AveragePool", "LpPool"])
@given(size=st.integers(9, 30), kernel=st.integers(1, 4), stride=st.integers(1, 9))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_auto_pad(op_type: str, mode: str, size: int, kernel: int, stride: int) -> None:
    model = windowed(op_type, size, kernel, stride, mode)
    x = np.arange(1, 2 * size + 1, dtype=np.float32).reshape(1, 2, size)
    before = run_model(model, {"x": x})
    rule = "explicit-conv" if op_type == "Conv" else "explicit-pool"
    assert apply_rules(model, [cases.find(rule)]) == 1
    np.testing.assert_allclose(run_model(model, {"x": x})["y"], before["y"], rtol=1e-5)
