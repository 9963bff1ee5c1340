"""What calibration sees: the rows that a layer multiplies, and the ranges of its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.lowering import single
from ir_tests.quantizing import WINDOW
from mmc.diagnostics import EmitError
from mmc.integers.calibration import Data, Inputs, calibrate, inputs_of
from mmc.integers.layers import layers_of
from mmc.ir import Array, parse
from mmc.opset import DOMAIN
from mmc.quant.statistics import mean, squares
from mmc.verification.evaluate import run_model


def patches(x: Array, w: tuple[int, ...]) -> Array:
    """Return the windows of an image one by one: the slow and plain way."""
    x = np.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)))
    _, height, width, _ = x.shape
    rows = range(0, height - w[1] + 1, 2)
    return np.stack(
        [
            x[0, r : r + w[1], c : c + w[2]].reshape(-1)
            for r in rows
            for c in range(width - w[2] + 1)
        ]
    )


def test_hessians_are_those_of_the_data(tmp_path: Path) -> None:
    w = normal(4, 3, 2, 5)
    options = {**WINDOW, "strides": [2, 1], "pads": [1, 0, 0, 1]}
    model = single("Conv2d", (1, 9, 7, 5), w, domain=DOMAIN, **options)
    x = normal(6, 9, 7, 5, seed=3)
    np.savez(tmp_path / "d.npz", x0=x)
    reader = Inputs("x0", 30, True, (3, 2), (2, 1), (1, 1), (1, 0, 0, 1))
    seen = calibrate(model, Data(str(tmp_path / "d.npz"), 4), [reader], ["y0"])
    rows = np.concatenate([patches(x[i : i + 1], w.shape) for i in range(4)])
    np.testing.assert_allclose(squares(seen.moments[reader]), rows.T @ rows, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(mean(seen.moments[reader]), rows.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert seen.samples == 4
    outputs = np.stack([run_model(model, {"x0": x[i : i + 1]})["y0"] for i in range(4)])
    histogram = seen.histograms["y0"]
    assert (histogram.least, histogram.most) == (outputs.min(), outputs.max())
    # the layer multiplies these very rows by the weight's own
    np.testing.assert_allclose(
        rows @ w.reshape(4, -1).T, outputs.reshape(-1, 4), rtol=1e-3, atol=1e-4
    )


GROUPED = {
    "channels last": ("DepthwiseConv2d", DOMAIN, (1, 3, 2, 6), (1, 9, 7, 6), 6),
    "channels last, groups": ("Conv2d", DOMAIN, (8, 3, 2, 3), (1, 9, 7, 6), 2),
    "channels first": ("Conv", "", (12, 1, 3, 2), (1, 6, 9, 7), 6),
    "channels first, groups": ("Conv", "", (8, 3, 3, 2), (1, 6, 9, 7), 2),
}


@pytest.mark.parametrize("case", GROUPED)
def test_groups_have_inputs_of_their_own(case: str) -> None:
    """Rows times the group's weights are what the layer computes."""
    op, domain, weight, shape, groups = GROUPED[case]
    given = {"strides": [2, 1], "pads": [1, 0, 0, 1], "dilations": [1, 1], "group": groups}
    w, x = normal(*weight), normal(*shape, seed=3)
    model = single(op, shape, w, domain=domain, **given)
    (layer,) = layers_of(model.graph)
    reader = inputs_of(layer.node)
    assert reader is not None
    read = reader.rows(x)
    assert read.shape == (28, groups, reader.width)
    rows = layer.rows(w).reshape(groups, -1, reader.width)
    made = np.einsum("ngk,gok->ngo", read, rows).reshape(28, -1)
    (y,) = run_model(model, {"x0": x}).values()
    wanted = y if domain else y.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(made, wanted.reshape(28, -1), rtol=1e-3, atol=1e-4)


def test_data_that_the_model_does_not_take_are_named(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]> g (int64[1,2] x) => (float[1,2,3] y) {
        r = Gather (table, x)  y = MatMul (r, w) }"""
    model = parse(text, table=normal(5, 3), w=normal(3, 3))
    np.savez(tmp_path / "d.npz", x=np.array([[[1, 2]], [[1, 7]]]))
    with pytest.raises(EmitError, match=r"MMC409\] .*d\.npz, sample 1: .*\n.*idx=7") as caught:
        calibrate(model, Data(str(tmp_path / "d.npz"), 4), [], ["r"])
    assert "Traceback" not in str(caught.value)


def test_an_operator_without_a_kernel_is_named_and_no_crash(tmp_path: Path) -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,8] x) => (float[4,8] y) { r = RandomNormalLike (x)  y = Add (x, r) }"""
    )
    np.savez(tmp_path / "c.npz", x=normal(4, 4, 8))
    with pytest.raises(EmitError, match=r"MMC405.*\n.*RandomNormalLike"):
        calibrate(model, Data(str(tmp_path / "c.npz"), 4), ranges=["y"])
