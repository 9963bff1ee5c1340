"""Models that arrive with quantized activations compute on their own codes, executed in LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from ir_tests.own_grids import (
    BITS,
    BODIES,
    HEAD,
    KINDS,
    WEIGHT,
    ZEROS,
    compiled,
    grid,
    model_of,
    steps_off,
    types_of,
    weight,
)
from mmc.backends.tflite.backend import TfliteBackend
from mmc.integers.kept_float import NO_GRID, OWN_FLOATS
from mmc.ir import Array, parse
from mmc.verification.unrounded import leave_unrounded


@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("body", [*BODIES])
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_an_operator_between_grids_is_an_integer_kernel(
    target: str, body: str, kind: str, tmp_path: Path
) -> None:
    model, _ = model_of(body, kind)
    result = compiled(model, tmp_path, target)
    wanted = "INT8" if BITS[kind] == 8 else "INT16"
    floats = {code for code, made in types_of(result) if made != wanted}
    assert floats <= {"DEQUANTIZE"}, floats
    step = 2.0 ** -(BITS[kind] - 3) * 2
    assert steps_off(model, result, step) < 1.01 + 3 * (kind == "int16")
    program = TfliteBackend.read(result.artifact)
    last = next(op for op in program.operators if op.code == "DEQUANTIZE")
    found = program.tensors[last.inputs[0]].quantization
    assert found is not None
    assert found.scale.item() == np.float32(step), "the model's own"
    assert found.zero_point.item() == ZEROS[kind] - 128 * (kind == "uint8")


QOPERATOR = (
    HEAD
    + """g (float[1,4,8,8] x) => (float[1,6,4,4] y) {
    q = QuantizeLinear(x, s, z)
    c = QLinearConv<pads = [1,1,1,1]>(q, s, z, w, ws, wz, o, z, b)
    p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(c)
    y = DequantizeLinear(p, o, z)
}"""
)


def test_qoperators_are_the_same_kernels(tmp_path: Path) -> None:
    given = weight(6, 4, 3, 3) | {"wz": np.zeros(6, np.int8), "b": np.arange(6, dtype=np.int32)}
    numbers = {"s": np.float32(0.03), "o": np.float32(0.1), "z": np.uint8(131)}
    model = parse(QOPERATOR, **given, **numbers)
    result = compiled(model, tmp_path)
    assert {("CONV_2D", "INT8"), ("MAX_POOL_2D", "INT8")} <= types_of(result)
    assert {code for code, made in types_of(result) if made != "INT8"} == {"DEQUANTIZE"}
    assert steps_off(model, result, 0.1) < 1.01


LAST = (
    HEAD
    + f"""g (float[3,16] x) => (float[3,8] y) {{ {grid("a", "x", "s")} {WEIGHT}
    y = Gemm<transB = 1>(a, k) }}"""
)


def last_layer() -> Any:
    return parse(LAST, s=np.float32(0.03), z=np.uint8(131), **weight(8, 16))


def test_a_result_without_a_scale_stays_float(tmp_path: Path) -> None:
    result = compiled(last_layer(), tmp_path)
    assert ("FULLY_CONNECTED", "FLOAT32") in types_of(result)
    assert [k.why for k in result.kept_float] == [NO_GRID]


def test_data_gives_a_result_its_scale(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=normal(16, 3, 16, seed=5))
    result = compiled(last_layer(), tmp_path, calibration=tmp_path / "data.npz")
    assert ("FULLY_CONNECTED", "INT8") in types_of(result)
    assert not result.kept_float


def test_a_layer_that_the_model_keeps_float_stays_float(tmp_path: Path) -> None:
    """Its weights are on no grid: the exporter left it out."""
    text = LAST.replace(WEIGHT, "").replace("(a, k)", "(a, w)").replace("y = ", "y0 = ")
    text = text.replace("}", grid("y", "y0", "s") + " }")
    model = parse(text, s=np.float32(0.03), z=np.uint8(131), w=normal(8, 16))
    result = compiled(model, tmp_path)
    assert ("FULLY_CONNECTED", "FLOAT32") in types_of(result)


def test_floats_between_grids_stay_floats(tmp_path: Path) -> None:
    text = f"g (float[3,16] x) => (float[3,16] y) {{ {grid('a', 'x', 's')} n = Sin(x)"
    text += f" c = Cos(n) {grid('b', 'c', 's')} y0 = Add(a, b) {grid('y', 'y0', 's')} }}"
    model = parse(HEAD + text, s=np.float32(0.03), z=np.uint8(131))
    result = compiled(model, tmp_path)
    assert {("SIN", "FLOAT32"), ("COS", "FLOAT32"), ("ADD", "INT8")} <= types_of(result)
    assert {k.why for k in result.kept_float} == {OWN_FLOATS}


OPS = ("relu", "pool", "conv", "add", "flat")


@st.composite
def chains(draw: st.DrawFn) -> tuple[str, dict[str, Array]]:
    """Return the text of a chain of operators between grids of different scales."""
    lines, arrays = [], {"z": np.uint8(draw(st.integers(100, 150)))}
    now, size = "x", 8
    for i, op in enumerate(draw(st.lists(st.sampled_from(OPS), min_size=1, max_size=5))):
        scale = draw(st.floats(0.02, 0.2))
        arrays[f"s{i}"] = np.float32(scale)
        lines.append(grid(f"a{i}", now, f"s{i}"))
        if op == "conv":
            made = weight(4, 4, 1, 1, seed=i)
            arrays |= {f"w{i}": made["w"], f"ws{i}": made["ws"]}
            lines.append(f"k{i} = DequantizeLinear<axis = 0>(w{i}, ws{i})")
        if op == "pool" and size == 1:
            op = "relu"
        size = size // 2 if op == "pool" else size
        lines.append(
            {
                "relu": f"v{i} = Relu(a{i})",
                "pool": f"v{i} = MaxPool<kernel_shape = [2,2], strides = [2,2]>(a{i})",
                "conv": f"v{i} = Conv(a{i}, k{i})",
                "add": f"v{i} = Add(a{i}, a{i})",
                "flat": f"t{i} = Transpose<perm = [0,1,3,2]>(a{i}) v{i} = Identity(t{i})",
            }[op]
        )
        now = f"v{i}"
    arrays["s"] = np.float32(draw(st.floats(0.02, 0.2)))
    lines.append(grid("y", now, "s"))
    body = "\n".join(lines)
    return f"{HEAD}g (float[1,4,8,8] x) => (float[1,4,{size},{size}] y) {{ {body} }}", arrays


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(drawn=chains())
def test_any_chain_is_the_original_but_for_rounding(
    drawn: tuple[str, dict[str, Array]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text, arrays = drawn
    model = parse(text, **arrays)
    result = compiled(model, tmp_path_factory.mktemp("chain"))
    assert not {code for code, made in types_of(result) if made != "INT8"} - {"DEQUANTIZE"}
    assert result.verification is not None
    assert result.verification.passed


def test_removing_the_rounding_keeps_the_cut() -> None:
    """Codes that end at 0 stand for a Relu that the exporter left out."""
    text = f"{HEAD}g (float[3,16] x) => (float[3,16] y) {{ {grid('y', 'x', 's')} }}"
    proto = onnx_ir.to_proto(parse(text, s=np.float32(0.5), z=np.uint8(0)))
    proto.graph.node.append(onnx.helper.make_node("Abs", ["x"], ["y.low"]))
    leave_unrounded(proto.graph)
    x = normal(3, 16, seed=3) * 100
    assert {n.op_type for n in proto.graph.node} == {"QuantizeLinear", "Clip", "Abs"}
    np.testing.assert_array_equal(oracle(proto, {"x": x})["y"], np.clip(x, 0, 127.5))


def test_a_graph_of_blocks_moves_codes(tmp_path: Path) -> None:
    """Splits, joints and resizing between layers read and write the scale of what they move."""
    text = f"g (float[1,4,8,8] x) => (float[1,6,16,16] y) {{ {grid('a', 'x', 's')}"
    text += f" b, c = Split<axis = 1, num_outputs = 2>(a) {grid('d', 'c', 's')} e = Relu(d)"
    text += f" {grid('f', 'e', 's')} {grid('h', 'b', 's')} j = Concat<axis = 1>(h, f)"
    text += ' r = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric",'
    text += ' nearest_mode = "floor">(j, , sizes)'
    text += (
        f" {grid('m', 'r', 's')} {WEIGHT} y0 = Conv<pads=[1,1,1,1]>(m, k) {grid('y', 'y0', 'o')} }}"
    )
    numbers = {"s": np.float32(0.03), "o": np.float32(0.1), "z": np.uint8(131)}
    sizes = np.array([1, 1, 2, 2], np.float32)
    model = parse(HEAD + text, **weight(6, 4, 3, 3), **numbers, sizes=sizes)
    result = compiled(model, tmp_path)
    assert {code for code, made in types_of(result) if made != "INT8"} == {"DEQUANTIZE"}
    assert steps_off(model, result, 0.1) < 1.01


def test_what_is_asked_beside_the_models_own_is_said_to_change_nothing(tmp_path: Path) -> None:
    model, _ = model_of("conv", "uint8")
    np.savez(tmp_path / "data.npz", x=normal(4, 1, 4, 8, 8, seed=5))
    asked = {"weights": "int8", "activations": "int16", "calibration": tmp_path / "data.npz"}
    result = compiled(model, tmp_path, **asked)
    (note,) = [d for d in result.diagnostics if d.code == "MMC304"]
    assert "--weights int8 and --activations int16 change nothing" in note.what
    assert ("CONV_2D", "INT8") in types_of(result)


def test_scales_that_kernels_do_not_have_are_counted(tmp_path: Path) -> None:
    text = f"{HEAD}g (float[3,16] x) => (float[3,16] y) {{ {grid('a', 'x', 's')} b = Add(a, a)"
    text += f" {grid('y', 'b', 'o')} }}"
    numbers = {"s": np.float32(1e-3), "o": np.float32(2e-3), "z": np.uint16(32000)}
    result = compiled(parse(text, **numbers), tmp_path)
    (note,) = [d for d in result.diagnostics if d.code == "MMC315"]
    assert "2 became the nearest" in note.what
    assert ("ADD", "INT16") in types_of(result)
