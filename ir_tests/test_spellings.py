"""Norms, activations, rotations, softmax, blocks of pixels and gates as exporters write them.

The list is spellings.toml; the oracle is ONNX Runtime with its optimizer off, on the file as it is.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from mmc.ir import Array, parse, save
from mmc.optimizer import optimize

SPELLINGS = tomllib.loads(Path(__file__).with_name("spellings.toml").read_text())["spelling"]


def array(given: Any) -> Array:
    """Return a constant: a number, a list, or random weights of a shape such as "8,1,1"."""
    if isinstance(given, str):
        shape = [int(size) for size in given.split(",")]
        return (np.random.default_rng(0).standard_normal(shape) / 2).astype(np.float32)
    found = np.array(given)
    return found.astype(np.float32) if found.dtype.kind == "f" else found


def run(path: Path, seed: int) -> list[Array]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    feeds = {
        v.name: (2 * rng.standard_normal(v.shape)).astype(np.float32)
        if v.type == "tensor(float)"
        else rng.integers(0, 5, v.shape)
        for v in session.get_inputs()
    }
    return list(session.run(None, feeds))


@pytest.mark.parametrize("given", SPELLINGS, ids=[s["name"] for s in SPELLINGS])
def test_spelling(given: dict[str, Any], tmp_path: Path) -> None:
    x = given.get("x", "float[1,5,8]")
    head = f'<ir_version: 8, opset_import: ["" : {given.get("opset", 17)}]> g '
    inputs = x if " " in x else f"{x} x"
    text = f"{head}({inputs}) => ({given.get('y', x)} y) {{ {given['body']} }}"
    save(
        parse(text, **{k: array(v) for k, v in given.get("constants", {}).items()}), tmp_path / "a"
    )
    optimize(tmp_path / "a", tmp_path / "b")
    nodes = onnx.load(tmp_path / "b").graph.node
    assert Counter(n.op_type for n in nodes if n.op_type != "Constant") == given["leaves"]
    for a, b in zip(run(tmp_path / "a", 1), run(tmp_path / "b", 1), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
