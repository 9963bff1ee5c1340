"""Windows and regions that no kernel has, through the whole flow, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from lowering import feeds_for, run_both, single

from mmc.diagnostics import LegalityError
from mmc.ir import Array

BOXES = np.array([[1, 1.5, 9, 7], [-3, -2, 20, 30], [4, 4, 4.2, 4.1], [11, 2, 15, 30]], np.float32)


ROI = """<ir_version: 8, opset_import: ["" : 16]>
g (float[2,3,6,7] x0, float[4,4] x1, int64[4] x2) => (float[4,3,2,3] y0) {
    y0 = RoiAlign<mode = "%s", coordinate_transformation_mode = "%s", spatial_scale = 0.5,
        output_height = 2, output_width = 3, sampling_ratio = %d>(x0, x1, x2)
}"""
"""ONNX Runtime has no RoiAlign of later opsets."""


def regions(mode: str, frame: str, ratio: int) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return a model and what to feed it: regions of two images, some of them outside."""
    model = onnx.parser.parse_model(ROI % (mode, frame, ratio))
    return model, feeds_for(ir.from_proto(model)) | {"x1": BOXES, "x2": np.array([1, 0, 1, 0])}


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("frame", ["half_pixel", "output_half_pixel"])
def test_roi_align(mode: str, frame: str) -> None:
    run_both(*regions(mode, frame, 2))


def test_roi_align_whose_places_depend_on_data_is_refused() -> None:
    with pytest.raises(LegalityError, match="sampling_ratio is 0"):
        run_both(*regions("avg", "half_pixel", 0))


@pytest.mark.parametrize(
    "given",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1], "dilations": [1, 2]},
        {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 0, "storage_order": 1},
    ],
)
def test_places_of_maxima(given: dict[str, Any]) -> None:
    run_both(single("MaxPool", (2, 3, 8, 9), outputs=2, **given), target="hexagon_v73")


def test_places_of_maxima_prefer_the_first_of_equals() -> None:
    model = single("MaxPool", (1, 2, 12), outputs=2, kernel_shape=[3], strides=[2], pads=[1, 0])
    run_both(model, {"x0": np.round(feeds_for(model)["x0"])})


@pytest.mark.parametrize(
    ("groups", "offset_groups", "masked"), [(1, 1, False), (2, 1, True), (1, 2, True)]
)
def test_deformable_convolution(groups: int, offset_groups: int, masked: bool) -> None:
    w = np.random.default_rng(1).standard_normal((6, 4 // groups, 3, 2)).astype(np.float32)
    window = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}
    window |= {"dilations": [1, 2]}
    places = offset_groups * 6
    inputs: list[Any] = [(2, 4, 7, 8), w, (2, 2 * places, 4, 7), np.arange(6, dtype=np.float32)]
    inputs += [(2, places, 4, 7)] if masked else []
    model = single("DeformConv", *inputs, group=groups, offset_group=offset_groups, **window)
    feeds = feeds_for(model)
    feeds["x1"] = feeds["x1"] * np.float32(2)
    run_both(model, feeds)


@pytest.mark.parametrize("shape", [(1, 1), (5, 2, 2), (2, 2, 3, 3), (3, 4, 4), (2, 6, 6)])
def test_determinants(shape: tuple[int, ...]) -> None:
    run_both(single("Det", shape), target="hexagon_v73")


def test_large_determinants_are_refused() -> None:
    with pytest.raises(LegalityError, match="7 by 7"):
        run_both(single("Det", (7, 7)))
