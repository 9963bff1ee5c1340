"""Windows of convolutions in forms that Qualcomm's compiler takes; every compile verifies them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import operators_for_hexagon
from mmc.backends.targets import vendor
from mmc.backends.tflite.reader import read

CONV = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,3,8,8] x) => (float[1,8,4,4] y) {
    y = Conv <strides = [2, 2], pads = [1, 1, 0, 0]> (x, w) }"""
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
    ops = operators_for_hexagon(
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
    ops = operators_for_hexagon(text, {"w": normal(8, 3, 3, 3)}, tmp_path, **given)
    assert ops["CONCATENATION"] == 2
    assert "PAD" not in ops


def test_8_bit_windows_are_padded_as_they_are(tmp_path: Path) -> None:
    ops, artifact = strided(tmp_path, (8, 3, 3, 3), activations="int8")
    assert ops["PAD"] == 1
    assert (8, 3, 3, 3) in [t.shape for t in read(artifact).tensors]


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
    return operators_for_hexagon(
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
@pytest.mark.parametrize("name", WINDOWS)
def test_the_vendor_takes_these_windows(name: str, tmp_path: Path) -> None:
    count = sum(window(name, tmp_path).values())
    said = vendor.ask(tmp_path / "m.tflite", "v73")
    assert (said.selected, said.total, said.ended) == (count, count, "compiled")
