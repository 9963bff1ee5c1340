"""Contrib nodes with inputs: distances, transposed convolutions and crops of images."""

from __future__ import annotations

import numpy as np

from contrib_cases import Case, c, case, f

BOXES = np.array([[0, 0, 1, 1], [0.2, 0.3, 0.7, 0.9], [-0.2, 0.5, 0.6, 1.1], [0.8, 1, 0.1, 0]], "f")
IMAGES = np.array([0, 1, 1, 0], np.int32)


def crop(height: int, width: int, **options: object) -> Case:
    size = c(np.array([height, width], np.int32))
    return case("CropAndResize", f(2, 3, 6, 5), BOXES, IMAGES, size, **options)


def transposed(*pads: int, **options: object) -> Case:
    inputs = f(1, 4, 4, 4), c(f(4, 2, 3, 3)), c(np.array(pads))
    return case("ConvTransposeWithDynamicPads", *inputs, **options)


CASES = (
    case("CDist", f(3, 4), f(5, 4), metric="euclidean"),
    case("CDist", f(3, 4), c(f(5, 4)), metric="sqeuclidean"),
    transposed(1, 1, 1, 1, strides=[2, 2]),
    transposed(1, 0, 0, 1, strides=[2, 2], output_padding=[1, 1], group=2),
    case("ConvTransposeWithDynamicPads", f(1, 3, 4), c(f(3, 2, 3)), c(np.array([1, 1])), c(f(2))),
    crop(4, 5),
    crop(1, 3, extrapolation_value=-2.0),
    crop(3, 11, mode="nearest", extrapolation_value=1.5),
)
