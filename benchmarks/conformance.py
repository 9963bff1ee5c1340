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
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

sys.path.insert(0, str(Path(__file__).parent))
import conformance_table

Array = npt.NDArray[Any]

MAX_OPSET = 26
TYPES = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT32,
        onnx.TensorProto.INT64,
        onnx.TensorProto.BOOL,
    }
)
SHAPE_OPERANDS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "If": (0,),
    "Loop": (0, 1),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys(
        [f"Reduce{kind}" for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2")], (1,)
    ),
    **dict.fromkeys(("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"), (1,)),
}
"""Operator -> inputs whose values its result's shape depends on."""


@dataclass(frozen=True)
class Case:
    """One stored case. `constants` are the feeds that a user would bind with --const."""

    name: str
    op: str
    model: onnx.ModelProto
    feeds: Mapping[str, Array]
    constants: Mapping[str, Array]
    expected: Mapping[str, Array]
    rtol: float
    atol: float


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "right", "refused" or "wrong", and why."""

    name: str
    op: str
    status: str
    code: str = ""
    detail: str = ""


def load_cases(pattern: str = "") -> list[Case]:
    """Return the cases in scope: opset, and float, int32, int64 or bool inputs and outputs."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = load_model_tests(kind="node")
    ops = {case.name: operator_of(case.model) for case in stored}
    chosen = [c for c in stored if in_scope(c.model) and re.search(pattern, c.name)]
    return [make_case(c, ops) for c in chosen]


def operator_of(model: onnx.ModelProto) -> str:
    """Return the operator that a case is about: that of its last node."""
    return str(model.graph.node[-1].op_type) if model.graph.node else "none"


def in_scope(model: onnx.ModelProto) -> bool:
    """Say whether a case counts."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    types = [v.type for v in (*model.graph.input, *model.graph.output)]
    return max(versions, default=0) <= MAX_OPSET and all(
        t.HasField("tensor_type") and t.tensor_type.elem_type in TYPES for t in types
    )


def make_case(stored: Any, ops: Mapping[str, str]) -> Case:
    """Name the stored arrays; an expanded case is about the operator that it expands."""
    model = stored.model
    inputs, outputs = stored.data_sets[0]
    feeds = dict(zip((v.name for v in model.graph.input), inputs, strict=False))
    bound = shape_inputs(model.graph)
    base = re.sub(r"_expanded.*$", "", stored.name)
    return Case(
        name=stored.name,
        op=ops.get(base, ops[stored.name]),
        model=model,
        feeds={k: np.asarray(v) for k, v in feeds.items() if k not in bound},
        constants={k: np.asarray(v) for k, v in feeds.items() if k in bound},
        expected={v.name: np.asarray(a) for v, a in zip(model.graph.output, outputs, strict=True)},
        rtol=stored.rtol,
        atol=stored.atol,
    )


def shape_inputs(graph: onnx.GraphProto) -> set[str]:
    """Return the graph inputs that shapes are computed from, other than by asking for a shape."""
    nodes = list(all_nodes(graph))
    makers = {name: node for node in nodes for name in node.output}
    work = [
        node.input[i]
        for node in nodes
        for i in SHAPE_OPERANDS.get(node.op_type, ())
        if i < len(node.input)
    ]
    seen: set[str] = set()
    while work:
        name = work.pop()
        if name in seen:
            continue
        seen.add(name)
        maker = makers.get(name)
        if maker is not None and maker.op_type not in ("Shape", "Size"):
            work += maker.input
            work += [n for branch in branches(maker) for v in all_nodes(branch) for n in v.input]
    return seen & {v.name for v in graph.input}


def branches(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Return the graphs that a node holds."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of a graph and of the graphs inside it."""
    for node in graph.node:
        yield node
        for branch in branches(node):
            yield from all_nodes(branch)


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
