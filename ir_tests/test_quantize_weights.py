"""Integer weights: every cell that is emitted is executed and compared with the QDQ model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import golden_models as golden
import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import check_lowering, feeds_for, single
from ir_tests.quantizing import WINDOW, three_layers
from mmc.cli import main
from mmc.diagnostics import UsageError
from mmc.integers.layers import AXES, LayerClass, layers_of
from mmc.ir import Array, Model, attrs, constant, load, parse, print_ir, save, shape_of
from mmc.opset import DOMAIN
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.quant.grids import GRIDS
from mmc.shapes import infer
from mmc.verification.evaluate import compare, run_model

VQA = Path(golden.__file__).parent
CELLS = {
    "conv": lambda: single("Conv2d", (1, 6, 6, 32), normal(32, 3, 3, 32), domain=DOMAIN, **WINDOW),
    "pointwise": lambda: single(
        "Conv2d", (1, 4, 4, 64), normal(48, 1, 1, 64), normal(48), domain=DOMAIN, **WINDOW
    ),
    "depthwise": lambda: single(
        "DepthwiseConv2d",
        (1, 6, 6, 64),
        normal(1, 5, 5, 64),
        domain=DOMAIN,
        **{**WINDOW, "group": 64},
    ),
    "transposed": lambda: single(
        "ConvTranspose2d",
        (1, 4, 4, 32),
        normal(32, 2, 2, 32),
        domain=DOMAIN,
        strides=[2, 2],
        pads=[0, 0, 0, 0],
        group=1,
        output_padding=[0, 0],
    ),
    "linear": lambda: single("Linear", (3, 7, 64), normal(48, 64), normal(48), domain=DOMAIN),
    "embedding": lambda: single("Gather", normal(50, 64), ((2, 3), np.int64), axis=0),
    "odd rows": lambda: single("Gather", normal(50, 63), ((2, 3), np.int64), axis=0),
}


@pytest.mark.parametrize("block", [0, 32])
@pytest.mark.parametrize("bits", GRIDS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_executed(cell: str, bits: int, block: int) -> None:
    model = CELLS[cell]()
    feeds = feeds_for(model, high=50)
    before = run_model(model, feeds)["y0"]
    options = {"sensitive_bits": bits, "embedding_bits": bits, "block": block}
    assert QuantizeWeights(bits=bits, **options).run(model) == 1
    made = next(n for n in model.graph if n.op_type == "DequantizeLinear")
    has_blocks = bits < 8 and cell in ("conv", "pointwise", "transposed", "linear")
    assert attrs(made).get("block_size", 0) == (block if has_blocks else 0)
    codes = constant(made.inputs[0])
    assert codes is not None
    assert codes.astype(np.int8).min() >= GRIDS[bits].low
    assert codes.astype(np.int8).max() <= GRIDS[bits].high
    emitted = check_lowering(model, feeds)
    expected = "EMBEDDING_LOOKUP" if cell == "embedding" or (cell, bits) == ("odd rows", 8) else ""
    assert (expected or "DEQUANTIZE") in emitted
    # uniform noise of a step s has a power of s²/12; of normal weights the peak is 3 to 5 sigma
    least = {8: 37.0, 4: 12.0, 2: 4.0}[bits]
    assert compare("y0", before, run_model(model, feeds)["y0"]).sqnr_db > least


def test_every_layer_of_the_final_form_has_a_cell() -> None:
    layers = {op for domain, op in AXES if domain == DOMAIN or op == "Gather"}
    assert {node.op_type for cell in CELLS.values() for node in cell().graph} >= layers


def test_layer_classes() -> None:
    w = {"a": normal(8, 3, 3, 3), "d": normal(8, 1, 3, 3), "b": normal(8, 8, 1, 1)}
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3,8,8] x, int64[2] i) => (float[1,4] y, float[2,16] e) {
            p = Conv (x, a)
            q = Conv <group = 8> (p, d)
            m = GlobalAveragePool (q)
            s = Conv (m, b)
            t = Sigmoid (s)
            u = Mul (q, t)
            v = Conv (u, b2)
            n = GlobalAveragePool (v)
            f = Flatten (n)
            z = MatMul (f, w)
            y = Softmax (z)
            e = Gather (table, i)
        }""",
        **w,
        b2=normal(8, 8, 1, 1),
        w=normal(8, 4),
        table=normal(9, 16),
    )
    infer(model)
    kinds = [layer.kind for layer in layers_of(model.graph)]
    k = LayerClass
    assert kinds == [k.FIRST, k.DEPTHWISE, k.GATE, k.BODY, k.HEAD, k.EMBEDDING]


@pytest.mark.parametrize(("width", "changes"), [(87, 0), (88, 1)])
def test_integers_take_12_bytes_a_channel_and_250_a_tensor(width: int, changes: int) -> None:
    """88 floats take 352 bytes, 88 codes of one channel 350."""
    model = single("Linear", (1, width), normal(1, width), domain=DOMAIN)
    assert QuantizeWeights(bits=8).run(model) == changes


BIASED = ("conv", "pointwise", "depthwise", "linear")


@pytest.mark.parametrize("bits", GRIDS)
@pytest.mark.parametrize("cell", BIASED)
def test_the_mean_of_outputs_is_kept(cell: str, bits: int, tmp_path: Path) -> None:
    """What rounding moves all outputs of a channel by, its bias takes back."""
    model = CELLS[cell]()
    shape = shape_of(model.graph.inputs[0])
    data = np.abs(normal(8, *shape, seed=1)) + np.float32(1)
    np.savez(tmp_path / "d.npz", x0=data)
    before = np.stack([run_model(model, {"x0": x})["y0"] for x in data])
    same = {"sensitive_bits": bits, "embedding_bits": bits}
    QuantizeWeights(bits=bits, calibration=str(tmp_path / "d.npz"), **same).run(model)
    after = np.stack([run_model(model, {"x0": x})["y0"] for x in data])
    axes = tuple(range(before.ndim - 1))
    away = np.abs((after - before).mean(axis=axes))
    noise = (after - before).std(axis=axes)
    # float32 sums of some hundred products of 4 σ
    assert (away <= 1e-5 * np.abs(before).max() + 1e-3 * noise).all()
    assert noise.max() > 0


@pytest.mark.parametrize("bias", [(24,), (1, 24), (1, 1), (1,), (5, 24)])
def test_the_bias_of_a_gemm(bias: tuple[int, ...], tmp_path: Path) -> None:
    """It may have a row in front, or be one number; one a row of the result is no bias."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[5,64] x) => (float[5,24] y) { y = Gemm (x, w, b) }""",
        w=normal(64, 24),
        b=normal(*bias, seed=2),
    )
    infer(model)
    data = np.abs(normal(9, 5, 64, seed=1))
    np.savez(tmp_path / "d.npz", x=data)
    before = np.stack([run_model(model, {"x": x})["y"] for x in data])
    assert QuantizeWeights(bits=4, sensitive_bits=4, calibration=str(tmp_path / "d.npz")).run(model)
    after = np.stack([run_model(model, {"x": x})["y"] for x in data])
    away = np.abs((after - before).mean(axis=(0, 1))).max()
    assert (away < 1e-3 * (after - before).std()) == (bias != (5, 24))


def questions(which: str, count: int) -> dict[str, Array]:
    with np.load(VQA / "data" / f"digits_vqa_{which}.npz") as data:
        ids = data["question_ids"][:count]
    return {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}


@pytest.mark.slow
def test_gptq_end_to_end_beats_rounding(tmp_path: Path) -> None:
    """mmc compile --weights int2: smaller, and on other data nearer to the original with GPTQ."""
    source, held = VQA / "onnx" / "digits_vqa_text.onnx", questions("eval", 32)
    np.savez(tmp_path / "c.npz", **questions("calibration", 64))
    shapes = ["--dim", "batch=1", "--dim", "qlen=10"]
    errors, sizes = {}, {}
    for name, weights, more in (
        ("float", "float32", ()),
        ("int8", "int8", ()),
        ("nearest", "int2", ()),
        ("gptq", "int2", ("--calibration", str(tmp_path / "c.npz"))),
    ):
        out = tmp_path / f"{name}.tflite"
        given = ["--target", "cpu", "--weights", weights, *more, "-o", str(out), "--quiet"]
        assert main(["compile", str(source), *shapes, *given]) == 0
        sizes[name] = out.stat().st_size
        parts = [mmc.run(out, {k: v[i : i + 1] for k, v in held.items()}) for i in range(4)]
        errors[name] = np.concatenate([p["text_tokens"] for p in parts])
    db = {k: compare(k, errors["float"], v).sqnr_db for k, v in errors.items()}
    assert db["int8"] > 30
    assert db["gptq"] > db["nearest"] + 1
    assert sizes["int8"] < sizes["float"] / 2.5
    assert sizes["gptq"] < sizes["float"] / 6


def test_mmc_quantize_writes_standard_onnx(tmp_path: Path) -> None:
    source, out = VQA / "onnx" / "digits_vqa_text.onnx", tmp_path / "q.onnx"
    shapes = ["--dim", "batch=1", "--dim", "qlen=10"]
    assert main(["quantize", str(source), *shapes, "--weights", "int4", "-o", str(out)]) == 0
    proto = onnx.load(out)
    onnx.checker.check_model(proto, full_check=True)
    assert {i.domain for i in proto.opset_import} <= {"", "ai.onnx"}
    assert any(t.data_type == onnx.TensorProto.INT4 for t in proto.graph.initializer)
    feeds = {k: v[:1] for k, v in questions("eval", 1).items()}
    (expected,) = mmc.run(source, feeds).values()
    (found,) = mmc.run(out, feeds).values()
    assert compare("y", expected, found).sqnr_db > 10
    again = load(out)
    assert QuantizeWeights(bits=2).run(again) == 0  # it arrived quantized


def test_a_quantized_model_is_left_alone(tmp_path: Path) -> None:
    model = three_layers()
    QuantizeWeights(bits=8).run(model)
    save(model, tmp_path / "q.onnx")
    result = mmc.compile(
        tmp_path / "q.onnx", target="cpu", output=tmp_path / "q.tflite", weights="int2"
    )
    assert [d.code for d in result.diagnostics if d.code.startswith("MMC3")] == ["MMC304"]


def test_the_npu_refuses_integer_weights_under_floats(tmp_path: Path) -> None:
    save(single("Linear", (3, 64), normal(48, 64), domain=DOMAIN), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="MMC303"):
        mmc.compile(
            tmp_path / "m.onnx", target="hexagon_v73", output=tmp_path / "m.tflite", weights="int8"
        )
    assert not (tmp_path / "m.tflite").exists()


def test_shapes_stay(tmp_path: Path) -> None:
    model: Model = single("Linear", (3, 64), normal(48, 64), domain=DOMAIN)
    QuantizeWeights(bits=4, block=16, sensitive_bits=4).run(model)
    assert [shape_of(n.outputs[0]) for n in model.graph] == [(48, 64), (3, 48)]


def test_small_weights_are_integers_where_kernels_read_no_floats() -> None:
    """16 channels of 3 x 3: scales and all, the integers take more bytes than the floats."""
    weight = normal(1, 3, 3, 16)
    window = {"pads": [1, 1, 1, 1], "group": 16}
    model = single("DepthwiseConv2d", (1, 6, 6, 16), weight, domain=DOMAIN, **window)
    before = print_ir(model)
    assert QuantizeWeights(bits=8).run(model) == 0
    assert print_ir(model) == before
    feeds = feeds_for(model, high=50)
    (expected,) = run_model(model, feeds).values()
    assert QuantizeWeights(bits=8, small=True).run(model) == 1
    (found,) = run_model(model, feeds).values()
    assert compare("y", expected, found).sqnr_db > 40
    assert (
        print_ir(model)
        == """\
%0: float[1,6,6,16] = input
@0: int8[1,3,3,16] = const
@1: float[16] = const
%1: float[1,3,3,16] = DequantizeLinear(@0, @1) axis=3
%2: float[1,6,6,16] = mmc.DepthwiseConv2d(%0, %1) group=16 pads=[1,1,1,1]
return %2
"""
    )
