"""Forms of float operators that Hexagon computes rightly, where it computes the plain ones wrong.

The host's kernels compute both rightly: only Qualcomm's emulator tells them apart, in the tests
marked `vendor`. The others hold the compiler to the forms.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle, sqnr
from mmc.backends.tflite.backend import TfliteBackend
from mmc.backends.tflite.check import check
from mmc.ir import Array, parse, save
from mmc.shapes import infer
from mmc.target import load_target

HEADER = '<ir_version: 10, opset_import: ["" : 21]>\n'
LEAST_DB = 55.0
"""float16 alone leaves 65 to 75 dB of these; the plain forms had -120 to 6."""
ROW = """g (float[1,16,1,40] x) => (float y) {{
    y = Conv <pads: ints = [{}], dilations: ints = [{}]> (x, w) }}"""
MEAN = """g (float[1,16,{}] x) => (float y) {{
    y = AveragePool <kernel_shape: ints = [{}], pads: ints = [{}]{}> (x) }}"""
COUNTED = ", count_include_pad: int = 1"
CASES: dict[str, tuple[str, dict[str, Array], dict[str, int]]] = {
    "row": (ROW.format("0,8,0,8", "1,1"), {"w": normal(16, 16, 1, 17)}, {"CONV_2D": 1}),
    "row with gaps": (
        ROW.format("0,6,0,6", "1,3"),
        {"w": normal(16, 16, 1, 5)},
        {"PAD": 1, "CONV_2D": 1},
    ),
    "row a channel with gaps": (
        ROW.format("0,8,0,8", "1,8").replace("<", "<group: int = 16, "),
        {"w": normal(16, 1, 1, 3)},
        {"DEPTHWISE_CONV_2D": 1},
    ),
    "row a channel with gaps and strides": (
        ROW.format("0,8,0,8", "1,8").replace("<", "<group: int = 16, strides: ints = [1, 2], "),
        {"w": normal(16, 1, 1, 3)},
        {"CONV_2D": 1},
    ),
    "row of a tall kernel": (
        ROW.format("1,8,1,8", "1,1"),
        {"w": normal(16, 16, 3, 17)},
        {"CONV_2D": 1},
    ),
    "row of groups": (
        ROW.format("0,8,0,8", "1,1").replace("<", "<group: int = 4, "),
        {"w": normal(16, 4, 1, 17)},
        {"CONV_2D": 1},
    ),
    "rows of no window": (
        "g (float[1,4,7,7] x) => (float y) { y = ConvTranspose "
        "<strides: ints = [2, 2], output_padding: ints = [1, 1]> (x, w) }",
        {"w": normal(4, 5, 2, 2)},
        {"TRANSPOSE_CONV": 1},
    ),
    "mean": (MEAN.format("20,20", "3,3", "1,1,1,1", ""), {}, {"DEPTHWISE_CONV_2D": 1, "MUL": 1}),
    "mean of a row": (
        MEAN.format("1,32", "1,9", "0,4,0,4", ""),
        {},
        {"DEPTHWISE_CONV_2D": 1, "MUL": 1},
    ),
    "mean with pads": (
        MEAN.format("20,20", "5,3", "2,1,2,1", COUNTED),
        {},
        {"DEPTHWISE_CONV_2D": 1},
    ),
    "whole part": (
        "g (float[1,400] x) => (float y) { f = Mul (x, s) i = Cast <to: int = 7> (f) "
        "y = Cast <to: int = 1> (i) }",
        {"s": np.full(1, 3.3, np.float32)},
        {"SIGN": 1, "FLOOR": 1},
    ),
    "truth": (
        "g (float[1,400] x) => (float y) { r = Relu (x) t = Cast <to: int = 9> (r) "
        "y = Where (t, x, s) }",
        {"s": np.full(1, 7, np.float32)},
        {"NOT_EQUAL": 1},
    ),
    "bytes": (
        "g (uint8[1,8,8,3] x) => (float y) { t = Transpose <perm: ints = [0, 3, 1, 2]> (x) "
        "f = Cast <to: int = 1> (t) y = Mul (f, s) }",
        {"s": np.full(1, 1 / 255, np.float32)},
        {"DEQUANTIZE": 1},
    ),
    "mish far from 0": (  # exp(x) leaves float16 at 11, its square at 5.5
        "g (float[1,400] x) => (float y) { f = Mul (x, s) y = Mish (f) }",
        {"s": np.full(1, 6, np.float32)},
        {"LOGISTIC": 1, "DIV": 1},
    ),
    "five axes": (
        "g (float[2,3,1,6,8] x) => (float y) { y = Expand (x, s) }",
        {"s": np.array([2, 3, 3, 6, 8])},
        {"TILE": 1},
    ),
    "shared heads": (
        "g (float[2,9,4,8] q, float[2,3,6,8] k, float[2,3,6,8] v) => (float y) "
        "{ y = Attention <is_causal: int = 1> (q, k, v) }",
        {},
        {"TILE": 2},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_form_is_right_and_written(name: str, tmp_path: Path) -> None:
    text, arrays, wanted = CASES[name]
    artifact, expected, feeds = compiled(text, arrays, tmp_path)
    assert sqnr(expected, mmc.run(artifact, feeds)["y"]) > 100
    made = TfliteBackend.read(artifact)
    found = [op.code for op in made.operators]
    assert {code: found.count(code) for code in wanted} == wanted
    assert not {"BROADCAST_TO", "AVERAGE_POOL_2D"} & {*found}
    assert "MMC202" not in {d.code for d in check(made, load_target("hexagon_v73"))}


@pytest.mark.vendor
@pytest.mark.parametrize("name", CASES)
def test_the_emulator_agrees(name: str, tmp_path: Path) -> None:
    text, arrays, _ = CASES[name]
    artifact, expected, feeds = compiled(text, arrays, tmp_path)
    assert sqnr(expected, mmc.run(artifact, feeds, on="hexagon_v73")["y"]) > LEAST_DB


@pytest.mark.parametrize(
    ("text", "arrays"),
    [
        (ROW.format("0,4,0,4", "1,1"), {"w": normal(16, 16, 1, 9)}),  # short of the next piece
        (ROW.format("0,8,0,7", "1,1"), {"w": normal(16, 16, 1, 16)}),  # uneven
        (ROW.format("0,16,0,0", "1,1"), {"w": normal(16, 16, 1, 17)}),  # in front only
    ],
    ids=["narrow", "uneven", "causal"],
)
def test_rows_that_are_computed_rightly_keep_their_weight(
    text: str, arrays: dict[str, Array], tmp_path: Path
) -> None:
    artifact, _, _ = compiled(text, arrays, tmp_path)
    made = TfliteBackend.read(artifact)
    (conv,) = [op for op in made.operators if op.code == "CONV_2D"]
    assert made.tensors[conv.inputs[1]].shape[2] == arrays["w"].shape[3]


@pytest.mark.parametrize("text", [CASES["row"][0], CASES["mean"][0], CASES["five axes"][0]])
def test_a_file_of_another_compiler_is_told(text: str, tmp_path: Path) -> None:
    """What is compiled for a processor has the plain forms."""
    arrays = next(a for t, a, _ in CASES.values() if t == text)
    artifact, _, _ = compiled(text, arrays, tmp_path, "cpu")
    found = [d for d in mmc.check(artifact, target="hexagon_v73") if d.code == "MMC202"]
    assert len(found) == 1
    assert "hexagon_facts.csv" not in found[0].what
    assert found[0].fix


def compiled(
    text: str, arrays: dict[str, Array], folder: Path, target: str = "hexagon_v73"
) -> tuple[Path, Array, dict[str, Array]]:
    """Return the artifact of a model, what the model makes, and of what."""
    model = parse(HEADER.replace("21", "24") + text, **arrays)
    infer(model)
    save(model, folder / "m.onnx")
    shapes = {v.name or "": [int(d) for d in v.shape or ()] for v in model.graph.inputs}  # type: ignore[arg-type]
    feeds: dict[str, Array] = {n: normal(*s, seed=i) for i, (n, s) in enumerate(shapes.items())}
    if "uint8" in text:
        feeds = {n: (x * 40).astype(np.uint8) for n, x in feeds.items()}
    made = mmc.compile(folder / "m.onnx", target=target, output=folder / "m.tflite", verify=False)
    return made.artifact, oracle(model, feeds)["y"], feeds
