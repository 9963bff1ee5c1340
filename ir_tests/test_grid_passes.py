"""The passes that bring a model's own grids to codes, each alone: its text, and its meaning."""

from __future__ import annotations

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from mmc.integers.grids import read_on
from mmc.ir import Array, Model, parse, print_ir
from mmc.opset import function_proto
from mmc.passes.adopt_grids import AdoptGrids
from mmc.passes.legalize_grids import LegalizeGrids
from mmc.passes.recover_integers import RecoverIntegers
from mmc.passes.spread_grids import SpreadGrids
from mmc.quant.ranges import Affine
from mmc.shapes import infer
from mmc.values import ARRIVED_QUANTIZED, CHANGED_GRIDS, OPEN_GRIDS

NUMBERS: dict[str, Array] = {
    "s": np.float32(0.25),
    "t": np.float32(0.125),
    "f": np.float32(2.0**-8),
    "z": np.int8(5),
    "e": np.int8(-128),
    "h": np.int16(300),
}


def model_of(body: str, x: str = "float[1,4,4]", y: str = "float[1,4,4]", **more: Array) -> Model:
    import onnx.printer

    text = (
        f'<ir_version: 13, opset_import: ["" : 25, "mmc" : 1]>\ng ({x} x) => ({y} y) {{ {body} }}'
    )
    text += "\n" + onnx.printer.to_text(function_proto("OnGrid"))
    arrays = {k: v for k, v in (NUMBERS | more).items() if f"{k}," in body or f"{k})" in body}
    model = parse(text, **arrays)
    infer(model)
    return model


def grid(made: str, source: str, scale: str = "s", zero: str = "z") -> str:
    return f"{made} = mmc.OnGrid({source}, {scale}, {zero}, {scale})"


def outputs(model: Model) -> Array:
    shape = [int(d) for d in model.graph.inputs[0].shape or ()]
    return oracle(model, {"x": normal(*shape, seed=1) * 4})["y"]


SPREAD = {
    "through a move": (
        f"{grid('a', 'x')} y = Transpose<perm = [0,2,1]>(a)",
        """\
%0: float[1,4,4] = input
@0: float[] = const
@1: int8[] = const
%1: float[1,4,4] = mmc.OnGrid(%0, @0, @1, @0)
%2: float[1,4,4] = Transpose(%1) perm=[0,2,1]
@2: float[] = const
@3: int8[] = const
%3: float[1,4,4] = mmc.OnGrid(%2, @2, @3, @2)
return %3
""",
    ),
    "in front of a move": (
        f"a = Transpose<perm = [0,2,1]>(x) {grid('y', 'a')}",
        "%1: float[1,4,4] = mmc.OnGrid(%0, @0, @1, @0)\n%2: float[1,4,4] = Transpose(%1)",
    ),
    "in front of a joint": (
        f"{grid('a', 'x', 't')} b = Concat<axis = 1>(a, a) c = Neg(b) {grid('g', 'b')}"
        " y = Sub(c, g)",
        """\
%2: float[1,8,4] = Concat(%1, %1) axis=1
@2: float[] = const
@3: int8[] = const
%3: float[1,8,4] = mmc.OnGrid(%2, @2, @3, @2)
%4: float[1,8,4] = Neg(%3)
""",
    ),
}


@pytest.mark.parametrize("name", [*SPREAD])
def test_grids_spread(name: str) -> None:
    body, text = SPREAD[name]
    model = model_of(body, y="float[1,8,4]" if "Concat" in body else "float[1,4,4]")
    before = outputs(model)
    assert SpreadGrids().run(model) > 0
    assert text in print_ir(model)
    np.testing.assert_array_equal(outputs(model), before)
    assert SpreadGrids().run(model) == 0


def test_a_joint_reads_the_grid_that_it_is_rounded_to() -> None:
    model = model_of(
        f"{grid('a', 'x', 't')} b = Concat<axis = 1>(a, x) {grid('y', 'b')}", y="float[1,8,4]"
    )
    before = outputs(model)
    assert SpreadGrids().run(model) == 2
    joint = next(n for n in model.graph if n.op_type == "Concat")
    assert {read_on(v) for v in joint.inputs if v is not None} == {Affine(8, 0.25, 5)}
    np.testing.assert_array_equal(outputs(model), before)


def test_an_average_is_no_move() -> None:
    """round(mean(x)) is another number than round(mean(round(x)))."""
    body = f"a = AveragePool<kernel_shape = [2,2]>(x) {grid('y', 'a')}"
    model = model_of(body, "float[1,2,4,4]", "float[1,2,3,3]")
    before = print_ir(model)
    assert SpreadGrids().run(model) == 0
    assert print_ir(model) == before


LEGAL = {
    "no zero point": (grid("y", "x", "s", "h"), 1, 0.26),
    "none to change": (grid("y", "x"), 0, 0),
    "a kernel's own": (f"a = Sigmoid(x) {grid('y', 'a', 'f', 'z')}", 1, 1.0),
    "a kernel's is too coarse": (f"a = Sigmoid(x) {grid('y', 'a', 'tiny', 'z')}", 0, 0),
    "an average": (
        f"{grid('a', 'x')} b = AveragePool<kernel_shape = [1]>(a) {grid('y', 'b', 't')}",
        1,
        0.126,
    ),
}


@pytest.mark.parametrize("name", [*LEGAL])
def test_grids_become_legal(name: str) -> None:
    body, changes, off = LEGAL[name]
    model = model_of(body, tiny=np.float32(1e-4))
    before = outputs(model)
    assert LegalizeGrids().run(model) == changes
    assert np.abs(outputs(model) - before).max() <= off
    assert int(model.metadata_props.get(CHANGED_GRIDS, "0")) == changes
    assert LegalizeGrids().run(model) == 0


def test_a_sum_between_grids_is_on_codes() -> None:
    model = model_of(f"{grid('a', 'x')} b = Add(a, a) {grid('y', 'b', 't', 'e')}")
    before = outputs(model)
    assert AdoptGrids().run(model) == 2
    assert (
        print_ir(model)
        == """\
%0: float[1,4,4] = input
@0: float[] = const
@1: int8[] = const
%1: int8[1,4,4] = QuantizeLinear(%0, @0, @1)
%2: float[1,4,4] = DequantizeLinear(%1, @0, @1)
%3: float[1,4,4] = Add(%2, %2)
@2: float[] = const
@3: int8[] = const
%4: int8[1,4,4] = QuantizeLinear(%3, @2, @3)
%5: float[1,4,4] = DequantizeLinear(%4, @2, @3)
return %5
"""
    )
    np.testing.assert_array_equal(outputs(model), before)
    assert model.metadata_props[OPEN_GRIDS] == "0"
    assert AdoptGrids().run(model) == 0


def test_without_grids_nothing_is_adopted() -> None:
    model = model_of("y = Add(x, x)")
    for p in (LegalizeGrids(), SpreadGrids(), AdoptGrids(), RecoverIntegers(adopt=True)):
        model.metadata_props[ARRIVED_QUANTIZED] = "node"
        assert p.run(model) == 0


# steps that were codes once, and by how many of them their nearest are off: half of a new one, or
# -128 that becomes -127
STORED = {
    "no zero point": (np.array([[-128, 127] * 8] * 2), 1.0),
    "a zero point that matters": (np.array([[-20, 235] * 8] * 2), 235 / 127 / 2),
    "too short to tell": (np.array([[-127, 3]] * 2), 0.0),
}


@pytest.mark.parametrize("name", [*STORED])
def test_weights_become_the_nearest_that_kernels_take(name: str) -> None:
    steps, off = STORED[name]
    rows = (steps * np.float32(0.01)).astype(np.float32)
    width = rows.shape[1]
    body = f"{grid('a', 'x')} y = MatMul(a, w)"
    model = model_of(body, f"float[3,{width}]", "float[3,2]", w=rows.T.copy())
    model.metadata_props[ARRIVED_QUANTIZED] = "node"
    assert RecoverIntegers(symmetric=True, adopt=True).run(model) == 1
    maker = next(n for n in model.graph if n.op_type == "DequantizeLinear")
    codes, scale = (v.const_value.numpy() for v in maker.inputs[:2])
    assert codes.min() >= -127
    assert np.abs(codes * scale - rows.T).max() / 0.01 <= off + 1e-3
