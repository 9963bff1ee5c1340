"""How well `mmc cost` predicts measured latencies: fits its coefficients, writes docs/cost.md.

    python benchmarks/cost.py [--graphs FOLDER] [--write]

Measurements: mmc/cost/hexagon_latency.csv, and of the models of networks.py hexagon_more.csv. What
the measured models have to do is in hexagon_work.json; --graphs makes it anew from the graphs of
the former (weights above 1024 elements are inputs there; the metadata `mmc.inputs` names the real
ones) and from networks.py, each compiled by mmc. Without --write the tables are only printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.networks import NETWORKS
from mmc.cost.fit import LatencyModel, Row, left_out, rank_correlation
from mmc.cost.terms import TERMS, Array
from mmc.cost.work import NUMBERS, Sizes, Work, Workload, assumed, distinct
from mmc.costing import work_of_file

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "mmc" / "cost" / "hexagon_latency.csv"
MORE = ROOT / "benchmarks" / "hexagon_more.csv"
FITTED = ROOT / "mmc" / "cost" / "hexagon_fit.toml"
WORK = ROOT / "benchmarks" / "hexagon_work.json"
PAGE = ROOT / "docs" / "cost.md"

ARCHITECTURES = ("v69", "v73", "v75", "v79", "v81")
BITS = {"float": (0, 0), "w8a8": (8, 8), "w8a16": (16, 8)}
"""The file's precision -> bits of activations and of weights; 0 for floats."""
NAMES = {"float": "float", "w8a8": "int8", "w8a16": "int16"}
RUNTIMES = ("tflite", "qnn_dlc")
"""The first is the one that mmc writes for; the other gets one factor a number format."""
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
VTCM = 8 * 2**20
TAIL = 0.05

SEEN = ("yamnet", "quicksrnetsmall")
"""Models of networks.py that are fitted too: their inputs are not images of 224 × 224."""

SIDES = {"inception_v3": 224, "nasnet": 224, "efficientnet_b4": 224}
"""Sides of the images that the publisher measures with, where the graphs have others: info.yaml of
inception_v3 and nasnet, and get_input_spec of efficientnet_b4's class, in quic/ai-hub-models."""


def rows(path: Path = MEASURED) -> list[Row]:
    """Return the measurements."""
    with path.open() as file:
        return [
            Row(
                r["model"],
                NAMES[r["precision"]],
                r["hexagon"],
                r["runtime"],
                float(r["latency_ms"]),
            )
            for r in csv.DictReader(file)
        ]


def workloads() -> dict[str, Workload]:
    """Return what each model has to do, in floats."""
    found = json.loads(WORK.read_text())
    return {
        name: Workload(
            [
                Work(kind, engine, number, Sizes(*sizes), *traffic)
                for count, kind, engine, number, sizes, *traffic in entry["ops"]
                for _ in range(count)
            ],
            entry["stored_bytes"],
            *(entry[size] for size in ("arena_bytes", "entry_bytes", "exit_bytes")),
        )
        for name, entry in found.items()
    }


def programs(found: dict[str, Workload], wanted: Sequence[Row]) -> dict[tuple[str, str], Workload]:
    """Return the work of each model in each number format that was measured."""
    bits = {NAMES[precision]: b for precision, b in BITS.items()}
    keys = dict.fromkeys((r.model, r.number) for r in wanted)
    return {(m, n): assumed(found[m], *bits[n]) for m, n in keys}


def save_work(folder: Path, names: Sequence[str]) -> None:
    """Compile every graph and write down what it has to do, a line an operator."""
    lines = []
    for name in [*names, *NETWORKS]:
        made = NETWORKS[name]() if name in NETWORKS else graph(folder / f"{name}.onnx")
        work = compiled(made)
        ops = [
            json.dumps(
                [n, o.kind, o.engine, o.number, astuple(o.sizes), o.read, o.written, o.weights]
            )
            for o, n in sorted(distinct(work.ops).items(), key=lambda item: astuple(item[0]))
        ]
        sizes = ("stored_bytes", "arena_bytes", "entry_bytes", "exit_bytes")
        head = ", ".join(f'"{size}": {getattr(work, size)}' for size in sizes)
        lines.append(f'"{name}": {{{head}, "ops": [\n' + ",\n".join(ops) + "\n]}")
        print(f"{name}: {len(work.ops)} operators", file=sys.stderr)
    WORK.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def compiled(model: onnx.ModelProto) -> Workload:
    """Return what a model has to do."""
    with tempfile.TemporaryDirectory() as scratch:
        onnx.save(model, file := Path(scratch) / "m.onnx")
        return work_of_file(file, "hexagon_v75")


def graph(path: Path) -> onnx.ModelProto:
    """Return a graph with weights, its images as large as the measured ones."""
    model = onnx.load(path)
    names = {p.key: p.value for p in model.metadata_props}["mmc.inputs"].split(",")
    if side := SIDES.get(path.stem):
        resize(model, side)
    fill(model, set(names))
    return model


def resize(model: onnx.ModelProto, side: int) -> None:
    """Set the sides of the image inputs; inner shapes are inferred anew."""
    for value in model.graph.input:
        sizes = value.type.tensor_type.shape.dim
        if value.name == "x" and len(sizes) == 4:
            sizes[2].dim_value = sizes[3].dim_value = side
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def fill(model: onnx.ModelProto, real: set[str]) -> None:
    """Give every weight that is an input values: costs depend on shapes only."""
    random = np.random.default_rng(0)
    inputs = list(model.graph.input)
    del model.graph.input[:]
    for value in inputs:
        if value.name in real:
            model.graph.input.append(value)
            continue
        kind = value.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        shape = [d.dim_value for d in kind.shape.dim]
        drawn = np.abs(random.standard_normal(shape)) if np.issubdtype(dtype, np.floating) else None
        data = np.zeros(shape, dtype) if drawn is None else drawn.astype(dtype)
        model.graph.initializer.append(onnx.numpy_helper.from_array(data, value.name))


def tail_factors(predicted: Array, wanted: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Return by number format the factors between which measured / predicted lies, 9 of 10 times.

    Every model counts the same, however often it was measured. Few models were: each end is the
    wider one of its own quantile and of the quantile of errors in either direction.
    """
    found = {}
    for number in NUMBERS:
        places = [i for i, r in enumerate(wanted) if r.number == number]
        counts = Counter(wanted[i].model for i in places)
        logs = np.log([wanted[i].latency_ms / predicted[i] for i in places])
        weight = np.array([1 / counts[wanted[i].model] for i in places])
        either = quantile(np.abs(logs), weight, 1 - 2 * TAIL)
        low = min(quantile(logs, weight, TAIL), -either)
        high = max(quantile(logs, weight, 1 - TAIL), either)
        found[number] = (float(np.exp(low)), float(np.exp(high)))
    return found


def quantile(values: Array, weight: Array, part: float) -> float:
    """Return the weighted quantile."""
    order = np.argsort(values)
    reached = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    return float(np.interp(part, reached, values[order]))


def memory(found: dict[str, Workload]) -> tuple[float, float, float]:
    """Return fixed megabytes, copies of the weights, and the median error of both.

    peak = fixed + copies * weights + arena; the proxies of v73 report no sensible peak.
    """
    table, peaks = [], []
    with MEASURED.open() as file:
        for r in csv.DictReader(file):
            if r["runtime"] != "tflite" or r["hexagon"] == "v73":
                continue
            work = assumed(found[r["model"]], *BITS[r["precision"]])
            weights = sum(op.weights for op in work.ops) / 1e6
            table.append([1.0, weights])
            peaks.append([float(r["peak_mem_mb_max"]), work.arena_bytes / 1e6])
    amounts, (peak, arena) = np.array(table), np.array(peaks).T
    weight = 1 / peak
    for _ in range(50):  # least absolute relative error, by reweighting
        wanted = (peak - arena) * weight
        solution, *_ = np.linalg.lstsq(amounts * weight[:, None], wanted, rcond=None)
        error = np.abs(amounts @ solution + arena - peak) / peak
        weight = 1 / peak / np.sqrt(np.maximum(error, 0.02))
    return float(solution[0]), float(solution[1]), float(np.median(error))


def fitted(model: LatencyModel, parameters: Array) -> Iterator[str]:
    """Yield the lines of hexagon_fit.toml but those of intervals and memory."""
    yield "# Made by `python benchmarks/cost.py --write`. Do not edit."
    yield "# Milliseconds per unit (mmc/cost/terms.py): giga-multiplications, megabytes,"
    yield "# thousands of operators; entry and exit are of megabytes, base of an inference."
    for architecture, table in zip(ARCHITECTURES, model.coefficients(parameters), strict=True):
        for number, row in zip(NUMBERS, table, strict=True):
            yield f"\n[{architecture}.{number}]"
            yield from (f"{t} = {value:.5g}" for t, value in zip(TERMS, row, strict=True))


def page(wanted: Sequence[Row], predicted: Array, memory_error: float) -> Iterator[str]:
    """Yield the lines of docs/cost.md that hold figures."""
    measured = np.array([r.latency_ms for r in wanted])
    ratio = predicted / measured
    yield "| rows | count | median error | 9 of 10 within | rank correlation |"
    yield "|---|---|---|---|---|"
    groups = [("all", list(range(len(wanted))))]
    groups += [(n, [i for i, r in enumerate(wanted) if r.number == n]) for n in NUMBERS]
    groups += [(a, [i for i, r in enumerate(wanted) if r.architecture == a]) for a in ARCHITECTURES]
    groups += [(t, [i for i, r in enumerate(wanted) if r.runtime == t]) for t in RUNTIMES]
    for name, places in groups:
        error = np.abs(ratio[places] - 1)
        rank = rank_correlation(predicted[places], measured[places])
        yield (
            f"| {name} | {len(places)} | {100 * np.median(error):.1f} % "
            f"| {100 * np.quantile(error, 0.9):.0f} % | {rank:.3f} |"
        )
    yield "\nPredicted / measured, median over the rows of a model that the fit did not see:\n"
    yield from by_model(wanted, ratio)
    yield f"\nPeak memory, all rows that report one: median error {100 * memory_error:.0f} %."


def by_model(wanted: Sequence[Row], ratio: Array) -> Iterator[str]:
    """Yield a table of the median of `ratio`, by model and number format."""
    yield "| model | " + " | ".join(NUMBERS) + " |\n|---|---|---|---|"
    for name in sorted({r.model for r in wanted}):
        cells = []
        for number in NUMBERS:
            places = [i for i, r in enumerate(wanted) if (r.model, r.number) == (name, number)]
            cells.append(f"{np.median(ratio[places]):.2f}" if places else "")
        yield f"| {name} | " + " | ".join(cells) + " |"


def others(wanted: Sequence[Row], predicted: Array) -> Iterator[str]:
    """Yield what is predicted for models that are not in the file."""
    measured = np.array([r.latency_ms for r in wanted])
    error = np.median(np.abs(predicted / measured - 1))
    rank = rank_correlation(predicted, measured)
    yield f"\nModels that are not in the file ({MORE.name}): median error {100 * error:.1f} %,"
    yield f"rank correlation {rank:.3f} over {len(wanted)} rows; predicted / measured:\n"
    yield from by_model(wanted, predicted / measured)


def write(text: str) -> None:
    """Put the figures into the page, between its two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.partition(END)[2])


def main() -> None:
    """Fit, test, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=Path, help="compile the models' graphs anew")
    parser.add_argument("--write", action="store_true", help="write the coefficients and the page")
    args = parser.parse_args()
    measured = rows()
    if args.graphs:
        save_work(args.graphs, sorted({r.model for r in measured}))
    found, more = workloads(), rows(MORE)
    model = LatencyModel(programs(found, [*measured, *more]), ARCHITECTURES, VTCM, RUNTIMES[0])
    seen = [r for r in more if r.model in SEEN]
    unseen = [r for r in more if r.model not in SEEN]
    predicted, parameters = left_out(model, measured, seen), model.fit([*measured, *seen])
    fixed, copies, memory_error = memory(found)
    lines = [*page(measured, predicted, memory_error)]
    lines += others(unseen, model.predict(parameters, unseen))
    figures = "\n".join(lines)
    print(figures)
    if args.write:
        lines = [*fitted(model, parameters), "\n[interval]"]
        factors = tail_factors(predicted, measured)
        lines += [f"{n} = [{low:.3g}, {high:.3g}]" for n, (low, high) in factors.items()]
        lines += ["\n[memory]", f"fixed_mb = {fixed:.3g}", f"copies = {copies:.3g}"]
        FITTED.write_text("\n".join(lines) + "\n")
        write(figures)


if __name__ == "__main__":
    main()
