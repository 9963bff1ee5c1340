"""Bring a file or a text into the working form."""

from __future__ import annotations

import os

import numpy as np
import onnx
import onnx_ir as ir
from onnx import parser, version_converter

from mmc.values import OPSET, Array


def load(path: str | os.PathLike[str]) -> ir.Model:
    """Read an ONNX file."""
    proto = onnx.inliner.inline_local_functions(onnx.load(path))
    return _working(version_converter.convert_version(proto, OPSET))


def parse(text: str, **constants: Array) -> ir.Model:
    """Read ONNX text; names in it that are not defined are given as `constants`."""
    proto = parser.parse_model(text)
    for name, array in constants.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    return _working(version_converter.convert_version(proto, OPSET))


def _working(proto: onnx.ModelProto) -> ir.Model:
    proto.ir_version = 13
    model = ir.from_proto(proto)
    from onnx_ir.passes.common import LiftConstantsToInitializersPass

    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return model
