"""How a compile's cost grows: `python benchmarks/scaling.py [--write docs/scaling.md]`.

Rows of drawn models: more and more small nodes, in a chain and in the shapes of
benchmarks/scaling_graphs.py, and larger and larger weights. The largest has external data, as more
than 2 GB do not fit an ONNX file. Every one compiles in a fresh process without verification.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scaling_graphs import FAMILIES

NODES = (500, 2000, 10000)
MEGABYTES = (5, 50, 500, 2500)
WIDTH, WIDE = 16, 1024
INLINE = 2000
"""Megabytes up to which the weights are in the ONNX file."""
HEAD = """# How a compile grows

Drawn models, compiled for `{target}` with `--no-verify`, each in a process of its own. CPU is that
of the whole process, imports included; the memory rule is 150 MB + 1.2 × the model. Time grows
with the nodes and the bytes. A node takes about 3 KB while passes work on it, most of it in what
onnx_ir keeps of uses and names; equal shapes, attributes and options are held once, and nothing of
the file is held at all. The model is gone once it is lowered.

Made by `python benchmarks/scaling.py --write docs/scaling.md`.

| model | nodes | model MB | artifact MB | CPU s | peak MB | rule MB |
|---|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class Cost:
    """What one compile took."""

    name: str
    nodes: int
    model_bytes: int
    artifact_bytes: int
    cpu_seconds: float
    peak_bytes: int

    def row(self) -> str:
        """Return one line of the table."""
        sizes = f"{self.model_bytes / 1e6:.1f} | {self.artifact_bytes / 1e6:.1f}"
        rule = (150e6 + 1.2 * self.model_bytes) / 1e6
        memory = f"{self.peak_bytes / 1e6:.0f} | {rule:.0f}"
        return f"| {self.name} | {self.nodes} | {sizes} | {self.cpu_seconds:.1f} | {memory} |"


def draw(path: Path, layers: int, width: int, *, residual: bool, external: bool = False) -> None:
    """Write a chain of layers relu(x W + b), or x + relu(x W + b), of distinct weights."""
    block = np.random.default_rng(0).standard_normal((width, width)).astype(np.float32) / width
    nodes, weights, last = [], [], "x"
    with open(path.with_suffix(".data"), "wb") as file:
        for layer in range(layers):
            weight = block * np.float32(1 + layer / layers)
            w = TensorProto(name=f"w{layer}", dims=weight.shape, data_type=TensorProto.FLOAT)
            if external:
                w.data_location = TensorProto.EXTERNAL
                place = {"location": path.with_suffix(".data").name, "offset": file.tell()}
                for key, value in {**place, "length": weight.nbytes}.items():
                    w.external_data.add(key=key, value=str(value))
                file.write(weight.data)
            else:
                w.raw_data = weight.tobytes()
            weights += [w, numpy_helper.from_array(weight[0], f"b{layer}")]
            nodes += layer_nodes(layer, last, residual=residual)
            last = nodes[-1].output[0]
    shape = [1, width]
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)],
        weights,
    )
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=imports), path)


def layer_nodes(layer: int, x: str, *, residual: bool) -> Iterator[onnx.NodeProto]:
    """Yield the three or four nodes of a layer."""
    yield helper.make_node("MatMul", [x, f"w{layer}"], [f"p{layer}"])
    yield helper.make_node("Add", [f"p{layer}", f"b{layer}"], [f"s{layer}"])
    yield helper.make_node("Relu", [f"s{layer}"], [f"r{layer}"])
    if residual:
        yield helper.make_node("Add", [x, f"r{layer}"], [f"y{layer}"])


def measure(name: str, model: Path, nodes: int, target: str) -> Cost:
    """Compile a model in a process of its own."""
    out, report = model.with_suffix(".tflite"), model.with_suffix(".json")
    command = [
        sys.executable,
        "-m",
        "mmc",
        "compile",
        str(model),
        "--target",
        target,
        "-o",
        str(out),
    ]
    options = ["--no-verify", "--quiet", "--report", str(report)]
    environment = os.environ | {"MMC_NO_CACHE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, *options], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name}: mmc compile failed")
    read: dict[str, Any] = json.loads(report.read_text())
    peak = max(s["peak_bytes"] for s in read["stages"])
    size = sum(p.stat().st_size for p in (model, model.with_suffix(".data")) if p.exists())
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(name, nodes, size, out.stat().st_size, cpu, peak)


def costs(target: str, nodes: tuple[int, ...], megabytes: tuple[int, ...]) -> Iterator[Cost]:
    """Draw, compile and delete one model after the other."""
    for count in nodes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            draw(path, count // 4, WIDTH, residual=True)
            yield measure("many nodes", path, count, target)
    for (name, family), count in product(FAMILIES.items(), nodes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            yield measure(name, path, family(path, count), target)
    for size in megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path, layers = Path(folder) / "model.onnx", max(1, size * 10**6 // (4 * WIDE * WIDE))
            draw(path, layers, WIDE, residual=False, external=size > INLINE)
            name = "large weights" + (", external data" if size > INLINE else "")
            yield measure(name, path, 3 * layers, target)


def main() -> None:
    """Print the table, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="hexagon_v73")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--small", action="store_true", help="only the smallest of each row")
    args = parser.parse_args()
    amount = slice(0, 1) if args.small else slice(None)
    lines = []
    for cost in costs(args.target, NODES[amount], MEGABYTES[amount]):
        lines.append(cost.row())
        print(lines[-1], flush=True)
    if args.write:
        args.write.write_text(HEAD.format(target=args.target) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
