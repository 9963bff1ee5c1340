"""GridSample at places inside and far outside of the image, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from lowering import feeds_for, run_both, single


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(("mode", "align_corners"), [("linear", 0), ("linear", 1), ("nearest", 0)])
def test_grid_sample(mode: str, padding_mode: str, align_corners: int) -> None:
    given = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    model = single("GridSample", (2, 3, 5, 7), (2, 4, 6, 2), **given)
    feeds = feeds_for(model)
    feeds["x1"] = feeds["x1"] * np.float32(2)
    run_both(model, feeds)


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [0, 1])
def test_cubic_grid_sample(padding_mode: str, align_corners: int) -> None:
    given = {"mode": "cubic", "padding_mode": padding_mode, "align_corners": align_corners}
    model = single("GridSample", (2, 3, 5, 7), (2, 4, 6, 2), **given)
    feeds = feeds_for(model)
    feeds["x1"] = feeds["x1"] * np.float32(2)
    run_both(model, feeds)
