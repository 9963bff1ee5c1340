"""Models of more axes than an engine has: whole artifacts, compared with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc.ir import Model, parse, print_ir, save
from mmc.passes.merge_axes import MergeAxes

HEADER = '<ir_version: 10, opset_import: ["" : 21]>'
UPSAMPLING = f"""{HEADER}
g (float[1,2,4,4] flow, float[1,36,4,4] mask) => (float[1,2,8,8] y) {{
    seven = Constant <value = int64[7] {{1,1,9,2,2,4,4}}> ()
    flat = Constant <value = int64[7] {{1,2,9,1,1,4,4}}> ()
    wide = Constant <value = int64[4] {{1,2,8,8}}> ()
    two = Constant <value = int64[1] {{2}}> ()
    nine = Constant <value = int64[7] {{1,1,9,1,1,1,1}}> ()
    few = Constant <value = int64[7] {{1,2,1,1,1,4,4}}> ()
    shared = Reshape (mask, seven)
    weights = Softmax <axis = 2> (shared)
    part = Reshape (flow, few)
    windows = Tile (part, nine)
    product = Mul (weights, windows)
    sum = ReduceSum <keepdims = 0> (product, two)
    turned = Transpose <perm = [0, 1, 4, 2, 5, 3]> (sum)
    y = Reshape (turned, wide)
}}"""
LAYER = f"""{HEADER}
g (float[6,4,5,6] x) => (float[6,4,5,3] y) {{
    six = Constant <value = int64[6] {{1,3,2,4,5,6}}> ()
    back = Constant <value = int64[4] {{6,4,5,3}}> ()
    a = Reshape (x, six)
    b = Mul (a, factor)
    c = MatMul (b, w)
    d = Mul (c, scale)
    e = Sigmoid (d)
    y = Reshape (e, back)
}}"""
FIVE = f"""{HEADER}
g (float[2,1,3,2,4] x) => (float[2,1,3,2,4] y) {{ y = Tanh (x) }}"""
SIX = FIVE.replace("[2,1,3,2,4]", "[2,1,3,2,4,5]")


def layer() -> Model:
    factor, scale = normal(1, 3, 1, 4, 1, 6, seed=1), normal(1, 3, 2, 1, 1, 3, seed=2)
    return parse(LAYER, factor=factor, scale=scale, w=normal(6, 3, seed=3))


MODELS = {"upsampling": lambda: parse(UPSAMPLING), "layer": layer}


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73", "ane_ios18"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_many_axes(name: str, target: str, tmp_path: Path) -> None:
    save(MODELS[name](), tmp_path / "m.onnx")
    artifact = tmp_path / ("m.mlpackage" if target == "ane_ios18" else "m.tflite")
    made = mmc.compile(tmp_path / "m.onnx", target=target, output=artifact)
    assert made.verification is not None
    assert made.verification.passed
    assert not {"MMC195", "MMC196", "MMC206"} & {d.code for d in made.diagnostics}


def test_operators_of_few_axes_are_left_alone_where_asked() -> None:
    model = parse(FIVE)
    before = print_ir(model)
    assert MergeAxes(above=5).run(model) == 0
    assert print_ir(model) == before
    assert MergeAxes().run(model) == 1


def test_one_of_many_axes_does_not_draw_in_those_of_few() -> None:
    text = SIX.replace("{ y = Tanh (x) }", "{ y = Tanh (x) z = Tanh (few) }")
    text = text.replace("4,5] x)", "4,5] x, float[2,1,3,2,4] few)")
    model = parse(text.replace("4,5] y)", "4,5] y, float[2,1,3,2,4] z)"))
    assert MergeAxes(above=5).run(model) == 1
    shapes = {n.inputs[0].name: n.inputs[0].shape for n in model.graph if n.op_type == "Tanh"}
    assert shapes["few"] == (2, 1, 3, 2, 4)
    assert np.prod([*map(len, filter(None, shapes.values()))]) == 5 * 4
