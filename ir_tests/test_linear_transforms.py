"""Fourier transforms and columns laid over images, through the whole flow, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lowering import run_both, single

from ir_tests.versions import needs_newer_onnx
from mmc.diagnostics import LegalityError


@pytest.mark.parametrize(("parts", "onesided"), [(1, 0), (1, 1), (2, 0)])
def test_dft_of_cut_and_filled_signals(parts: int, onesided: int) -> None:
    for points in (6, 9, 11):
        shape = (2, 9, 3, parts)
        run_both(single("DFT", shape, np.array(points), np.array(1), onesided=onesided))


def test_inverse_dft_is_refused() -> None:
    with pytest.raises(LegalityError, match="inverse"):
        run_both(single("DFT", (2, 9, 2), None, np.array(1), inverse=1))


@needs_newer_onnx
@pytest.mark.parametrize("points", [None, np.array(10), np.array(11)])
def test_inverse_dft_of_half_a_spectrum(points: Any) -> None:
    run_both(single("DFT", (2, 6, 3, 2), points, np.array(1), inverse=1, onesided=1))


@needs_newer_onnx
def test_inverse_dft_of_too_few_bins_is_refused() -> None:
    with pytest.raises(LegalityError, match="6 bins are no half of 16"):
        run_both(single("DFT", (1, 6, 2), np.array(16), np.array(1), inverse=1, onesided=1))


def test_dft_too_large_or_of_computed_length_is_refused() -> None:
    with pytest.raises(LegalityError, match="entries"):
        run_both(single("DFT", (1, 4096, 1), None, np.array(1)))
    with pytest.raises(LegalityError):
        run_both(single("DFT", (1, 8, 1), ((), np.int64), np.array(1)))


@pytest.mark.parametrize("onesided", [0, 1])
def test_stft(onesided: int) -> None:
    window = np.hanning(16).astype(np.float32)
    run_both(single("STFT", (2, 61, 1), np.array(7), window, np.array(16), onesided=onesided))


def test_stft_is_onesided_by_default() -> None:
    run_both(single("STFT", (1, 64, 1), np.array(8), np.hanning(16).astype(np.float32)))


def test_stft_of_signals_without_a_last_axis() -> None:
    run_both(single("STFT", (2, 64), np.array(8), None, np.array(16)))


def test_stft_of_a_computed_window_is_refused() -> None:
    with pytest.raises(LegalityError, match="window is computed"):
        run_both(single("STFT", (1, 64, 1), np.array(8), (16,), np.array(16)))


@pytest.mark.parametrize(
    ("columns", "image", "block", "given"),
    [
        (16, (8, 8), (2, 2), {"strides": [2, 2]}),
        (64, (8, 8), (3, 3), {"pads": [1, 1, 1, 1]}),
        (6, (6, 9), (2, 3), {"strides": [2, 3], "dilations": [3, 1]}),
    ],
)
def test_col2im(columns: int, image: Any, block: Any, given: dict[str, Any]) -> None:
    shape = (2, 3 * int(np.prod(block)), columns)
    run_both(single("Col2Im", shape, np.array(image), np.array(block), **given))
