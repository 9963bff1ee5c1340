"""What tests need of the packages that are installed: `make lowest` has the oldest ones."""

from __future__ import annotations

import pytest
from onnx.defs import onnx_opset_version

NEWER_ONNX = onnx_opset_version() > 25
needs_newer_onnx = pytest.mark.skipif(
    not NEWER_ONNX, reason="this onnx refuses more, and its evaluator has other mistakes"
)
