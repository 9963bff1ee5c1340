"""The node cases of the onnx package, compiled, executed, compared: docs/conformance.md.

    python benchmarks/conformance.py --target cpu [--jobs 2] [--only PATTERN] [--write FILE]

Every case runs in a process of its own, so that no crash or hang hides the others. A case is right,
refused (with the diagnostic's code) or wrong; a crash, a hang or an exception counts as wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parent))
import conformance_table
from conformance_cases import MAX_OPSET, Array, Case, load_cases


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "right", "refused" or "wrong", and why."""

    name: str
    op: str
    status: str
    code: str = ""
    detail: str = ""


def run_case(case: Case, target: str) -> Outcome:
    """Compile, execute and compare one case."""
    from mmc.backends.base import load_backend, suffix_of
    from mmc.compiler import compile_model
    from mmc.diagnostics import MmcError, PassError
    from mmc.options import CompileOptions
    from mmc.target import load_target

    kind = load_target(target).backend
    module, _, function = load_backend(kind).job.partition(":")
    run = getattr(import_module(module), function)

    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        source, artifact = Path(folder) / "case.onnx", Path(folder) / f"case{suffix_of(kind)}"
        onnx.save(case.model, source)
        options = CompileOptions(constants=case.constants, verify=False, precision="float32")
        try:
            compile_model(source, target, artifact, options)
        except PassError:
            raise  # a pass that fails is a fault of the compiler, not a refusal
        except MmcError as refusal:
            return Outcome(case.name, case.op, "refused", *describe(refusal))
        actual = run(artifact, dict(case.feeds))
    difference = compare(case, actual)
    status = "wrong" if difference else "right"
    return Outcome(case.name, case.op, status, "", difference)


def describe(refusal: Any) -> tuple[str, str]:
    """Return code and reason of the first diagnostic."""
    first = refusal.diagnostics[0]
    return first.code, f"{first.where}: {first.what}: {first.why}".replace("\n", " ")[:300]


def compare(case: Case, actual: Mapping[str, Array]) -> str:
    """Return how the outputs differ, "" if they do not; integers and booleans must be equal."""
    for name, expected in case.expected.items():
        got = actual[name]
        narrowed = expected.dtype.kind in "biu" and got.dtype == np.int32  # Core ML's integers
        if got.shape != expected.shape or not (narrowed or got.dtype == expected.dtype):
            return f"{name} is {got.dtype}{got.shape}, expected {expected.dtype}{expected.shape}"
        if expected.dtype.kind != "f":
            if not np.array_equal(got, expected):
                return f"{name} differs in {np.sum(got != expected)} of {got.size} elements"
        elif not np.allclose(got, expected, case.rtol, case.atol, equal_nan=True):
            with np.errstate(all="ignore"):
                return f"{name} differs by up to {np.nanmax(np.abs(got - expected)):.3g}"
    return ""


def child(case: Case, target: str, channel: Connection) -> None:
    """Run a case and send its outcome; what is not a diagnostic is a failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # LiteRT's greetings
    try:
        outcome = run_case(case, target)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
        outcome = Outcome(case.name, case.op, "wrong", "", reason)
    channel.send(outcome)


def run_cases(
    cases: Sequence[Case], target: str, jobs: int = 2, timeout: float = 60
) -> Iterator[Outcome]:
    """Run every case in a process of its own, `jobs` at a time; yields outcomes as they come."""
    prepare(target)
    context = multiprocessing.get_context("fork")
    waiting = list(reversed(cases))
    running: dict[Connection, tuple[BaseProcess, Case, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            mine, theirs = context.Pipe(duplex=False)
            process = context.Process(target=child, args=(case, target, theirs))
            process.start()
            theirs.close()
            running[mine] = process, case, time.monotonic() + timeout
        ready = set(wait(list(running), 0.5))
        for channel, (process, case, end) in list(running.items()):
            if channel in ready or time.monotonic() > end:
                del running[channel]
                yield finish(channel, process, case)


def finish(channel: Connection, process: BaseProcess, case: Case) -> Outcome:
    """Return what a child sent, or how it died; one that is late is killed."""
    outcome = None
    if channel.poll():
        with contextlib.suppress(EOFError):
            outcome = channel.recv()
    else:
        process.kill()
    process.join()
    channel.close()
    if isinstance(outcome, Outcome):
        return outcome
    reason = f"the process ended with {process.exitcode}"
    return Outcome(case.name, case.op, "wrong", "", reason)


def prepare(target: str) -> None:
    """Compile and run a model of one operator, so that forked processes have all modules loaded."""
    graph = onnx.parser.parse_graph("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model = onnx.helper.make_model(graph)
    x = np.zeros(2, np.float32)
    run_case(Case("prepare", "Relu", model, {"x": x}, {}, {"y": x}, 0.0, 0.0), target)


def write(path: Path, outcomes: Iterable[Outcome], target: str) -> None:
    """Write the columns of a target into the page."""
    known = conformance_table.read(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = known | {target: conformance_table.columns(outcomes)}
    path.write_text(conformance_table.page(found, MAX_OPSET), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print what is not right, write the table; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", default="cpu", help="cpu, ane_ios18, ...")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one case")
    parser.add_argument("--only", default="", help="regular expression on the case's name")
    parser.add_argument("--write", type=Path, help="the Markdown file to write")
    options = parser.parse_args(arguments)
    cases = load_cases(options.only)
    outcomes = []
    for outcome in run_cases(cases, options.target, options.jobs, options.timeout):
        outcomes.append(outcome)
        if outcome.status != "right":
            words = outcome.status, outcome.op, outcome.name, outcome.code, outcome.detail
            print(*words, flush=True)
    counts = Counter(outcome.status for outcome in outcomes)
    print(", ".join(f"{counts[status]} {status}" for status in ("right", "refused", "wrong")))
    if options.write:
        write(options.write, outcomes, options.target)
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
