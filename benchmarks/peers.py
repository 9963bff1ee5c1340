"""mmc against onnx2tf, in one run on one machine:

    python benchmarks/peers.py --peer /path/to/onnx2tf [--repeat 3] [--docs docs/peers.md] [NAME...]

Each golden model is compiled by both in turns (A B A B); CPU seconds are those of the process and
its children, medians over the turns. Peak memory cannot show less than this driver itself holds
when it starts a child (the system counts from there). Both write float32 with channels-last
inputs. Operators are
counted with our own reader; the error is against ONNX Runtime with its optimizer off on the golden
sample, relative to the output's largest magnitude. Latency is CPU time on one thread (XNNPACK), of
the artifact for the processor, both loaded at once and run in turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from benchmarks.latency import paired
from mmc.backends.tflite.program import Program
from mmc.backends.tflite.reader import read
from mmc.backends.tflite.run import JOB
from mmc.diagnostics import MmcError
from mmc.ir import Array
from mmc.verification.execute import execute
from mmc.verification.reference import JOB as REFERENCE

IMPORTS = 0.8  # CPU seconds that do not count for mmc
TITLES = (
    "model | CPU s mmc | CPU s peer | (mmc - 0.8) / peer | peak MB mmc | peak MB peer | allowed MB"
    " | ops mmc | ops peer | transposes mmc | transposes peer | error mmc | error peer"
    " | latency mmc / peer"
)


@dataclass(frozen=True)
class Cost:
    """What one run of a compiler took."""

    cpu_seconds: float
    peak_bytes: int


@dataclass
class Side:
    """One compiler's results on one model."""

    costs: list[Cost] = field(default_factory=list)
    program: Program | None = None
    error: float = float("nan")

    @property
    def cpu_seconds(self) -> float:
        """Median over the runs."""
        return statistics.median(cost.cpu_seconds for cost in self.costs)

    @property
    def peak_megabytes(self) -> float:
        """Median over the runs, of the larger of the process and any of its children."""
        return statistics.median(cost.peak_bytes for cost in self.costs) / 1e6

    def count(self, code: str | None = None) -> int | str:
        """Return the number of operators, or of those with one code."""
        if self.program is None:
            return "none"
        return sum(code in (None, op.code) for op in self.program.operators)


def spend(command: Sequence[str], log: Path, environment: dict[str, str]) -> Cost | None:
    """Run a command to its end and return its cost; None if it failed."""
    with open(log, "wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
    return None if child.returncode else cost


def ours(name: str, folder: Path) -> tuple[list[str], Path]:
    """Return mmc's command and the artifact it makes."""
    model, path, out = golden_models.find(name), golden_models.path(name), folder / "mmc.tflite"
    shapes = [f"--input-shape={k}:{joined(v)}" for k, v in model.shapes.items()]
    flags = ["--target=cpu", "--io-layout=nhwc", "--no-verify", "--no-cache", "--quiet"]
    flags += ["-o", str(out)]
    return [sys.executable, "-m", "mmc", "compile", str(path), *shapes, *flags], out


def theirs(name: str, folder: Path, peer: str) -> tuple[list[str], Path]:
    """Return onnx2tf's command and the artifact it makes; it rewrites its input: a fresh copy."""
    model, path = golden_models.find(name), folder / golden_models.path(name).name
    shutil.copyfile(golden_models.path(name), path)
    shapes = [f"{k}:{joined(v)}" for k, v in model.shapes.items()]
    command = [peer, "-i", str(path), "-o", str(folder / "peer"), "-n", "-ois", *shapes]
    return command, folder / "peer" / f"{path.stem}_float32.tflite"


def joined(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))


def environment(peer: str, folder: Path) -> dict[str, str]:
    """Return the variables of both: bytecode is kept, and the peer finds what lies beside it."""
    variables = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables["PATH"] = os.pathsep.join([str(Path(peer).parent), os.environ.get("PATH", "")])
    return variables


def compare(name: str, peer: str, repeat: int, folder: Path) -> str:
    """Compile one model by both, in turns, and return its line of the table."""
    sides = (Side(), Side())
    variables = environment(peer, folder.parent)
    for _ in range(repeat):
        commands = (ours(name, folder), theirs(name, folder, peer))
        for side, (command, artifact) in zip(sides, commands, strict=True):
            artifact.unlink(missing_ok=True)
            cost = spend(command, folder / "log", variables)
            side.costs += [cost] if cost and artifact.exists() else []
    sample = golden_models.sample(name)
    wanted = execute(REFERENCE, golden_models.path(name), sample).outputs
    for side, (_, artifact) in zip(sides, commands, strict=True):
        if side.costs:
            side.program = read(artifact)
            side.error = error(artifact, side.program, sample, wanted)
    artifacts = [artifact for _, artifact in commands]
    runnable = all(np.isfinite(side.error) for side in sides)
    return line(name, sides, latency(artifacts[0], artifacts[1]) if runnable else "-")


def latency(mine: Path, other: Path) -> str:
    """Return how many times the peer's CPU time our artifact takes, or why that is not known."""
    try:
        return f"{paired(mine, other).ratio:.2f}"
    except (RuntimeError, ValueError):
        return "does not run"


def line(name: str, sides: tuple[Side, Side], ratio: str) -> str:
    """Return one line of the table."""
    mmc, peer = sides
    size = golden_models.find(name).bytes
    cells: list[object] = [name]
    cells += [f"{s.cpu_seconds:.2f}" if s.costs else "fails" for s in sides]
    both = mmc.costs and peer.costs
    cells.append(f"{(mmc.cpu_seconds - IMPORTS) / peer.cpu_seconds:.2f}" if both else "-")
    cells += [f"{s.peak_megabytes:.0f}" if s.costs else "-" for s in sides]
    cells.append(f"{(150e6 + 1.2 * size) / 1e6:.0f}")
    cells += [s.count() for s in sides]
    cells += [s.count("TRANSPOSE") for s in sides]
    cells += [f"{s.error:.0e}" if np.isfinite(s.error) else "does not run" for s in sides]
    return f"| {' | '.join(map(str, cells))} | {ratio} |"


def error(
    artifact: Path, program: Program, feeds: dict[str, Array], wanted: dict[str, Array]
) -> float:
    """Return the largest error of any output over that output's largest magnitude; NaN: no run.

    A peer may rename inputs and outputs and turn their layout; they are then taken in order, and
    an output in the layout that agrees better.
    """
    given = dict(zip(feeds, (n for n, _ in program.inputs), strict=True))
    given.update({n: n for n, _ in program.inputs if n in feeds})
    shapes = {n: program.tensors[i].shape for n, i in program.inputs}
    turned = {given[n]: channels_last(a, shapes[given[n]]) for n, a in feeds.items()}
    try:
        found = execute(JOB, artifact, turned).outputs
    except (MmcError, ValueError):
        return float("nan")
    order = [found[n] for n, _ in program.outputs]
    pairs = [(w, found.get(n, order[i])) for i, (n, w) in enumerate(wanted.items())]
    return max(distance(w, f) for w, f in pairs)


def channels_last(array: Array, shape: tuple[int, ...]) -> Array:
    """Return the array with axis 1 moved last if only so it has the shape."""
    return array if array.shape == shape or array.ndim < 3 else np.moveaxis(array, 1, -1)


def distance(wanted: Array, found: Array) -> float:
    """Return max |wanted - found| / max |wanted|, in the better of two layouts."""
    forms = [found] + ([np.moveaxis(found, -1, 1)] if found.ndim > 2 else [])
    scale = float(np.abs(wanted.astype(np.float64)).max(initial=0)) or 1.0
    gaps = [np.abs(wanted.astype(np.float64) - f) for f in forms if f.shape == wanted.shape]
    return min((float(g.max(initial=0)) / scale for g in gaps), default=float("inf"))


def table(names: Sequence[str], row: Callable[[str], str]) -> list[str]:
    """Return the table's lines, printed as they come."""
    lines = [f"| {TITLES} |", "|---" * (TITLES.count("|") + 1) + "|"]
    print(*lines, sep="\n", flush=True)
    for name in names:
        lines.append(row(name))
        print(lines[-1], flush=True)
    return lines


def warm_up(peer: str, folder: Path) -> None:
    """Run each once on a small model, so that both have their bytecode."""
    for command, _ in (ours("mtcnn_pnet", folder), theirs("mtcnn_pnet", folder, peer)):
        spend(command, folder / "log", environment(peer, folder))


def main() -> None:
    """Print the table, and write it as a page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all golden models")
    parser.add_argument("--peer", default="onnx2tf", help="the peer's executable")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each compiler")
    parser.add_argument("--docs", type=Path, metavar="FILE.md", help="write the table there too")
    args = parser.parse_args()
    peer = shutil.which(args.peer)
    if peer is None:
        parser.error(f"there is no executable {args.peer!r}")
    with tempfile.TemporaryDirectory() as folder:

        def row(name: str) -> str:
            here = Path(folder) / name
            here.mkdir()
            return compare(name, peer, args.repeat, here)

        warm_up(peer, Path(folder))
        lines = table(args.names or [m.name for m in golden_models.models()], row)
    if args.docs:
        args.docs.write_text(page(lines, args.repeat), "utf-8")


def page(lines: list[str], repeat: int) -> str:
    """Return the table as a page of the documentation."""
    text = (
        "# mmc and onnx2tf, measured\n\n"
        f"Made by `python benchmarks/peers.py --peer onnx2tf --repeat {repeat} --docs"
        " docs/peers.md` in one run\n"
        f"on one machine ({os.cpu_count()} processors, {platform.system()},"
        f" Python {platform.python_version()}): trust the ratios, not the seconds. What each\n"
        "column is: the head of `benchmarks/peers.py`.\n\n"
    )
    return text + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
