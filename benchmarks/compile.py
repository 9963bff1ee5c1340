"""What a compile costs: `python benchmarks/compile.py [--target T] [NAME...]` (golden models).

Every model compiles in a fresh process without verification. Seconds and CPU per stage are the
report's; "process" is the whole process with its imports; "copy" is the time of reading and writing
the same number of bytes (model in, artifact out), the least any compiler can take.

For Core ML, `--coremltools` compares with coremltools' default conversion instead
(benchmarks/coremltools_pipeline.py); the default model is then one of 100 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from benchmarks import coremltools_pipeline
from benchmarks.large_model import LARGE

STAGES = ("load", "passes", "lower", "check", "write")


@dataclass(frozen=True)
class Cost:
    """One compile: its report, the process's CPU seconds, and the seconds of a plain copy."""

    name: str
    report: dict[str, Any]
    cpu_seconds: float
    copy_seconds: float

    def row(self) -> str:
        """Return one line of the table."""
        stages = {s["name"]: s for s in self.report["stages"]}
        cells = [f"{stages[n]['seconds']:.2f}/{stages[n]['cpu_seconds']:.2f}" for n in STAGES]
        seconds = sum(s["seconds"] for s in stages.values())
        peak = max(s["peak_bytes"] for s in stages.values())
        size = self.report["model"]["bytes"]
        ratio = seconds / self.copy_seconds
        memory = f"{peak / 1e6:.0f} | {(150e6 + 1.2 * size) / 1e6:.0f}"
        figures = f"{seconds:.2f} | {self.cpu_seconds:.2f} | {memory} | {ratio:.0f}"
        return f"| {self.name} | {' | '.join(cells)} | {figures} |"


def measure(name: str, target: str, folder: Path) -> Cost:
    """Compile one golden model in a process of its own."""
    model, path = golden_models.find(name), golden_models.path(name)
    shapes = [f"--input-shape={k}:{','.join(map(str, v))}" for k, v in model.shapes.items()]
    out = folder / f"{name}.tflite"
    command = [
        sys.executable,
        "-m",
        "mmc",
        "compile",
        str(path),
        "--target",
        target,
        "-o",
        str(out),
        "--no-cache",
    ]
    before = sum(os.times()[2:4])
    done = subprocess.run(
        [*command, *shapes, "--no-verify", "--json"], stdout=subprocess.PIPE, check=True
    )
    spent = sum(os.times()[2:4]) - before
    return Cost(name, json.loads(done.stdout), spent, copy(path, out, folder))


def copy(source: Path, artifact: Path, folder: Path) -> float:
    """Return the seconds of reading the model and writing as many bytes as the artifact has."""
    content = artifact.read_bytes()
    start = time.perf_counter()
    source.read_bytes()
    (folder / "copy").write_bytes(content)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all golden models")
    parser.add_argument("--target", default="hexagon_v73")
    parser.add_argument("--coremltools", action="store_true", help="compare with its conversion")
    args = parser.parse_args()
    if args.coremltools:
        compare(args.names or [LARGE], args.target)
        return
    titles = [f"{name} s/cpu" for name in STAGES]
    titles += ["compile s", "process cpu s", "peak MB", "allowed MB", "x copy"]
    print(f"| model | {' | '.join(titles)} |")
    print("|---" * (len(titles) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or [m.name for m in golden_models.models()]:
            try:
                print(measure(name, args.target, Path(folder)).row(), flush=True)
            except subprocess.CalledProcessError as error:
                print(f"| {name} | does not compile: exit {error.returncode} |", flush=True)


def compare(names: list[str], target: str) -> None:
    """Print the table of coremltools' default conversion."""
    print("| model | program | mmc s / CPU s | coremltools s / CPU s | times |")
    print("|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            source = coremltools_pipeline.source_of(name, Path(folder))
            for row in coremltools_pipeline.compare_coremltools(source, target, Path(folder)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
