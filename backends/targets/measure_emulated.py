"""See what Hexagon computes: `python -m mmc.backends.targets.measure_emulated [--op CONV_2D]`.

Runs every one-operator program that the table has the NPU take on Qualcomm's emulator (a second
each, a quarter of an hour in all) beside numpy, and prints those that are off. What is wrong among
them, and no edge of float16, stands in hexagon_facts.csv: a program that compiles is no proof.

Off means: floats by more than 1/100 of the largest; codes by more than 2 and 1/64 of the largest;
whole numbers and truth values at all, or infinite in other places.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmc.backends.tflite.emulator import emulate
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.program import Array, Tensor
from mmc.diagnostics import MmcError
from mmc.target import Target, Verdict, load_target

from .case import Case, decode, draw, encode
from .cases import all_cases
from .measure_cpu import expected
from .references import REFERENCES

TAKEN = (Verdict.YES, Verdict.WRONG)
FLOAT_ERROR = 1e-2
CODES, CODES_ERROR = 2, 1 / 64


def judge(case: Case, target: Target, model: Path) -> str:
    """Return how the emulator's results differ; "" if they do not."""
    write(case.program, model)
    tensors = case.program.tensors
    feeds = {i: draw(tensors[i], case.domain, 1) for _, i in case.program.inputs}
    given = {name: feeds[i] for name, i in case.program.inputs}
    try:
        found = emulate(model, given, target.architecture).outputs
    except MmcError as error:
        return " ".join(str(error).split())[:150]
    wanted = expected(case, feeds)
    for (name, i), real in zip(case.program.outputs, wanted, strict=True):
        if finding := difference(tensors[i], np.asarray(real), np.asarray(found[name])):
            return finding
    return ""


def difference(tensor: Tensor, real: Array, stored: Array) -> str:
    """Return how an output differs from what it should be, as the module defines it."""
    got = decode(stored, tensor).astype(np.float64)
    wanted = decode(encode(real, tensor), tensor).astype(np.float64)
    if got.shape != wanted.shape or (np.isfinite(got) != np.isfinite(wanted)).any():
        return f"another shape {got.shape}, or infinite elsewhere"
    finite = np.isfinite(wanted)
    off = float(np.abs(got - wanted)[finite].max(initial=0))
    largest = float(np.abs(wanted[finite]).max(initial=0))
    if tensor.quantization is not None:
        least = CODES * float(tensor.quantization.scale.max()) + CODES_ERROR * largest
    else:
        least = FLOAT_ERROR * largest if stored.dtype.kind == "f" else 0.0
    return f"off by {off:.3g} of {largest:.3g}" if off > least else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge the cases, and print those that are off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--op", default="", help="one operator only")
    parser.add_argument("--target", default="hexagon_v73")
    args = parser.parse_args(arguments)
    target = load_target(args.target)
    with tempfile.TemporaryDirectory() as folder:
        for case in all_cases():
            op, cell, feature = case.key
            forms = feature.split("+") if feature else ()
            taken = target.support(op, cell, forms).verdict in TAKEN
            if op not in REFERENCES or not taken or args.op not in ("", op):
                continue
            if finding := judge(case, target, Path(folder) / "case.tflite"):
                print(*case.key, finding, sep=" | ", flush=True)


if __name__ == "__main__":
    main()
