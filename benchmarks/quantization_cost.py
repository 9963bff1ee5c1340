"""CPU time and memory of quantizing: `python benchmarks/quantization_cost.py`.

Each command runs alone, without caches, one thread a kernel: user and system time of the command
and all of its children, and the largest of their peak memories. `--write` puts the table into
docs/quantization_cost.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tasks import TASKS, Task

import golden_models as golden

DOCS = Path(__file__).parent.parent / "docs" / "quantization_cost.md"
SMALL_CNN, SAMPLES = "mtcnn_onet", 1000
HEAD = """# What quantizing costs

Made by `python benchmarks/quantization_cost.py --write`: CPU time of the command and its
children, and the peak memory of the largest of them; no cache, one thread a kernel, nothing
verified.

"""


@dataclass(frozen=True)
class Case:
    """A command and its limits; infinite where there is none."""

    what: str
    command: list[str]
    seconds: float
    megabytes: float


def cases(folder: Path) -> Iterator[Case]:
    """Yield what is measured."""
    encoder = TASKS["minilm_l6"](folder, Path("lines"))
    given = arguments(encoder, folder)
    yield Case("22.5M encoder, INT4 by GPTQ", [*given, "--weights", "int4"], 30, 2000)
    yield Case("22.5M encoder, INT2 by GPTQ", [*given, "--weights", "int2"], 30, 2000)
    data = folder / "pictures.npz"
    rng = np.random.default_rng(0)
    sample = golden.sample(SMALL_CNN)["x"][:1]
    gains = rng.uniform(0.5, 1.1, (SAMPLES, 1, 1, 1, 1)).astype(np.float32)
    np.savez(data, x=sample[None] * gains)
    small = [str(golden.path(SMALL_CNN)), "--input-shape", "x:1,3,48,48"]
    integers = ["--weights", "int8", "--activations", "int8"]
    small += ["--target", "cpu", *integers, "--calibration", str(data), "-o"]
    name = f"{SMALL_CNN} (0.4M), INT8, {SAMPLES} samples"
    yield Case(name, [*small, str(folder / "small.tflite")], 30, float("inf"))
    vision = arguments(TASKS["efficientnet_lite0"](folder, Path("lines")), folder)
    name = "efficientnet_lite0 (4.6M, 224 x 224), INT8, 256 samples"
    yield Case(name, [*vision, *integers], float("inf"), float("inf"))


def arguments(task: Task, folder: Path) -> list[str]:
    """Return the model, its shapes, data and artifact."""
    sizes = [f"{name}:{','.join(map(str, shape))}" for name, shape in task.shapes.items()]
    shapes = [word for size in sizes for word in ("--input-shape", size)]
    out = ["--calibration", str(task.calibration), "-o", str(folder / f"{task.name}.tflite")]
    return [str(task.model), "--target", "cpu", *shapes, *out]


def run(case: Case) -> tuple[float, float]:
    """Return CPU seconds and peak megabytes."""
    script = (
        "import subprocess, sys, resource; subprocess.run(sys.argv[1:], check=True);"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1000)"
    )
    command = [sys.executable, "-m", "mmc", "compile", *case.command, "--no-verify", "--quiet"]
    made = {**os.environ, "MMC_NO_CACHE": "1", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", script, *command],
        env=made,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = map(float, found.stdout.split()[-2:])
    return seconds, megabytes


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {DOCS.name}")
    args = parser.parse_args()
    lines = ["| what | CPU s | wanted | peak MB | wanted |", "|---|---|---|---|---|"]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        for case in cases(Path(folder)):
            seconds, megabytes = run(case)
            wanted = [f"< {v:g}" if np.isfinite(v) else "" for v in (case.seconds, case.megabytes)]
            figures = f"{seconds:.1f} | {wanted[0]} | {megabytes:.0f} | {wanted[1]}"
            lines.append(f"| {case.what} | {figures} |")
            print(lines[-1], flush=True)
    if args.write:
        DOCS.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
