"""mmc's Core ML against coremltools' default pipeline, in one run on one machine:

    python benchmarks/compile.py --target ane_ios18 --coremltools [NAME...]

`coremltools` converts two programs with its default pipeline, float16 conversion and save included:
the model node by node, before any pass of mmc, and the program that mmc emits, which leaves it
little to do. Both are float32 packages, read back by coremltools' own reader (not counted). mmc's
seconds are the whole compile from the ONNX file, all passes included. Both import all that they
have before the clock starts, in a process of their own; they take turns, and figures are medians,
the ratio's of the turns. Model "large" has 100 MB of float32 weights: encoder layers with random
weights. Converters of ONNX files are compared by benchmarks/peers.py.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.large_model import LARGE, large
from benchmarks.optimizers import fixed

TURNS = 5
"""Runs of either side."""


def source_of(name: str, folder: Path) -> Path:
    """Return the large model, or the golden model called `name` with its sizes fixed."""
    return large(folder) if name == LARGE else fixed(name, folder)[0]


def printed(command: Sequence[str]) -> str | None:
    """Run a command to its end and return what it printed; None where it failed."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    variables = {**kept, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    if done.returncode:
        print(" ".join(command), done.stderr[-2000:], sep="\n", file=sys.stderr)
    return None if done.returncode else done.stdout


def mmc_command(source: Path, target: str, out: Path, *more: str) -> list[str]:
    """Return mmc's command."""
    flags = ["--target", target, "-o", str(out), "--no-verify", "--no-cache", "--json", *more]
    return [sys.executable, "-m", "mmc", "compile", str(source), *flags]


def compare_coremltools(source: Path, target: str, folder: Path) -> Iterator[str]:
    """Yield the rows of coremltools: seconds and CPU seconds on both programs."""
    mine, plain = folder / "mmc.mlpackage", folder / "plain.mlpackage"
    other = folder / "other.mlpackage"
    for what, made in (("the model's", node_by_node), ("mmc's", emitted)):
        if not made(source, target, plain):
            print(f"{source.stem}: no program of {what} nodes", file=sys.stderr)
            continue
        turns = [
            (clocked("compile", source, target, mine), clocked("convert", plain, other))
            for _ in range(TURNS)
        ]
        rows = [
            " / ".join(f"{s:.2f}" for s in np.median(side, axis=0))
            for side in zip(*turns, strict=True)
        ]
        times = np.median([np.divide(theirs, own) for own, theirs in turns], axis=0)
        ratio = " / ".join(f"{t:.1f}" for t in times)
        yield f"| {source.stem} | {what} | {' | '.join(rows)} | {ratio} |"


def clocked(*job: str | Path) -> tuple[float, float]:
    """Return the seconds and CPU seconds of a child of this file; the artifact is new."""
    shutil.rmtree(job[-1], ignore_errors=True)
    found = json.loads(printed([sys.executable, __file__, *map(str, job)]) or "{}")
    return found["seconds"], found["cpu_seconds"]


def emitted(source: Path, target: str, out: Path) -> bool:
    """Write the float32 package that mmc makes; say whether there is one."""
    return printed(mmc_command(source, target, out, "--precision", "float32")) is not None


def node_by_node(source: Path, target: str, out: Path) -> bool:
    """Write a float32 package of the model's nodes as they are; say whether there is one."""
    from mmc.backends.coreml.lower import Form, lower
    from mmc.backends.coreml.writer import write
    from mmc.diagnostics import MmcError
    from mmc.ir import load
    from mmc.target import load_target

    try:
        write(lower(load(source), Form("fp32", load_target(target).settings["version"])), out)
    except MmcError:
        return False
    return True


@dataclass
class Clock:
    """Prints the seconds and CPU seconds since it was made."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def report(self) -> None:
        """Print them."""
        spent = {
            "seconds": time.perf_counter() - self.wall,
            "cpu_seconds": time.process_time() - self.cpu,
        }
        print(json.dumps(spent))


def compile_alone(source: Path, target: str, out: Path) -> None:
    """Be the child: compile a model as `mmc compile --no-verify` does, print the cost."""
    import onnxruntime  # noqa: F401 - imports do not count

    from mmc.backends.base import load_backend
    from mmc.backends.coreml import protos, writer  # noqa: F401 - imports do not count
    from mmc.backends.coreml.emitter import LOWERINGS
    from mmc.cli import COLLECTING
    from mmc.compiler import compile_model, settled
    from mmc.options import CompileOptions
    from mmc.pattern import RULES
    from mmc.target import load_target

    options = CompileOptions(verify=False)
    where = load_target(target)
    load_backend(where.backend)(where, settled(options, where)).phases()
    loaded = *RULES, *LOWERINGS.ops(), protos.mil(), protos.model(), protos.features()
    gc.set_threshold(*COLLECTING)
    clock = Clock()
    compile_model(source, target, out, options)
    clock.report()
    assert loaded


def convert(package: Path, out: Path) -> None:
    """Be the child: convert a package's program as coremltools does by default, print the cost."""
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    import coremltools as ct
    from coremltools.converters.mil.frontend.milproto.load import load

    spec = ct.models.MLModel(str(package), skip_model_load=True).get_spec()
    weights = str(package / "Data/com.apple.CoreML/weights")
    version = spec.specificationVersion
    program = load(spec, specification_version=version, file_weights_dir=weights)
    clock = Clock()
    target = {7: ct.target.iOS16, 8: ct.target.iOS17, 9: ct.target.iOS18}[version]
    model = ct.convert(
        program, convert_to="mlprogram", minimum_deployment_target=target, skip_model_load=True
    )
    model.save(str(out))
    clock.report()


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        compile_alone(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    else:
        convert(Path(sys.argv[2]), Path(sys.argv[3]))
