"""Models of more axes than an engine has: whole artifacts, compared with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import operators_for_hexagon
from mmc.backends.targets import vendor
from mmc.backends.tflite.reader import read
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


MANY = {
    "a function of five axes": "a = Reshape(x, five) b = Tanh(a) y = Reshape(b, parted)",
    "entries of six axes": """
        a = Reshape(x, six) b = Mul(a, factors) c = Where(mask, b, zero) d = Softmax(c)
        e, f = Split <axis = 1, num_outputs = 2> (d) g = Concat <axis = 4> (f, e)
        y = Reshape(g, parted)""",
    "comparisons of five axes": """
        a = Reshape(x, five) b = ReduceMax <keepdims = 1> (a, axes) c = Less(a, b)
        d = Cast <to = 1> (c) e = CumSum(d, along) y = Reshape(e, parted)""",
    "whole numbers of five axes": """
        a = Reshape(x, five) b = Cast <to = 6> (a) c = Max(b, count) d = Cast <to = 1> (c)
        y = Reshape(d, parted)""",
    "reflected, looked up and largest entries of five axes": """
        a = Reshape(x, five) b, c = TopK(a, wide) d = Pad <mode = "reflect"> (b, around)
        e = GatherND(d, places) f = Slice(e, one, three, two) y = Reshape(f, parted)""",
    "sums of six axes": """
        a = Reshape(x, six) b = ReduceSum <keepdims = 1> (a, axes) c = Sub(a, b)
        d = Slice(c, one, two, one) e = Expand(d, six) y = Reshape(e, parted)""",
}


def of_many_axes(body: str, folder: Path, **options: object) -> dict[str, int]:
    return operators_for_hexagon(
        f"""{HEADER}
        g (float[1,16,4,16] x) => (float[1,16,4,16] y) {{ {MANY[body]} }}""",
        {
            "five": np.array([2, 8, 2, 2, 16]),
            "six": np.array([2, 8, 2, 2, 2, 8]),
            "parted": np.array([1, 16, 4, 16]),
            "factors": normal(8, 1, 1, 2, 8),
            "mask": np.array([True, False]).reshape(2, 1, 1),
            "zero": np.array(0, np.float32),
            "axes": np.array([1, 4]),
            "along": np.array(3),
            "count": np.array(1, np.int32),
            "around": np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
            "places": np.indices((2, 8))[:, ::-1].reshape(2, 16).T,
            "wide": np.array([16]),
            "three": np.array([3]),
            "one": np.array([1]),
            "two": np.array([2]),
        },
        folder,
        **options,
    )


@pytest.mark.parametrize("activations", ["", "int8", "int16"])
@pytest.mark.parametrize("body", MANY)
def test_operators_of_many_axes_work_on_fewer(body: str, activations: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=normal(4, 1, 16, 4, 16))
    codes = {"weights": "int8", "activations": activations, "calibration": tmp_path / "c.npz"}
    of_many_axes(body, tmp_path, **(codes if activations else {}))
    assert max(len(t.shape) for t in read(tmp_path / "m.tflite").tensors) < 6


@pytest.mark.vendor
@pytest.mark.parametrize("body", MANY)
def test_the_vendor_takes_operators_of_many_axes(body: str, tmp_path: Path) -> None:
    count = sum(of_many_axes(body, tmp_path).values())
    said = vendor.ask(tmp_path / "m.tflite", "v73")
    assert (said.selected, said.partitions, said.ended) == (count, 1, "compiled")
