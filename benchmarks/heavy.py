"""How much faster an artifact could be: `python benchmarks/heavy.py --peer PYTHON [MODEL...]`

What any converter must leave in a model is its convolutions and products. Each of them is timed
alone here, in a file of its own, as mmc's artifact for `cpu` has it and as onnx2tf's has it (LiteRT
with XNNPACK, one thread, CPU time, less the time that an operator on one number takes); in turns
with the peer's whole artifact, so that whatever else the machine does meets all. Their sum over the
time of the peer's artifact is what no converter gets below with the same kernels. A kernel alone
finds its operands in the cache, so that the true bound is higher. PYTHON is that of the environment
of onnx2tf.

A model is a row of benchmarks/rows/heavy.jsonl; `--write` makes docs/heavy.md of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from benchmarks import json_lines
from benchmarks.converters import CONVERTERS, environment, spend
from benchmarks.large_model import LARGE, large
from benchmarks.latency import loaded, milliseconds
from benchmarks.optimizers import fixed
from benchmarks.peers import mmc_words, stored
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.program import Operator, Program, Tensor
from mmc.backends.tflite.reader import read
from mmc.counting import counted

PAGE = Path(__file__).parent.parent / "docs" / "heavy.md"
ROWS = Path(__file__).parent / "rows" / "heavy.jsonl"
HEAVY = frozenset("CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED BATCH_MATMUL".split())
PEER = CONVERTERS["onnx2tf"]
TURNS, TURN_MS = 9, 10.0
HEAD = """# What no converter can make faster

Made by `python benchmarks/heavy.py --peer PYTHON`, then `--write`; its head says how. CPU
milliseconds on one thread: of the artifacts of onnx2tf and of mmc, and of the convolutions and
products alone, of the artifact in which they take less. The bound is their share of the peer's
time: a ratio of latencies below it is out of reach with these kernels, whatever else a converter
does. mmc computes some otherwise: convolutions of few filters (basic_pitch) or few channels in long
steps (silero_vad), products of one-hot rows (magika). That lowers the bound too.
Measured on a busy machine, in turns: trust the ratios.

| model | onnx2tf | mmc | convolutions and products | mmc / onnx2tf | bound |
|---|---:|---:|---:|---:|---:|
"""


def alone(program: Program, op: Operator) -> Program:
    """Return a program of one operator, fed from outside."""
    used = dict.fromkeys(i for i in (*op.inputs, *op.outputs) if i >= 0)
    place = {index: new for new, index in enumerate(used)}
    tensors = [program.tensors[i] for i in used]
    made = [place[i] for i in op.outputs]
    given = [n for n, t in enumerate(tensors) if t.data is None and n not in made]
    read_ = [place.get(i, -1) for i in op.inputs]
    inputs, outputs = ([(tensors[n].name, n) for n in side] for side in (given, made))
    return Program(tensors, [replace(op, inputs=read_, outputs=made)], inputs, outputs)


def nothing() -> Program:
    """Return a program of one operator on one number: what an invocation takes."""
    tensors = [Tensor(name, (1,), "FLOAT32") for name in ("x", "y")]
    return Program(tensors, [Operator("RELU", [0], [1])], [("x", 0)], [("y", 1)])


def parts(artifact: Path, folder: Path) -> list[Path]:
    """Write the heavy operators of an artifact, each to a file."""
    program = read(artifact)
    folder.mkdir()
    found = []
    for n, op in enumerate(program.operators):
        if op.code in HEAVY and any(program.tensors[i].data is None for i in op.inputs if i >= 0):
            found.append(folder / f"{n}.tflite")
            write(alone(program, op), found[-1])
    return found


def turn_of(path: Path) -> Callable[[], float]:
    """Return what runs a file for some time and tells the milliseconds of an inference."""
    interpreter = loaded(str(path))
    milliseconds(interpreter, 1)
    times = max(1, int(TURN_MS / max(milliseconds(interpreter, 3), 1e-3)))
    return lambda: milliseconds(interpreter, times)


def timed(artifacts: list[Path], folder: Path) -> dict[str, float]:
    """Return the milliseconds of both artifacts and of their heavy operators, and the ratios."""
    write(nothing(), folder / "nothing.tflite")
    idle = turn_of(folder / "nothing.tflite")
    whole = [turn_of(path) for path in artifacts]
    heavy = [[turn_of(p) for p in parts(a, folder / f"parts{n}")] for n, a in enumerate(artifacts)]
    rows = []
    for _ in range(TURNS):
        least, both = idle(), [run() for run in whole]
        sums = [sum(max(run() - least, 0.0) for run in runs) for runs in heavy]
        rows.append((*both, min(sums), both[0] / both[1], min(sums) / both[1]))
    names = ("mmc_ms", "peer_ms", "heavy_ms", "ratio", "bound")
    columns = zip(*rows, strict=True)
    return {n: statistics.median(column) for n, column in zip(names, columns, strict=True)}


def compare(name: str, python: str, folder: Path) -> dict[str, float]:
    """Compile one model by both, and time it in a child process."""
    source, _ = fixed(str(large(folder)) if name == LARGE else name, folder)
    source = stored(source, folder / "plain")
    artifacts = [folder / "mmc.tflite", PEER.made(source, folder / "peer")]
    words = (mmc_words(source, artifacts[0], PEER), PEER.words(python, source, folder / "peer"))
    for command in words:
        spend(command, folder / "log", environment(python, folder.parent))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(timed, artifacts, folder).result()


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows of the table, and what they say together."""
    for row in rows:
        figures = [f"{row[key]:.3f}" for key in ("peer_ms", "mmc_ms", "heavy_ms")]
        ratios = [f"{row[key]:.2f}" for key in ("ratio", "bound")]
        yield f"| {' | '.join([row['model'], *figures, *ratios])} |"
    bounds = [row["bound"] for row in rows]
    above = sum(bound > 0.9 for bound in bounds)
    median, number = statistics.median(bounds), counted(above, "model")
    yield f"\nBounds: {median:.2f} in the median; above 0.90 for {number}."


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*(m.name for m in golden_models.models()), LARGE]
    parser.add_argument("names", nargs="*", default=names)
    parser.add_argument("--peer", metavar="PYTHON")
    parser.add_argument("--rows", type=Path, default=ROWS, metavar="FILE")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} from the rows")
    args = parser.parse_args()
    known = {row["model"] for row in json_lines.read(args.rows)}
    for name in (n for n in args.names if args.peer and n not in known):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "work"
            here.mkdir()
            row = {"model": name, **compare(name, args.peer, here)}
        json_lines.add(args.rows, row)
        print(next(lines([row])), flush=True)
    if args.write:
        PAGE.write_text(HEAD + "\n".join(lines([*json_lines.read(args.rows)])) + "\n", "utf-8")


if __name__ == "__main__":
    main()
