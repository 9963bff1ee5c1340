"""Integer activations: every cell that is emitted is executed and compared with the QDQ model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import golden_models as golden
import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import compile_on
from ir_tests.integer_cells import (
    CELLS,
    cells_of_the_tables,
    in_front,
    operator_of,
)
from ir_tests.lowering import emit, oracle, single
from ir_tests.quantizing import data_of, feeds_of, quantized, steps
from mmc.cli import main
from mmc.diagnostics import UsageError
from mmc.integers.integer_ops import INTEGER, JOINED, SAME
from mmc.integers.kept_float import DELICATE, LAST, MOVES_FLOATS, NO_KERNEL, kept_float
from mmc.ir import parse, save
from mmc.opset import DOMAIN
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.shapes import infer
from mmc.verification.evaluate import compare


@pytest.mark.parametrize(("cell", "bits", "weights"), [*cells_of_the_tables()])
def test_every_cell_is_executed(cell: str, bits: int, weights: int, tmp_path: Path) -> None:
    moves = operator_of(cell) in SAME | JOINED
    made = in_front(CELLS[cell]()) if moves else CELLS[cell]()
    model = quantized(made, bits, tmp_path, weights)
    marked = [n for n in model.graph if n.metadata_props.get(INTEGER) == str(bits)]
    assert len(marked) == 1 + moves * len(model.graph.inputs)
    feeds = feeds_of(model)
    expected, (actual, codes) = oracle(model, feeds), emit(model, feeds)
    assert codes.count("QUANTIZE") == len(model.graph.inputs)
    assert codes.count("DEQUANTIZE") == 1
    off = np.abs(expected["y0"] - actual["y0"]).max() / steps(model, "y0")
    # one step an operator; float results that lie between two codes may fall either way
    assert off < 1.01 + (bits == 16) * 3, f"{off} steps"


@pytest.mark.parametrize("bits", [8, 16])
def test_a_bias_without_weights_fits(bits: int, tmp_path: Path) -> None:
    """Folded norms leave channels whose weights are next to nothing and whose bias is not."""
    weight, bias = normal(48, 64), normal(48)
    weight[:9] *= np.float32(10.0) ** -np.arange(4, 31, 3, dtype=np.float32)[:, None]
    model = quantized(single("Linear", (7, 64), weight, bias, domain=DOMAIN), bits, tmp_path)
    feeds = feeds_of(model)
    expected, actual = oracle(model, feeds)["y0"], emit(model, feeds)[0]["y0"]
    assert np.abs(expected - actual).max() / steps(model, "y0") < 1.01 + (bits == 16) * 3


JOINING = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,4,8] x) => (float[1,4,24] y, float[4,8] z) {
        a = Relu (x)
        b = Sigmoid (x)
        c = Mul (x, x)
        y = Concat <axis = 2> (a, b, c)
        r = Reshape (c, shape)
        z = HardSwish (r)
    }"""


@pytest.mark.parametrize("bits", [8, 16])
def test_scales_are_shared_where_kernels_demand_it(bits: int, tmp_path: Path) -> None:
    """Concat joins two free operands; the sigmoid has a scale of its own and is rescaled."""
    model = quantized(parse(JOINING, shape=np.array([4, 8])), bits, tmp_path)
    feeds = feeds_of(model)
    expected, (actual, codes) = oracle(model, feeds), emit(model, feeds)
    assert codes.count("QUANTIZE") == 2  # the input, and the sigmoid's result
    for name, value in expected.items():
        limit = 4.01 * (steps(model, name) if name == "y" or bits == 8 else 1e-3)
        assert np.abs(value - actual[name]).max() < limit, name


@pytest.mark.parametrize("bits", [8, 16])
def test_a_joined_constant_has_the_scale_of_the_result(bits: int, tmp_path: Path) -> None:
    """Kernels copy its codes: the range of the result holds the constant's too."""
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,4,8] x) => (float[1,4,16] y) { a = Relu (x)  y = Concat <axis = 2> (a, c) }"""
    constants = 5 * normal(1, 4, 8)
    model = quantized(parse(text, c=constants), bits, tmp_path)
    actual = emit(model, feeds_of(model))[0]["y"]
    assert np.abs(actual[..., 8:] - constants).max() < 0.51 * steps(model, "y")


def test_operators_without_kernels_stay_float(tmp_path: Path) -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,8] x) => (float[4,8] y) { a = Relu (x)  b = Erf (a)  y = Relu (b) }"""
    )
    quantized(model, 8, tmp_path)
    marked = [n.op_type for n in model.graph if INTEGER in n.metadata_props]
    assert marked == ["Relu", "Relu"]
    assert [(k.op, k.why) for k in kept_float(model)] == [("Erf", NO_KERNEL)]
    assert QuantizeActivations(bits=8, calibration="none").run(model) == 0


def test_data_that_only_moves_stays_float(tmp_path: Path) -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,8] x) => (float[8,4] y) { a = Transpose (x)  b = Erf (a)  y = Sin (b) }"""
    )
    infer(model)
    assert QuantizeActivations(bits=8, calibration=data_of(model, tmp_path)).run(model) == 0
    assert [k.why for k in kept_float(model)] == [MOVES_FLOATS, NO_KERNEL, NO_KERNEL]


def test_the_report_tells_what_stays_float(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A normalization: its mean is an integer operator, its quotient and what belongs to it not."""
    rng = np.random.default_rng(0)
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,32] x) => (float[4,32] y) {
            a = MatMul (x, w)  n = LayerNormalization (a, s)  y = MatMul (n, v) }""",
        **{n: rng.standard_normal((32, 32)).astype(np.float32) for n in "wv"},
        s=np.ones(32, np.float32),
    )
    save(model, tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((8, 4, 32)).astype(np.float32))
    given = ["--weights", "int8", "--activations", "int8", "--calibration", tmp_path / "d.npz"]
    command = ["compile", tmp_path / "m.onnx", "--target", "hexagon_v73", *given]
    out = ["-o", tmp_path / "m.tflite", "--report", tmp_path / "r.json"]
    assert main([str(word) for word in (*command, *out)]) == 0
    kept = json.loads((tmp_path / "r.json").read_text())["kept_float"]
    assert {one["why"] for one in kept} == {DELICATE}
    assert {one["name"] for one in kept} == {"n"}
    assert DELICATE in " ".join(capsys.readouterr().out.split())


def test_integers_need_data(tmp_path: Path) -> None:
    save(CELLS["Linear"](), tmp_path / "m.onnx")
    for given in ({"weights": "int8"}, {"calibration": "d.npz"}):
        with pytest.raises(UsageError, match="MMC305"):
            mmc.compile(
                tmp_path / "m.onnx",
                target="cpu",
                output=tmp_path / "m.tflite",
                activations="int8",
                **given,  # type: ignore[arg-type]
            )


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_a_network_end_to_end(target: str, tmp_path: Path) -> None:
    """The vision part of digits_vqa, calibrated on 64 pictures, judged on others."""
    folder = Path(golden.__file__).parent
    pictures = {}
    for which in ("calibration", "eval"):
        with np.load(folder / "data" / f"digits_vqa_{which}.npz") as data:
            pictures[which] = data["image"][:64].astype(np.float32) / np.float32(255)
    np.savez(tmp_path / "c.npz", image=pictures["calibration"])
    source, out = folder / "onnx" / "digits_vqa_vision.onnx", tmp_path / "m.tflite"
    feeds = {"image": pictures["eval"][:1]}
    result = mmc.compile(
        source,
        target=target,
        output=out,
        input_shape={"image": (1, 1, 28, 56)},
        weights="int8",
        activations="int16",
        calibration=tmp_path / "c.npz",
        inputs=feeds,
    )
    assert result.verification is not None
    (output,) = result.verification.outputs
    assert output.emission.sqnr_db > 60
    again = compare(
        "y", mmc.run(source, feeds)["image_tokens"], mmc.run(out, feeds)["image_tokens"]
    )
    assert again.sqnr_db == pytest.approx(output.accuracy.sqnr_db if output.accuracy else 0, abs=1)
    assert output.accuracy is not None
    assert output.accuracy.sqnr_db > 35
    assert result.bytes < source.stat().st_size / 3


def test_what_makes_an_output_stays_float_where_asked(tmp_path: Path) -> None:
    """The last softmax would round to 256 steps what leaves as floats anyway."""
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,32] x) => (float[4,32] y, float[4,32] z) {
            a = Add (x, x)  y = Softmax <axis = -1> (a)  b = Sigmoid (a)  z = Mul (b, a) }"""
    for last, codes in ((True, 3), (False, 4)):
        model = parse(text)
        infer(model)
        data = data_of(model, tmp_path)
        made = QuantizeActivations(bits=8, calibration=data, last_float=last).run(model)
        assert made == codes, "the sigmoid is inside, and stays on codes"
        why = [k.why for k in kept_float(model)]
        assert why == [LAST] * last


WIDER = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,32] x) => (float[4,16] y, float[4,16] z) {
        a = MatMul(x, w)  b = LeakyRelu(a)  y = MatMul(b, v)
        c = Clip(y, zero, six)  z = MatMul(c, u) }"""


@pytest.mark.parametrize("outliers", ["none", "clip"])
def test_16_bit_codes_reach_beyond_the_data(outliers: str, tmp_path: Path) -> None:
    arrays = {"w": normal(32, 32, seed=1), "v": normal(32, 16, seed=2), "u": normal(16, 16, seed=3)}
    arrays |= {"zero": np.float32(0), "six": np.float32(6)}
    model = parse(WIDER, **arrays)
    x = normal(8, 4, 32, seed=4)
    w8a16 = {"target": "hexagon_v73", "weights": "int8", "activations": "int16"}
    result = compile_on(tmp_path, model, {"x": x}, **w8a16, outliers=outliers, verify=False)
    largest = max((np.abs(oracle(model, {"x": s})["y"]).max(), i) for i, s in enumerate(x))[1]
    feeds = {"x": x[largest] * np.float32(1.4)}
    expected, actual = oracle(model, feeds), mmc.run(result.artifact, feeds)
    errors = {n: np.abs(expected[n] - actual[n]).max() / np.abs(expected[n]).max() for n in "yz"}
    assert (errors["y"] < 0.02) == (outliers == "none")
    assert errors["z"] < 0.02 or outliers == "clip"
