"""Which of two .tflite files is faster: `python benchmarks/latency.py A.tflite B.tflite`.

Both are loaded in one process (XNNPACK, one thread) on random floats below 1 and zero integers, and
run in turns, so that whatever else the machine does meets both. CPU milliseconds: of each, the
median of the turns; the ratio is the median of the turns' ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

TURNS = 21
TURN_SECONDS = 0.05


@dataclass(frozen=True)
class Paired:
    """CPU milliseconds of each, and how many times the first takes the second's."""

    first_ms: float
    second_ms: float
    ratio: float


def paired(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Paired:
    """Compare two artifacts in a child process: a runtime that aborts takes only that along."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_paired, os.fspath(first), os.fspath(second)).result()


def _paired(first: str, second: str) -> Paired:
    interpreters = [loaded(path) for path in (first, second)]
    once = [milliseconds(i, 1) for i in interpreters for _ in range(2)][1::2]
    counts = [max(1, int(TURN_SECONDS * 1e3 / max(ms, 1e-3))) for ms in once]
    turns = [
        [milliseconds(i, n) for i, n in zip(interpreters, counts, strict=True)]
        for _ in range(TURNS)
    ]
    ratio = statistics.median(a / b for a, b in turns)
    a, b = (statistics.median(column) for column in zip(*turns, strict=True))
    return Paired(a, b, ratio)


def loaded(path: str) -> Any:
    """Return an interpreter of a file, fed."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = detail["shape"], np.dtype(detail["dtype"])
        # any may be an index, floats below 1 too: 0 is within any table
        drawn = random.random(shape) if dtype.kind == "f" else np.zeros(shape)
        interpreter.set_tensor(detail["index"], drawn.astype(dtype))
    return interpreter


def milliseconds(interpreter: Any, times: int) -> float:
    """Return what an inference takes, of so many."""
    start = time.process_time()
    for _ in range(times):
        interpreter.invoke()
    return (time.process_time() - start) * 1e3 / times


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    args = parser.parse_args()
    found = paired(args.first, args.second)
    sys.stdout.write(f"{found.first_ms:.3f} ms, {found.second_ms:.3f} ms: {found.ratio:.3f}\n")


if __name__ == "__main__":
    main()
