"""Nodes after optimizing: `python benchmarks/optimizers.py [--peer NAME=PYTHON]... [MODEL...]`.

A MODEL is a golden model's name or an ONNX file; without any, all golden models are measured. Every
optimizer gets the same file with fixed input shapes. A peer is the name of a package (onnxsim,
onnxslim, onnxoptimizer, onnxscript) and the interpreter of the environment that it is installed in.
Nodes are those of the saved standard ONNX, without Constant. `worst dB` compares mmc's outputs with
the original's, both in ONNX Runtime with its optimizer off; `--latency N` adds the ratio of the
original's CPU time to the result's in ONNX Runtime's default mode, the median of N paired runs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from mmc.ir import Array
from mmc.optimizer import optimize
from mmc.verification.evaluate import sqnr

PEERS = {
    "onnxsim": "import onnx, onnxsim\n"
    "model, ok = onnxsim.simplify(onnx.load(source))\nonnx.save(model, target)",
    "onnxslim": "import onnx, onnxslim\nonnx.save(onnxslim.slim(source), target)",
    "onnxoptimizer": "import onnx, onnxoptimizer\n"
    "onnx.save(onnxoptimizer.optimize(onnx.load(source)), target)",
    "onnxscript": "import onnx, onnxscript.optimizer\n"
    "onnx.save(onnxscript.optimizer.optimize(onnx.load(source)), target)",
}
HEAD = "import sys\nsource, target = sys.argv[1:]\n"
SECONDS = 600
"""A peer that takes longer is reported as failed."""

Feeds = Mapping[str, Array]


def fixed(name: str, folder: Path) -> tuple[Path, Feeds]:
    """Return a model with fixed input shapes as a file, and inputs for it."""
    if name.endswith(".onnx"):
        return Path(name), drawn(Path(name))
    proto, sample = onnx.load(golden_models.path(name)), golden_models.sample(name)
    for value in proto.graph.input:
        if value.name in sample:
            dims = value.type.tensor_type.shape.dim
            for dim, size in zip(dims, sample[value.name].shape, strict=True):
                dim.dim_value = size
    target = folder / f"{name}.onnx"
    onnx.save(proto, target)
    return target, sample


def drawn(path: Path) -> Feeds:
    """Return inputs for a model with fixed shapes: normal floats, ones for integers."""
    rng, kinds = np.random.default_rng(0), {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
    return {
        v.name: np.ones(v.shape, kinds[v.type])
        if v.type in kinds
        else rng.standard_normal(v.shape).astype(np.float32)
        for v in session(path, plain=True).get_inputs()
    }


def session(path: Path, *, plain: bool) -> ort.InferenceSession:
    """Load a model on one thread; `plain` turns ONNX Runtime's own optimizer off."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def nodes(path: Path) -> int:
    """Count the nodes of a file's graph, without Constant."""
    graph = onnx.load(path, load_external_data=False).graph
    return sum(node.op_type != "Constant" for node in graph.node)


def peer_nodes(peer: str, python: str, source: Path, folder: Path) -> int | None:
    """Return the nodes that a peer leaves, or None when it fails."""
    target = folder / f"{source.stem}.{peer}.onnx"
    command = [python, "-c", HEAD + PEERS[peer], str(source), str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        return nodes(target)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError):
        return None


def worst_db(source: Path, result: Path, feeds: Feeds) -> float:
    """Return the lowest signal-to-noise ratio over the outputs."""
    pairs = zip(*(session(p, plain=True).run(None, feeds) for p in (source, result)), strict=True)
    ratios = []
    for a, b in pairs:
        wanted, found = np.asarray(a, np.float64), np.asarray(b, np.float64)
        ratios.append(sqnr(float((wanted**2).sum()), float(((wanted - found) ** 2).sum())))
    return min(ratios)


def speedup(source: Path, result: Path, feeds: Feeds, runs: int) -> float:
    """Return the median of the paired ratios of CPU times, original to result: one thread each."""
    pair, ratios = [session(p, plain=False) for p in (source, result)], []
    for _ in range(runs + 1):
        spent = []
        for runner in pair:
            start = time.thread_time()
            runner.run(None, feeds)
            spent.append(time.thread_time() - start)
        ratios.append(spent[0] / spent[1])
    return statistics.median(ratios[1:])


def cells(name: str, peers: Mapping[str, str], folder: Path, runs: int) -> Iterator[str]:
    """Yield the cells of one model's row."""
    source, feeds = fixed(name, folder)
    result = folder / f"{source.stem}.mmc.onnx"
    optimize(source, result)
    others = [peer_nodes(peer, python, source, folder) for peer, python in peers.items()]
    ours, best = nodes(result), min((n for n in others if n is not None), default=None)
    yield from (source.stem, str(nodes(source)))
    yield from ("failed" if n is None else str(n) for n in others)
    yield from (str(ours), "" if best is None else f"{ours / best:.2f}")
    yield f"{worst_db(source, result, feeds):.0f}"
    if runs:
        yield f"{speedup(source, result, feeds, runs):.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--latency", type=int, default=0, metavar="N")
    args = parser.parse_args(arguments)
    peers = dict(given.split("=", 1) for given in args.peer)
    if unknown := set(peers) - set(PEERS):
        parser.error(f"unknown peers {sorted(unknown)}; there are {sorted(PEERS)}")
    titles = ["model", "original", *peers, "mmc", "mmc / best peer", "worst dB"]
    titles += ["times faster"] if args.latency else []
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models or [m.name for m in golden_models.models()]:
            print(f"| {' | '.join(cells(name, peers, Path(folder), args.latency))} |", flush=True)


if __name__ == "__main__":
    main()
