"""Do drawn models compile right? `python benchmarks/fuzz_models.py [--models 5000] [--docs]`

Valid models are drawn by ir_tests/strategies.py and strategies_wide.py, compiled for Hexagon, for
Core ML and for a processor (in float32, so that only mistakes and no rounding can show), run here,
and compared with ONNX Runtime with its optimizer off. A model is

- right: every output is within 80 dB of ONNX Runtime's, or where float32 has not that many digits
  (1 + erf(-6)), within 20 dB of what ONNX Runtime itself is off from float64;
- refused: an error with a code says that the target does not take it (MMC1xx, MMC2xx);
- wrong: anything else. It is written to `--keep DIR`; `mmc reduce MODEL -o SMALL -- python
  benchmarks/fuzz_models.py --target T --judge {}` makes it small.

No two models of a batch of 100 have the same nodes and shapes. The draws depend on `--seed` only.
What became of every batch is a row of benchmarks/rows/fuzz_models.jsonl (`--rows`): batches that
are in it are not drawn again, so a long run may be ended at any moment and goes on later. `--docs`
makes the table of all rows. Exit code 1: some were wrong.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "ir_tests")]

import onnx  # noqa: E402
import onnx.inliner  # noqa: E402
import onnxruntime as ort  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx.reference.op_run import OpRun  # noqa: E402
from strategies import models  # noqa: E402
from strategies_wide import ALL_STEPS  # noqa: E402

from benchmarks import json_lines  # noqa: E402
from mmc.backends.coreml.run import run as run_coreml  # noqa: E402
from mmc.backends.tflite.run import run as run_tflite  # noqa: E402
from mmc.compiler import compile_model  # noqa: E402
from mmc.diagnostics import MmcError  # noqa: E402
from mmc.ir import Array, Model, save  # noqa: E402
from mmc.options import CompileOptions  # noqa: E402
from mmc.verification.evaluate import compare  # noqa: E402

TARGETS = {
    "hexagon_v73": (".tflite", run_tflite),
    "ane_ios18": (".mlpackage", run_coreml),
    "cpu": (".tflite", run_tflite),
}
LEAST_DB, ROUNDING_DB = 80.0, 20.0
BATCH = 100
PAGE = ROOT / "docs" / "fuzzing_models.md"
ROWS = ROOT / "benchmarks" / "rows" / "fuzz_models.jsonl"
Row = dict[str, Any]
"""Of a batch: its number, how many models, and for each target the counts of `counted`."""


@dataclass(frozen=True)
class End:
    """What became of one model on one target: "right", "refused" or "wrong", and why."""

    target: str
    verdict: str
    why: str
    nodes: int


def reference(path: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    """Run ONNX Runtime with its optimizer off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


class Erf(OpRun):  # type: ignore[misc]
    """ONNX's own reference of Erf rounds to float32."""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[np.float64])(x),)


def exact(path: Path, x: Array) -> dict[str, Array]:
    """Run ONNX's own reference in float64.

    Operators that are defined by others become those: its Gelu, for one, goes through float32.
    """
    proto = onnx.inliner.inline_selected_functions(
        onnx.load(path), [], exclude=True, inline_schema_functions=True
    )
    for cast in (n for n in proto.graph.node if n.op_type == "Cast"):
        if cast.attribute[0].i == onnx.TensorProto.FLOAT:
            cast.attribute[0].i = onnx.TensorProto.DOUBLE
    for tensor in proto.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float64), tensor.name))
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    found = ReferenceEvaluator(proto, new_ops=[Erf]).run(None, {"x": x.astype(np.float64)})
    return dict(zip([o.name for o in proto.graph.output], found, strict=True))


def judge(path: Path, target: str) -> tuple[str, str]:
    """Compile and compare one model; return the verdict and why."""
    suffix, run = TARGETS[target]
    shape = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(len(path.read_bytes())).standard_normal(shape).astype(np.float32)
    wanted = reference(path, {"x": x})
    out = path.with_suffix(suffix)
    try:
        compile_model(path, target, out, CompileOptions(verify=False, precision="float32"))
        found = run(out, {"x": x})
    except MmcError as error:
        code = error.diagnostics[0].code
        refused = code[:4] in ("MMC1", "MMC2") and code not in ("MMC192", "MMC193")
        return ("refused" if refused else "wrong"), " ".join(str(error).split())[:300]
    except Exception:
        return "wrong", traceback.format_exc()[-600:]
    for name, value in wanted.items():
        if value.shape != found[name].shape:
            return "wrong", f"{name}: shape {found[name].shape}, expected {value.shape}"
        got, least = compare(name, value, found[name]), LEAST_DB
        if not got.passes(least):
            least = min(least, compare(name, exact(path, x)[name], value).level_db - ROUNDING_DB)
        if not got.passes(least):
            return "wrong", f"{name}: {got.level_db:.1f} dB, expected {least:.1f}"
    return "right", ""


def structure(path: Path) -> str:
    """Return what a graph is but for the values of its weights."""
    graph = onnx.load(path).graph
    weights = [(t.name, t.data_type, *t.dims) for t in graph.initializer]
    return str((graph.node, graph.input, graph.output, weights))


def attempt(path: Path) -> list[End]:
    """Judge one model on every target."""
    nodes = len(onnx.load(path).graph.node)
    return [End(t, *judge(path, t), nodes) for t in TARGETS]


def batch(number: int, count: int, folder: Path) -> None:
    """Draw and judge some models, no two of the same nodes and shapes; a row for each end."""
    path, seen = folder / "model.onnx", set[str]()
    draws = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    models_drawn = given(model=models(steps=10, kinds=ALL_STEPS))

    def judge_new(model: Model) -> None:
        save(model, path)
        if (graph := structure(path)) in seen or len(seen) == count:
            return
        seen.add(graph)
        ends = attempt(path)
        for end in ends:
            json_lines.add(folder / "ends", vars(end))
            if end.verdict == "wrong":
                name = f"wrong-{number}-{end.target}-{os.urandom(3).hex()}.onnx"
                shutil.copy(path, folder / name)

    for again in itertools.count():
        seed(number * 1000 + again)(draws(models_drawn(judge_new)))()
        if len(seen) == count:
            return


def forked(number: int, count: int, keep: Path) -> list[End]:
    """Return what became of the models of a batch: drawn in a fork, as a runtime may abort."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                batch(number, count, folder)
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found = [End(**row) for row in json_lines.read(folder / "ends")]
        if code:
            found.append(End("any", "wrong", f"the process ended with {code}", 0))
            (folder / "model.onnx").rename(folder / f"wrong-{number}-any.onnx")
        for path in folder.glob("wrong-*"):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / path.name).write_bytes(path.read_bytes())
    return found


def counted(ends: Iterable[End]) -> dict[str, Any]:
    """Return the verdicts of one target as numbers, with the reasons of refusals."""
    mine = list(ends)
    refused = (e.why.split(" '")[0].removeprefix("error") for e in mine if e.verdict == "refused")
    verdicts = Counter(e.verdict for e in mine)
    counts = {v: verdicts[v] for v in ("right", "refused", "wrong")}
    return {"nodes": sum(e.nodes for e in mine), **counts, "why": Counter(refused)}


def run(first: int, total: int, keep: Path, rows: Path | None) -> Iterator[Row]:
    """Yield the row of each batch that is not among the rows, and add it to them."""
    known = {(row["batch"], row["models"]) for row in json_lines.read(rows)}
    for start in range(0, total, BATCH):
        number, count = first + start // BATCH, min(BATCH, total - start)
        if (number, count) in known:
            continue
        ends = forked(number, count, keep)
        for end in ends:
            if end.verdict == "wrong":
                print(f"{end.target}: {end.why}", flush=True)
        targets = {t: counted(e for e in ends if e.target in (t, "any")) for t in TARGETS}
        row = {"batch": number, "models": count, **targets}
        json_lines.add(rows, row)
        yield row


def table(rows: list[Row]) -> str:
    """Return how many were right, refused and wrong, and what was refused."""
    lines = ["| target | models | nodes | right | refused | wrong | most common refusals |"]
    lines.append("|---" * 7 + "|")
    for target in TARGETS:
        asked = [row for row in rows if target in row]
        mine = [row[target] for row in asked]
        why = sum((Counter(one["why"]) for one in mine), Counter[str]())
        common = ", ".join(f"{text} {count}" for text, count in why.most_common(4))
        cells = [target, sum(row["models"] for row in asked)]
        cells += [sum(one[key] for one in mine) for key in ("nodes", "right", "refused", "wrong")]
        lines.append("| " + " | ".join(map(str, [*cells, common])) + " |")
    return "\n".join(lines)


def page(rows: list[Row]) -> str:
    """Return the table as a page of the documentation."""
    text = "# Drawn models\n\nMade by `python benchmarks/fuzz_models.py --models 0 --docs` of"
    text += f" `benchmarks/rows/{ROWS.name}`,\na row for each batch of models; the head of the"
    return f"{text} command says what the words mean.\n\n{table(rows)}\n"


def main() -> int:
    """Draw the models, print what was wrong and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), metavar="DIR")
    parser.add_argument("--rows", type=Path, default=ROWS, help="go on with, and add to, these")
    parser.add_argument("--judge", type=Path, metavar="MODEL", help="only judge this model")
    parser.add_argument("--target", choices=TARGETS, help="with --judge")
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.name}")
    args = parser.parse_args()
    if args.judge:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(args.judge.read_bytes())
            found = [(t, *judge(path, t)) for t in TARGETS if args.target in (None, t)]
        print(*found, sep="\n")
        return int(any(verdict == "wrong" for _, verdict, _ in found))
    for row in run(args.seed, args.models, args.keep, args.rows):
        print(row, flush=True)
    rows = list(json_lines.read(args.rows))
    print(table(rows))
    if args.docs:
        PAGE.write_text(page(rows), "utf-8")
    return int(any(row[t]["wrong"] for row in rows for t in TARGETS if t in row))


if __name__ == "__main__":
    sys.exit(main())
