"""Large constants in a file without a name: their values, and that their memory is given back."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from mmc.spilling import SMALLEST, spilled, write_and_forget


@pytest.mark.parametrize("shape", [(3, 5), (700, 1000), (1, 1 << 19), (300001,)])
def test_values(shape: tuple[int, ...]) -> None:
    whole = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = spilled(shape, lambda rows: whole[rows])
    np.testing.assert_array_equal(found, whole)
    assert type(found) is np.ndarray
    assert found.dtype == np.float32


def test_a_number_alone() -> None:
    assert spilled((), lambda rows: np.float32(2)).shape == ()  # type: ignore[arg-type, return-value]


def test_no_row_is_larger_than_asked_for() -> None:
    asked: list[int] = []

    def rows(part: slice) -> np.ndarray:
        asked.append(len(range(*part.indices(4096))))
        return np.zeros((asked[-1], 1024), np.float32)

    assert spilled((4096, 1024), rows).nbytes > SMALLEST
    assert max(asked) * 1024 * 4 <= SMALLEST
    assert sum(asked) == 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_what_was_written_leaves_memory() -> None:
    array = spilled((64, 1 << 18), lambda rows: np.ones((64, 1 << 18), np.float32)[rows])
    before = resident()
    assert array.sum() == array.size
    assert resident() - before > array.nbytes // 2

    with open(os.devnull, "wb") as file:
        write_and_forget(file, array.T.T.reshape(-1).view(np.uint8).data, array)
    assert resident() - before < array.nbytes // 4
    assert array[-1, -1] == 1


def test_what_is_no_file_is_written_too() -> None:
    array, file = np.arange(10, dtype=np.uint8), io.BytesIO()
    write_and_forget(file, array.data, array)
    write_and_forget(file, array.data, None)
    assert file.getvalue() == array.tobytes() * 2


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
