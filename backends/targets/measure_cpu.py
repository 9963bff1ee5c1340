"""Measure what the host's kernels compute: `python -m mmc.backends.targets.measure_cpu`.

Runs every one-operator program in the interpreter, in a child process (kernels can abort), compares
it with numpy and writes cpu_legality.csv: yes, no (clean refusal or crash) or wrong.

Right means: whole numbers and truth values equal; float within 1e-4 of the largest expected value
(half precision 4e-3; 1e-2 where float meets integer weights: these kernels round the activations to
8 bits); 8-bit codes within 2, one for the kernel's rounding and one for its result's; 16-bit codes
also within 1/128 of the largest: the kernels interpolate tables coarser than their codes. The
bounds tell wrong from inexact; how exact an artifact is, its verification says.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.program import Array, Tensor

from .case import Case, decode, draw, encode
from .cases import all_cases
from .measure import Rows, save
from .references import REFERENCES

TABLE = Path(__file__).with_name("cpu_legality.csv")
SEEDS = (1, 2)
CODES = 2
HYBRID_ERROR = 1e-2
FLOAT_ERROR = {"FLOAT32": 1e-4, "FLOAT16": 4e-3}


def judge(case: Case, model: Path) -> tuple[str, str]:
    """Return the verdict on a case and what was found."""
    if case.op not in REFERENCES:
        return "", "no reference"
    write(case.program, model)
    for seed in SEEDS:
        feeds = {
            i: draw(case.program.tensors[i], case.domain, seed) for _, i in case.program.inputs
        }
        found = in_child(model, list(feeds.values()))
        if isinstance(found, str):
            return "no", found
        finding = compare(case, expected(case, feeds), found)
        if finding:
            return "wrong", finding
    return "yes", ""


def expected(case: Case, feeds: dict[int, Array]) -> list[Array]:
    """Return what the operator should compute, as real values."""
    tensors = case.program.tensors
    stored = {i: t.data for i, t in enumerate(tensors) if t.data is not None} | feeds
    real: dict[int, Any] = {i: decode(value, tensors[i]) for i, value in stored.items()}
    for operator in case.program.operators:
        operands = [real.get(index) for index in operator.inputs]
        with np.errstate(all="ignore"):
            results = REFERENCES[operator.code](operands, operator.options)
        real.update(zip(operator.outputs, results, strict=True))
    return [real[index] for _, index in case.program.outputs]


def compare(case: Case, real: Sequence[Array], found: Sequence[Array]) -> str:
    """Return the first difference that the module's definition calls wrong; "" if there is none."""
    outputs = [case.program.tensors[i] for _, i in case.program.outputs]
    for tensor, wanted, got in zip(outputs, real, found, strict=True):
        finding = difference(tensor, np.asarray(wanted), got, case.key[1])
        if finding:
            return finding
    return ""


def difference(tensor: Tensor, wanted: Array, got: Array, cell: str) -> str:
    """Return how one output differs, "" if it does not."""
    if wanted.shape != got.shape:
        return f"shape {list(got.shape)}, expected {list(wanted.shape)}"
    if tensor.quantization is not None:
        codes = encode(wanted, tensor).astype(np.int64)
        error = np.abs(codes - got.astype(np.int64)).max(initial=0)
        bound = max(CODES, np.abs(codes).max(initial=0) / 128) if got.dtype == np.int16 else CODES
        return f"{error} codes off" if error > bound else ""
    if tensor.dtype in FLOAT_ERROR:
        wide = wanted.astype(np.float64)
        gap = np.abs(wide - got).max(initial=0) / max(np.abs(wide).max(initial=0), 1e-6)
        bound = HYBRID_ERROR if cell.startswith("f32 w=s") else FLOAT_ERROR[tensor.dtype]
        return "" if gap <= bound else f"relative error {gap:.2g}"
    exact = np.array_equal(encode(wanted, tensor), got)
    return "" if exact else "whole numbers differ"


def in_child(model: Path, feeds: list[Array], timeout: float = 20) -> list[Array] | str:
    """Run a file on the interpreter in a child process; return its outputs or the error."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=run, args=(model, feeds, send))
    child.start()
    send.close()
    try:
        result = receive.recv() if receive.poll(timeout) else "time-out"
    except EOFError:
        result = "crash"
    child.terminate()
    child.join()
    return result


def run(model: Path, feeds: list[Array], send: Any) -> None:
    """Send back the outputs of a model, or the text of the interpreter's error."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(model), num_threads=1)
        interpreter.allocate_tensors()
        for detail, feed in zip(interpreter.get_input_details(), feeds, strict=True):
            interpreter.set_tensor(detail["index"], feed)
        interpreter.invoke()
        details = interpreter.get_output_details()
        send.send([interpreter.get_tensor(d["index"]) for d in details])
    except (RuntimeError, ValueError) as error:
        send.send(str(error).strip().splitlines()[-1][:150])


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge every case, or with --only those of one operator, and print what is not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="one operator; nothing is written")
    args = parser.parse_args(arguments)
    import ai_edge_litert.interpreter  # noqa: F401 (loaded once, before the forks)

    rows: Rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in all_cases():
            if args.only in ("", case.op):
                verdict, finding = judge(case, Path(folder) / "case.tflite")
                rows[case.key] = {"cpu": verdict}
                if verdict != "yes":
                    print(*case.key, verdict, finding, sep=" | ")
    if not args.only:
        save(TABLE, rows, ["cpu"])


if __name__ == "__main__":
    main()
