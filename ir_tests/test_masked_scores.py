"""Codes are for the scores of a softmax: whatever a mask puts there, and wherever it hides all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.lowering import emit, oracle
from mmc.ir import Array, parse
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.quant.statistics import Histogram

MASKS = {"-inf": -np.inf, "-1e9": -1e9, "least": np.finfo(np.float32).min}
CHOSEN = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[2,8,16] x, float[2,1,16] keep) => (float[2,8,16] y) {
        seen = Greater (keep, zero)
        mask = Where (seen, zero, hidden)
        scores = Add (x, mask)
        y = Softmax <axis = -1> (scores)
    }"""


def errors(keep: Array, hidden: float, bits: int, folder: Path) -> tuple[float, float]:
    """Return the largest error, and the largest weight of what is hidden, on the first sample."""
    arrays = {"zero": np.float32(0), "hidden": np.float32(hidden)}
    plain, model = parse(CHOSEN, **arrays), parse(CHOSEN, **arrays)
    np.savez(folder / "d.npz", x=normal(len(keep), 2, 8, 16), keep=keep)
    QuantizeActivations(bits=bits, calibration=str(folder / "d.npz")).run(model)
    feeds = {"x": normal(len(keep), 2, 8, 16)[0], "keep": keep[0]}
    exact, actual = oracle(plain, feeds)["y"], emit(model, feeds)[0]["y"]
    away = np.broadcast_to(keep[0] == 0, actual.shape)
    return float(np.abs(exact - actual).max()), float(actual[away].max())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("hidden", MASKS.values(), ids=MASKS)
def test_what_is_hidden_stays_hidden(hidden: float, bits: int, tmp_path: Path) -> None:
    keep = (normal(8, 2, 1, 16, seed=4) > 0).astype(np.float32)
    error, weight = errors(keep, hidden, bits, tmp_path)
    assert error < 0.02
    assert weight < np.exp(-11)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("hidden", [-1e9, np.finfo(np.float32).min])
def test_rows_of_which_all_is_hidden_take_no_codes(
    hidden: float, bits: int, tmp_path: Path
) -> None:
    keep = (normal(8, 2, 1, 16, seed=4) > 0).astype(np.float32)
    keep[3] = 0
    error, weight = errors(keep, hidden, bits, tmp_path)
    assert error < 0.02
    assert weight < np.exp(-11)


def test_a_histogram_tells_of_masks() -> None:
    seen = Histogram()
    seen.add(np.array([[1.0, -np.inf], [-3.0, -np.inf]]))
    assert (seen.least, seen.most, seen.least_top, seen.endless) == (-3, 1, -3, True)
    plain = Histogram()
    plain.add(np.array([[1.0, 2.0], [-1e9, -1e9 - 64]]))
    assert (plain.least_top, plain.endless) == (2, False)
    nothing = Histogram()
    nothing.add(np.array([[-1e9, -1e9]]))
    assert nothing.least_top == np.inf
