"""Resize along one axis, as ONNX defines it: where each result lies, and what it is made of.

Coordinates are computed in float32, like ONNX Runtime does: a rounding decides a nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc.values import Array

F = np.float32


@dataclass(frozen=True)
class Resampling:
    """One axis of a Resize: `scale` is result size / size unless the model gave another."""

    size: int
    result: int
    scale: float
    mode: str = "nearest"
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    antialias: bool = False
    exclude_outside: bool = False
    roi: tuple[float, float] = (0.0, 1.0)

    def places(self) -> Array:
        """Return the position of every result on the input axis."""
        i, scale = np.arange(self.result, dtype=F), F(self.scale)
        size, length = F(self.size), F(self.result)
        if self.coordinates == "align_corners":
            return i * (size - 1) / (length - 1) if self.result > 1 else i * 0
        if self.coordinates == "asymmetric":
            return i / scale
        if self.coordinates == "tf_half_pixel_for_nn":  # of opset 11; ONNX Runtime has it in all
            return (i + F(0.5)) / scale
        if self.coordinates == "pytorch_half_pixel" and self.result == 1:
            return i * 0
        if self.coordinates == "half_pixel_symmetric":
            adjustment = length / (scale * size)
            return size / 2 * (1 - adjustment) + (i + F(0.5)) / scale - F(0.5)
        if self.coordinates == "tf_crop_and_resize":
            return self._cropped(i)
        return (i + F(0.5)) / scale - F(0.5)

    def _cropped(self, i: Array) -> Array:
        start, end = F(self.roi[0]), F(self.roi[1])
        if self.result > 1:
            step = (end - start) * F(self.size - 1) / F(self.result - 1)
            return start * F(self.size - 1) + i * step
        return i * 0 + F(0.5) * (start + end) * F(self.size - 1)

    def indices(self) -> Array:
        """Return the nearest input of every result."""
        x = self.places()
        rounded = {
            "round_prefer_floor": np.ceil(x - F(0.5)),
            "round_prefer_ceil": np.floor(x + F(0.5)),
            "floor": np.floor(x),
            "ceil": np.ceil(x),
        }[self.nearest]
        return np.clip(rounded, 0, self.size - 1).astype(np.int64)

    def is_ambiguous(self) -> bool:
        """Say whether a rounding error decides a neighbour: runtimes then differ (measured)."""
        if self.mode != "nearest" or self.coordinates != "half_pixel_symmetric":
            return False
        step = 0.0 if self.nearest in ("floor", "ceil") else 0.5
        distance = self.places() - step
        return bool((np.abs(distance - np.rint(distance)) < 1e-5 * max(self.size, 1)).any())

    def outside(self) -> Array:
        """Return which results lie outside the input (only cropping leaves it)."""
        x = self.places()
        crops = self.coordinates == "tf_crop_and_resize"
        return crops & ((x < 0) | (x > self.size - 1))

    def matrix(self) -> Array:
        """Return the (result, size) matrix that resamples; the rows sum to 1."""
        if self.mode == "nearest":
            return np.eye(self.size, dtype=F)[self.indices()]
        x = self.places().astype(np.float64)
        first = np.floor(x)
        offsets, weights = self._weights(x - first)
        taps = first.astype(np.int64)[:, None] + offsets
        if self.exclude_outside:
            weights = np.where((taps >= 0) & (taps < self.size), weights, 0)
            weights /= weights.sum(axis=1, keepdims=True)
        made = np.zeros((self.result, self.size))
        rows = np.repeat(np.arange(self.result), taps.shape[1])
        np.add.at(made, (rows, np.clip(taps, 0, self.size - 1).ravel()), weights.ravel())
        return made.astype(F)

    def _weights(self, ratio: Array) -> tuple[Array, Array]:
        """Return tap offsets and their weights for positions `ratio` after the first tap."""
        reach = 1 if self.mode == "linear" else 2
        scale = min(self.scale, 1.0) if self.antialias else 1.0
        first = int(np.floor(-reach / scale)) + 1
        offsets = np.arange(first, 2 - first)
        distance = np.abs(offsets[None, :] - ratio[:, None]) * scale
        kernel = _triangle(distance) if self.mode == "linear" else _cubic(distance, self.cubic)
        return offsets, kernel / kernel.sum(axis=1, keepdims=True)


def _triangle(distance: Array) -> Array:
    made: Array = np.clip(1 - distance, 0, 1)
    return made


def _cubic(s: Array, a: float) -> Array:
    """Keys' kernel: "Cubic convolution interpolation for digital image processing", 1981."""
    near: Array = ((a + 2) * s - (a + 3)) * s * s + 1
    far = a * (((s - 5) * s + 8) * s - 4)
    made: Array = np.where(s <= 1, near, np.where(s < 2, far, 0))
    return made


def native_nearest(size: int, result: int, align: bool, half: bool) -> Array:
    """Return the neighbours that TFLite's RESIZE_NEAREST_NEIGHBOR takes, in its float32 steps."""
    scale = F(size - 1) / F(result - 1) if align and result > 1 else F(size) / F(result)
    x = (np.arange(result, dtype=F) + F(0.5 if half else 0)) * scale
    rounded = np.floor(x + F(0.5)) if align else np.floor(x)
    made: Array = np.clip(rounded, 0, size - 1).astype(np.int64)
    return made


def native_flags(axes: list[Resampling]) -> dict[str, Any] | None:
    """Return (alignCorners, halfPixelCenters) with which a TFLite resize does the same, or None."""
    flags = [(a, h) for a, h in ((False, True), (False, False), (True, False))]
    if axes[0].mode == "nearest":
        found = next((f for f in flags if all(_same_nearest(r, *f) for r in axes)), None)
    else:
        found = next((f for f in flags if all(_same_linear(r, *f) for r in axes)), None)
    return None if found is None else {"alignCorners": found[0], "halfPixelCenters": found[1]}


def _same_nearest(r: Resampling, align: bool, half: bool) -> bool:
    same = np.array_equal(r.indices(), native_nearest(r.size, r.result, align, half))
    return same and not r.outside().any() and not r.is_ambiguous()


def _same_linear(r: Resampling, align: bool, half: bool) -> bool:
    if r.mode != "linear" or r.antialias or r.outside().any():
        return False
    i = np.arange(r.result, dtype=np.float64)
    if align:
        native = i * ((r.size - 1) / (r.result - 1) if r.result > 1 else r.size / r.result)
    else:
        native = (i + (0.5 if half else 0)) * r.size / r.result - (0.5 if half else 0)
    bounds = (0, r.size - 1)
    difference = np.clip(native, *bounds) - np.clip(r.places(), *bounds)
    return bool((np.abs(difference) <= 1e-6 * r.size).all())
