"""Forms that Qualcomm's compiler takes for those it refuses; every compile verifies them."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import emit
from mmc.backends.targets import vendor
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.lower import lower
from mmc.backends.tflite.reader import read
from mmc.ir import Model, parse
from mmc.shapes import infer

CONV = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,3,8,8] x) => (float[1,8,4,4] y) {
    y = Conv <strides = [2, 2], pads = [1, 1, 0, 0]> (x, w) }"""
LOOKUP = """<ir_version: 10, opset_import: ["" : 21]>
g (int64[1,6] x) => (float[1,6,16] y) { r = Gather (w, x) y = MatMul(r, v) }"""
CODES = np.concatenate(
    [np.repeat(np.arange(-7, 8)[:, None], 15, 1), np.tile(np.arange(-7, 8), (15, 1))], 1
)
SCALES = np.arange(1, 16, dtype=np.float32) / 8
CHOICE = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8] x) => (float[1,1,1,8] y) {
    b = Cast <to: int = 9> (x) c = GatherND (b, w) y = Cast <to: int = 1> (c) }"""


def compiled(
    text: str, constants: dict[str, np.ndarray], folder: Path, **options: object
) -> dict[str, int]:
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    onnx.save(model, folder / "m.onnx")
    out = folder / "m.tflite"
    result = mmc.compile(folder / "m.onnx", target="hexagon_v73", output=out, **options)  # type: ignore[arg-type]
    assert not [d for d in result.diagnostics if d.severity == "warning"]
    return result.ops


STRIDED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,CIN,SIZE,SIZE] x) => (float[1,COUT,HALF,HALF] y) {
    y = Conv <strides = [2, 2], pads = [P, P, P, P], group = GROUPS> (x, w) }"""


def strided(
    folder: Path, w: tuple[int, ...], groups: int = 1, size: int = 8, activations: str = "int16"
) -> tuple[dict[str, int], Path]:
    """Compile a convolution with all its pads; return the operators and the artifact."""
    cin, pads = w[1] * groups, w[2] // 2
    given = {"CIN": cin, "COUT": w[0], "SIZE": size, "HALF": size // 2, "P": pads}
    text = STRIDED
    for name, value in (given | {"GROUPS": groups}).items():
        text = re.sub(rf"\b{name}\b", str(value), text)
    np.savez(folder / "c.npz", x=normal(4, 1, cin, size, size))
    ops = compiled(
        text,
        {"w": normal(*w)},
        folder,
        weights="int8",
        activations=activations,
        calibration=folder / "c.npz",
    )
    return ops, folder / "m.tflite"


@pytest.mark.parametrize(
    ("w", "groups", "wider"),
    [
        ((8, 3, 3, 3), 1, (8, 4, 4, 3)),
        ((6, 1, 5, 5), 6, (6, 6, 6, 1)),
        ((6, 1, 3, 3), 6, (6, 4, 4, 1)),
    ],
)
def test_strided_windows_of_16_bits_end_with_zeros(
    w: tuple[int, ...], groups: int, wider: tuple[int, ...], tmp_path: Path
) -> None:
    """SAME pads a window of 4 as ONNX pads one of 3: nothing is joined, and no code differs."""
    ops, artifact = strided(tmp_path, w, groups, 32)
    assert not {"CONCATENATION", "PAD"} & {*ops}
    (conv,) = (op for op in read(artifact).operators if op.code == "CONV_2D")
    assert read(artifact).tensors[conv.inputs[1]].shape == wider
    x = normal(1, w[1] * groups, 32, 32, seed=5)
    found = mmc.run(artifact, {"x": x})["y"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmc.backends.tflite.lowerings.conv.wider", lambda e, x, w, axes: axes)
        ops, artifact = strided(tmp_path, w, groups, 32)
    assert ops["CONCATENATION"] == 2
    np.testing.assert_array_equal(found, mmc.run(artifact, {"x": x})["y"])


def test_16_bit_pads_are_joined_where_zeros_of_weights_are_more(tmp_path: Path) -> None:
    ops, _ = strided(tmp_path, (64, 64, 3, 3))
    assert ops["CONCATENATION"] == 2
    assert "PAD" not in ops


def test_pads_that_no_longer_window_makes_are_joined(tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=normal(4, 1, 3, 8, 8))
    text = CONV.replace("pads = [1, 1, 0, 0]", "pads = [2, 2, 0, 0]")
    given = {"weights": "int8", "activations": "int16", "calibration": tmp_path / "c.npz"}
    ops = compiled(text, {"w": normal(8, 3, 3, 3)}, tmp_path, **given)
    assert ops["CONCATENATION"] == 2
    assert "PAD" not in ops


def test_8_bit_windows_are_padded_as_they_are(tmp_path: Path) -> None:
    ops, artifact = strided(tmp_path, (8, 3, 3, 3), activations="int8")
    assert ops["PAD"] == 1
    assert (8, 3, 3, 3) in [t.shape for t in read(artifact).tensors]


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_rows_of_integers_are_gathered_with_their_scales(tmp_path: Path, activations: str) -> None:
    np.savez(tmp_path / "c.npz", x=np.arange(24).reshape(4, 1, 6))
    ops = compiled(
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
    ops = compiled(
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
@pytest.mark.skipif(bool(vendor.missing()), reason=vendor.missing() or "there")
def test_every_pair_of_codes_is_parted_in_16_bit_floats(tmp_path: Path) -> None:
    write(lower(looked_up((15,)), npu=True), tmp_path / "m.tflite")
    found = mmc.run(tmp_path / "m.tflite", {"x": np.arange(15)}, on="hexagon_v73")
    np.testing.assert_allclose(found["y"], CODES * SCALES[:, None], rtol=2.0**-11)


def test_truth_values_are_gathered_as_integers(tmp_path: Path) -> None:
    places = np.stack([np.zeros(8, np.int64), np.arange(8)[::-1]], -1).reshape(1, 1, 1, 8, 2)
    inputs = {"x": np.array([[0, 1, 0, 2, 0, 0, 3, 1]], np.float32)}
    ops = compiled(CHOICE, {"w": places[..., ::1]}, tmp_path, inputs=inputs)
    assert ops["GATHER_ND"] == 1
    assert ops["CAST"] >= 2


CLIPPED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4,8] x) => (float[1,4,8] y) {
    a = MatMul (x, w) b = Add (a, x) y = Clip (b, low, high) }"""


@pytest.mark.parametrize("limits", [(0, 6), (-1, 1)])
def test_16_bit_sums_end_where_their_codes_end(limits: tuple[int, int], tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=10 * normal(4, 1, 4, 8))
    bounds = {n: np.array(v, np.float32) for n, v in zip(("low", "high"), limits, strict=True)}
    ops = compiled(
        CLIPPED,
        {"w": normal(8, 8), **bounds},
        tmp_path,
        weights="int8",
        activations="int16",
        calibration=tmp_path / "c.npz",
    )
    assert ops.keys() == {"QUANTIZE", "FULLY_CONNECTED", "ADD", "DEQUANTIZE"}


WINDOWS = {
    "strides with dilations": (
        "y = Conv <group = 4, strides = [2, 1], dilations = [1, 2]> (x, w)",
        (8, 1, 3, 3),
        ["CONV_2D"],
    ),
    "one row upsampled": ("y = ConvTranspose <strides = [2, 2]> (r, w)", (4, 3, 2, 2), []),
    "one row, cropped": (
        "y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (r, w)",
        (4, 3, 4, 4),
        ["SLICE"],
    ),
}


def window(name: str, folder: Path) -> dict[str, int]:
    text, weights, _ = WINDOWS[name]
    return compiled(
        f"""<ir_version: 10, opset_import: ["" : 21]>
        g (float[1,4,9,9] x, float[1,4,1,6] r) => (float[a,b,c,d] y, float[1,4,9,9] z,
        float[1,4,1,6] s) {{ {text} z = Relu(x) s = Relu(r) }}""",
        {"w": normal(*weights)},
        folder,
    )


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_have_a_form_that_is_taken(name: str, tmp_path: Path) -> None:
    ops = window(name, tmp_path)
    assert set(WINDOWS[name][2]) <= ops.keys()
    assert "DEPTHWISE_CONV_2D" not in ops


@pytest.mark.vendor
@pytest.mark.skipif(bool(vendor.missing()), reason="the extra `hexagon` is not there")
@pytest.mark.parametrize("name", WINDOWS)
def test_the_vendor_takes_these_windows(name: str, tmp_path: Path) -> None:
    count = sum(window(name, tmp_path).values())
    said = vendor.ask(tmp_path / "m.tflite", "v73")
    assert (said.selected, said.total, said.ended) == (count, count, "compiled")


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
@pytest.mark.skipif(bool(vendor.missing()), reason="the extra `hexagon` is not there")
@pytest.mark.parametrize("body", STOPPING)
def test_what_is_selected_is_compiled(body: str, tmp_path: Path) -> None:
    text, count = STOPPING[body]
    ops = compiled(
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
    return compiled(
        f"""<ir_version: 10, opset_import: ["" : 21]>
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
@pytest.mark.skipif(bool(vendor.missing()), reason="the extra `hexagon` is not there")
@pytest.mark.parametrize("body", MANY)
def test_the_vendor_takes_operators_of_many_axes(body: str, tmp_path: Path) -> None:
    count = sum(of_many_axes(body, tmp_path).values())
    said = vendor.ask(tmp_path / "m.tflite", "v73")
    assert (said.selected, said.partitions, said.ended) == (count, 1, "compiled")
