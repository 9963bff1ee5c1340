"""Forms that Qualcomm's compiler takes for those it refuses; every compile verifies them."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import operators_for_hexagon
from ir_tests.lowering import emit
from mmc.backends.targets import vendor
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.lower import lower
from mmc.backends.tflite.reader import read
from mmc.ir import Model, parse
from mmc.shapes import infer

LOOKUP = """<ir_version: 10, opset_import: ["" : 21]>
g (int64[1,6] x) => (float[1,6,16] y) { r = Gather (w, x) y = MatMul(r, v) }"""
CODES = np.concatenate(
    [np.repeat(np.arange(-7, 8)[:, None], 15, 1), np.tile(np.arange(-7, 8), (15, 1))], 1
)
SCALES = np.arange(1, 16, dtype=np.float32) / 8
CHOICE = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8] x) => (float[1,1,1,8] y) {
    b = Cast <to: int = 9> (x) c = GatherND (b, w) y = Cast <to: int = 1> (c) }"""


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_rows_of_integers_are_gathered_with_their_scales(tmp_path: Path, activations: str) -> None:
    np.savez(tmp_path / "c.npz", x=np.arange(24).reshape(4, 1, 6))
    ops = operators_for_hexagon(
        LOOKUP,
        {"w": normal(24, 16), "v": normal(16, 16)},
        tmp_path,
        weights="int8",
        activations=activations,
        calibration=tmp_path / "c.npz",
    )
    assert "EMBEDDING_LOOKUP" not in ops
    assert ops["GATHER"] == 2


@pytest.mark.parametrize(("width", "bits"), [(16, 4), (15, 8)])
def test_rows_of_4_bits_are_bytes_of_two_codes(tmp_path: Path, width: int, bits: int) -> None:
    np.savez(tmp_path / "c.npz", x=np.arange(24).reshape(4, 1, 6))
    recipe = tmp_path / "r.toml"
    recipe.write_text('weights = "int4"\n[[rule]]\nrole = "embedding"\nweights = "int4"\n')
    ops = operators_for_hexagon(
        LOOKUP.replace("16", str(width)),
        {"w": normal(24, width), "v": normal(width, width)},
        tmp_path,
        recipe=recipe,
        activations="int16",
        calibration=tmp_path / "c.npz",
    )
    tables = [t for t in read(tmp_path / "m.tflite").tensors if t.shape[:1] == (24,)]
    assert [t.shape for t in tables] == [(24, width * bits // 8), (24, 1)]
    assert (ops.get("ROUND", 0), ops["GATHER"]) == (bits == 4, 2)


def looked_up(shape: tuple[int, ...]) -> Model:
    sizes = ",".join(map(str, shape))
    model = parse(
        f"""<ir_version: 13, opset_import: ["" : 25]>
        g (int64[{sizes}] x) => (float[{sizes},30] y) {{
            w = DequantizeLinear <axis = 0> (c, s) y = Gather <axis = 0> (w, x) }}""",
        c=CODES.astype(ml_dtypes.int4),
        s=SCALES,
    )
    infer(model)
    return model


@pytest.mark.parametrize("shape", [(15,), (3, 5), (1, 1, 15, 1)])
def test_every_pair_of_codes_is_parted_exactly(shape: tuple[int, ...]) -> None:
    found, ops = emit(looked_up(shape), {"x": np.arange(15).reshape(shape)}, npu=True)
    assert ops.count("ROUND") == (len(shape) < 4)
    np.testing.assert_array_equal(found["y"].reshape(15, 30), CODES * SCALES[:, None])


@pytest.mark.vendor
def test_every_pair_of_codes_is_parted_in_16_bit_floats(tmp_path: Path) -> None:
    write(lower(looked_up((15,)), npu=True), tmp_path / "m.tflite")
    found = mmc.run(tmp_path / "m.tflite", {"x": np.arange(15)}, on="hexagon_v73")
    np.testing.assert_allclose(found["y"], CODES * SCALES[:, None], rtol=2.0**-11)


def test_truth_values_are_gathered_as_integers(tmp_path: Path) -> None:
    places = np.stack([np.zeros(8, np.int64), np.arange(8)[::-1]], -1).reshape(1, 1, 1, 8, 2)
    inputs = {"x": np.array([[0, 1, 0, 2, 0, 0, 3, 1]], np.float32)}
    ops = operators_for_hexagon(CHOICE, {"w": places[..., ::1]}, tmp_path, inputs=inputs)
    assert ops["GATHER_ND"] == 1
    assert ops["CAST"] >= 2


CLIPPED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4,8] x) => (float[1,4,8] y) {
    a = MatMul (x, w) b = Add (a, x) y = Clip (b, low, high) }"""


@pytest.mark.parametrize("limits", [(0, 6), (-1, 1)])
def test_16_bit_sums_end_where_their_codes_end(limits: tuple[int, int], tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=10 * normal(4, 1, 4, 8))
    bounds = {n: np.array(v, np.float32) for n, v in zip(("low", "high"), limits, strict=True)}
    ops = operators_for_hexagon(
        CLIPPED,
        {"w": normal(8, 8), **bounds},
        tmp_path,
        weights="int8",
        activations="int16",
        calibration=tmp_path / "c.npz",
    )
    assert ops.keys() == {"QUANTIZE", "FULLY_CONNECTED", "ADD", "DEQUANTIZE"}


STOPPING = {
    "angles": ("y = Atan (x)", 27),
    "truth values": (
        "z = Neg (x) a = Greater (x, z) b = Less (x, u) c = Xor (a, b) y = Cast <to=1> (c)",
        7,
    ),
    "six axes": (
        "a = Reshape(x, six) b = Transpose <perm = [4, 3, 0, 5, 2, 1]> (a) y = Reshape(b, parted)",
        5,
    ),
    "exclusive sum": ("y = CumSum <exclusive = 1> (x, one)", 3),
    "reversed sum": ("y = CumSum <reverse = 1> (x, one)", 3),
    "merged axes": (
        "a = Reshape(x, merged) b = MatMul(a, w) c = Reshape(b, parted) y = Add(c, x)",
        4,
    ),
}


@pytest.mark.vendor
@pytest.mark.parametrize("body", STOPPING)
def test_what_is_selected_is_operators_for_hexagon(body: str, tmp_path: Path) -> None:
    text, count = STOPPING[body]
    ops = operators_for_hexagon(
        f"""<ir_version: 10, opset_import: ["" : 21]>
        g (float[1,16,4,16] x) => (float[1,16,4,16] y) {{ {text} }}""",
        {
            "one": np.array(1),
            "u": np.array(0.5, np.float32),
            "merged": np.array([1, 16, 64]),
            "six": np.array([2, 8, 2, 2, 4, 4]),
            "parted": np.array([1, 16, 4, 16]),
            "w": normal(64, 64),
        },
        tmp_path,
    )
    said = vendor.ask(tmp_path / "m.tflite", "v73")
    assert (said.selected, said.total, said.ended) == (count, sum(ops.values()), "compiled")
