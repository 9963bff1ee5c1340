"""Indices below zero, known at run time only: ONNX counts them from the end, kernels do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lowering import compare, emit_flow, oracle

import mmc
from mmc.backends.coreml.operators import gathering
from mmc.backends.coreml.run import run
from mmc.ir import Array, Model, parse, save
from mmc.signs import may_be_negative

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
g (float[4,5] x, int64[{shape}] i, int64[{shape}] j, float[{updates}] u) => (float[{result}] y) {{
    d = Sub(i, j)
    z = Add(x, x)
    {op}
}}"""
CASES: dict[str, tuple[str, str, str, str]] = {
    "table": ("3", "3", "3,5", "v = Gather(table, d)  y = Mul(v, u3)"),
    "Gather": ("3", "3", "4,3", "y = Gather<axis = 1>(z, d)"),
    "GatherND": ("3,1", "3", "3,5", "y = GatherND(z, d)"),
    "GatherND batches": ("4,1", "3", "4", "y = GatherND<batch_dims = 1>(z, d)"),
    "GatherElements": ("3,5", "3", "3,5", "y = GatherElements<axis = 0>(z, d)"),
    "ScatterND": ("3,1", "3,5", "4,5", "y = ScatterND(z, d, u)"),
    "ScatterND add": ("3,1", "3,5", "4,5", 'y = ScatterND<reduction = "add">(z, d, u)'),
    "ScatterND max": ("3,1", "3,5", "4,5", 'y = ScatterND<reduction = "max">(z, d, u)'),
    "ScatterElements": ("3,5", "3,5", "4,5", "y = ScatterElements<axis = 0>(z, d, u)"),
    "OneHot": ("3", "3", "3,4", "y = OneHot(d, depth, values)"),
}
D = np.array([-1, -4, 2])


def model_of(name: str) -> Model:
    """Return the model of a case."""
    shape, updates, result, op = CASES[name]
    constants: dict[str, Any] = {
        "table": np.arange(20, dtype=np.float32).reshape(4, 5),
        "depth": np.array(4),
        "values": np.array([0, 1], np.float32),
        "u3": np.ones(1, np.float32),
    }
    used = {k: v for k, v in constants.items() if k in op}
    return parse(TEXT.format(shape=shape, updates=updates, result=result, op=op), **used)


def feeds_of(model: Model) -> dict[str, Array]:
    """Return feeds for which the difference of the indices is D along the first axis."""
    rng = np.random.default_rng(0)
    shapes = {v.name or "": tuple(int(d) for d in v.shape or ()) for v in model.graph.inputs}
    feeds = {
        k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items() if k in ("x", "u")
    }
    counted = shapes["i"]
    rows = np.resize(D, counted[0]).reshape(-1, *[1] * (len(counted) - 1))
    start = rng.integers(5, 9, counted)
    return feeds | {"i": start + rows, "j": start}


@pytest.mark.parametrize("name", CASES)
def test_tflite(name: str) -> None:
    model = model_of(name)
    feeds = feeds_of(model)
    expected = oracle(model, feeds)
    compare(expected, emit_flow(model, feeds)[0])


@pytest.mark.parametrize("name", CASES)
def test_core_ml(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our evaluator counts from the end too, so it is told not to."""
    counting = gathering.checked

    def strict(indices: Array, size: int) -> Array:
        assert indices.min() >= 0
        return counting(indices, size)

    model = model_of(name)
    feeds = feeds_of(model)
    path = tmp_path / "m.onnx"
    save(model, path)
    out = str(tmp_path / "m.mlpackage")
    mmc.compile(path, target="ane_ios18", output=out, precision="float32", verify=False)
    monkeypatch.setattr(gathering, "checked", strict)
    compare(oracle(model, feeds), run(out, feeds))


SIGNS = {
    "y = Sub(i, j)": True,
    "y = Add(i, five)": True,
    "a = Abs(i) y = Add(a, five)": False,
    "a = Abs(i) y = Add(a, j)": True,
    "a = Abs(i) y = Mul(a, minus)": True,
    "y = Mod(i, five)": False,
    "y = Mod<fmod = 1>(i, five)": True,
    "y = BitwiseAnd(i, five)": False,
    "y = Clip(i, five)": False,
    "y = Clip(i, , five)": True,
    "y = Max(i, five)": False,
    "a = Max(i, j) y = Identity(a)": True,
    "a = Less(i, zero) b = Add(i, five) y = Where(a, b, i)": False,
    "a = Less(i, zero) b = Add(i, minus) y = Where(a, b, i)": True,
    "a = Less(i, five) b = Add(i, five) y = Where(a, b, i)": True,
    "a = Less(i, zero) y = Where(a, five, j)": True,
    "a = Less(i, j) b = Cast<to = 7>(a) axis = Cast<to = 7>(zero) y = CumSum(b, axis)": False,
    "v, y = TopK(i, five)": False,
    "y, v = TopK(i, five)": True,
}


@pytest.mark.parametrize("body", SIGNS)
def test_signs(body: str) -> None:
    constants = {"five": np.array([5]), "zero": np.array([0]), "minus": np.array([-5])}
    used = {k: v for k, v in constants.items() if k in body}
    model = parse(
        f"""<ir_version: 13, opset_import: ["" : 25]>
        g (int64[8] i, int64[8] j) => (int64[n] y) {{ {body} }}""",
        **used,
    )
    assert may_be_negative(model.graph.outputs[0]) is SIGNS[body]


def test_a_long_chain_of_sums_is_read_once() -> None:
    steps = " ".join(f"v{k + 1} = Add(v{k}, v{k})" for k in range(3000))
    model = parse(
        f"""<ir_version: 13, opset_import: ["" : 25]>
        g (int64[8] i) => (int64[8] y) {{ v0 = Abs(i) {steps} y = Identity(v3000) }}"""
    )
    assert not may_be_negative(model.graph.outputs[0])


TOKENS = """<ir_version: 13, opset_import: ["" : 25]>
g (int64[2,3] i) => (float[2,3,8] y) { y = Gather(table, i) }"""


def tokens_model() -> Model:
    """Return a model that looks inputs up in a constant table."""
    table = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    return parse(TOKENS, table=table)


def test_token_numbers_are_looked_up_as_they_are_on_an_npu(tmp_path: Path) -> None:
    model = tokens_model()
    feeds = {"i": np.array([[0, 1, 2], [3, 3, 0]])}
    found, codes = emit_flow(model, feeds, "hexagon_v73")
    compare(oracle(model, feeds), found)
    assert "SELECT_V2" not in codes


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_a_processor_takes_token_numbers_below_zero(weights: str, tmp_path: Path) -> None:
    feeds = {"i": np.array([[0, -1, -4], [3, 3, -2]])}
    path, out = tmp_path / "m.onnx", tmp_path / "m.tflite"
    save(tokens_model(), path)
    report = mmc.compile(path, target="cpu", output=out, weights=weights, inputs=feeds)
    assert not [d for d in report.diagnostics if d.severity == "error"]
    expected, found = oracle(tokens_model(), feeds)["y"], mmc.run(out, feeds)["y"]
    step = np.abs(expected).max() / 127 if weights == "int8" else 0
    np.testing.assert_allclose(found, expected, atol=step / 2 * 1.01)
