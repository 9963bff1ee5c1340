"""Crops with resizing: the evaluator against the definition, point by point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ir_tests.coreml_packages import builder, draw, save
from mmc.backends.coreml.run import run

mb = builder()


def test_crop_resize(tmp_path: Path) -> None:
    x, boxes = draw(2, 3, 6, 7), np.array([[0.1, 0.2, 0.8, 0.9], [0.5, 0, 1.2, 1]], np.float32)

    def body(x: Any) -> Any:
        return mb.crop_resize(
            x=x,
            boxes=boxes,
            box_indices=np.array([1, 0], np.int32),
            target_height=4,
            target_width=3,
            normalized_coordinates=True,
            sampling_mode="STRICT_ALIGN_CORNERS",
            pad_value=7.0,
            name="y",
        )

    found = run(save(tmp_path, {"x": x}, body, "iOS17"), {"x": x})["y"]
    for number, (image, box) in enumerate(zip((1, 0), boxes, strict=True)):
        rows = np.linspace(box[0] * 5, box[2] * 5, 4)
        columns = np.linspace(box[1] * 6, box[3] * 6, 3)
        for r, row in enumerate(rows):
            for c, column in enumerate(columns):
                wanted = point(x[image], float(row), float(column))
                np.testing.assert_allclose(found[number, :, r, c], wanted, atol=1e-5)


def point(image: Any, row: float, column: float) -> Any:
    """Return an image's channels between four pixels, or 7 outside."""
    if not (0 <= row <= 5 and 0 <= column <= 6):
        return np.full(3, 7.0)
    top, left = min(int(row), 4), min(int(column), 5)
    a, b = row - top, column - left
    square = image[:, top : top + 2, left : left + 2]
    return np.einsum("crk,r,k->c", square, [1 - a, a], [1 - b, b])
