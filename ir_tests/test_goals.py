"""`--optimize` chooses among equivalent forms, and keeps what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmc.backends.base import load_backend
from mmc.backends.tflite.reader import read
from mmc.compiler import compile_model
from mmc.goals import GOALS
from mmc.growth import check_growth
from mmc.ir import Array, constant, load, parse, save
from mmc.options import CompileOptions
from mmc.pattern import Builder, NoMatch, apply_rules, rules_of
from mmc.target import load_target
from mmc.verification.execute import execute

RNG = np.random.default_rng(4)
HEAD = '<ir_version: 13, opset_import: ["" : 25]>\n'


def f(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def shared_weight(tmp_path: Path) -> Path:
    """A large weight that two scaled convolutions share, and a table that a Tile repeats."""
    text = f"""{HEAD}g (float[1,8,16,16] x) => (float[1,32,16,16] y) {{
        a = Conv(x, w)  b = Mul(a, s)  z = Sigmoid(x)  c = Conv(z, w)  d = Mul(c, t)
        n = Tile(k, repeats)  e = Add(b, d)  y = Add(e, n) }}"""
    text = text.replace(
        "z = Sigmoid(x)  c = Conv(z, w)  d = Mul(c, t)",
        "z = Sigmoid(x)  c = Conv(z, w)  d = Mul(c, t)",
    )
    path = tmp_path / "shared.onnx"
    weights = {"w": f(32, 8, 1, 1), "s": f(1, 32, 1, 1), "t": f(1, 32, 1, 1), "k": f(1, 1, 16, 16)}
    save(parse(text, **weights, repeats=np.array([1, 32, 1, 1])), path)
    return path


def offset_input(tmp_path: Path) -> Path:
    """An input far from zero, normalized before a convolution: its bias would nearly cancel."""
    text = f"""{HEAD}g (float[1,8,16,16] x) => (float[1,4,16,16] y) {{
        b = BatchNormalization(x, gamma, beta, mean, variance)  y = Conv(b, w) }}"""
    path = tmp_path / "offset.onnx"
    ones = np.ones(8, np.float32)
    weights = {"gamma": ones, "beta": 0 * ones, "mean": 300 * ones, "variance": ones}
    save(parse(text, **weights, w=f(4, 8, 1, 1)), path)
    return path


def compiled(path: Path, goal: str, inputs: dict[str, Array] | None = None) -> Path:
    options = CompileOptions(optimize=goal, inputs=inputs)
    return compile_model(path, "cpu", path.with_suffix(f".{goal}.tflite"), options).artifact


def test_size_stores_less(tmp_path: Path) -> None:
    path = shared_weight(tmp_path)
    sizes = {goal: compiled(path, goal).stat().st_size for goal in GOALS}
    assert sizes["size"] < sizes["latency"] - 10_000
    assert sizes["size"] <= sizes["accuracy"]


def test_accuracy_rounds_less(tmp_path: Path) -> None:
    path = offset_input(tmp_path)
    x = f(1, 8, 16, 16).astype(np.float64) + 300
    feeds = {"x": x.astype(np.float32)}
    weight = load(path).graph.initializers["w"].const_value
    assert weight is not None
    w = weight.numpy().astype(np.float64)
    centred = (feeds["x"].astype(np.float64) - 300) / np.sqrt(1 + 1e-5)
    exact = np.einsum("oc,nchw->nohw", w[:, :, 0, 0], centred)
    errors = {}
    for goal in GOALS:
        artifact = compiled(path, goal, feeds)
        found = execute("mmc.backends.tflite.run:run", artifact, feeds).outputs["y"]
        errors[goal] = np.abs(found - exact).max()
    assert errors["accuracy"] < 0.7 * errors["latency"]
    assert errors["accuracy"] <= errors["size"]


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_a_rewrite_that_grows_the_model_is_refused(tmp_path: Path, most: int) -> None:
    model = load(shared_weight(tmp_path))
    refused: list[str] = []
    made = apply_rules(
        model, rules_of("fuse"), lambda r, n, why: refused.append(why), max_growth_bytes=most
    )
    assert (made > 0) == (most > 0)
    assert any("bytes more" in why for why in refused) == (most == 0)


@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
@pytest.mark.parametrize("goal", GOALS)
def test_every_backend_takes_the_goal(target: str, goal: str) -> None:
    where = load_target(target)
    backend = load_backend(where.backend)(where, CompileOptions(optimize=goal))
    passes = [str(p) for phase in backend.phases() for p in phase.passes]
    assert str(GOALS[goal].fuse) in passes
    assert str(GOALS[goal].fold) in passes


@pytest.mark.parametrize("backend", ["tflite", "coreml"])
def test_lowerings_are_all_there_whichever_was_imported_first(backend: str) -> None:
    code = f"from mmc.backends.{backend}.emitter import LOWERINGS; print(LOWERINGS.ops())"
    first = f"import mmc.backends.{backend}.lowerings.slice; "
    found = [
        subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True).stdout
        for c in (code, first + code)
    ]
    assert found[0] == found[1]
    assert "Transpose" in found[0]


def test_size_counts_operators_and_stores_views_once(tmp_path: Path) -> None:
    """A merge that keeps a shared bias as it is frees an operator: there is nothing to save."""
    text = f"""{HEAD}g (float[1,16] x) => (float[1,16] y) {{
        a = MatMul(x, w)  b = Add(a, c)  r = Tanh(b)  d = MatMul(r, w)  y = Add(d, c) }}"""
    path = tmp_path / "steps.onnx"
    save(parse(text, w=f(16, 16), c=f(16)), path)
    sizes = {goal: compiled(path, goal).stat().st_size for goal in ("latency", "size")}
    assert sizes["size"] <= sizes["latency"]


def test_growth_is_what_is_not_stored_yet() -> None:
    text = f"{HEAD}g (float[2,8] x) => (float[2,8] y) {{ a = Add(x, c)  y = Mul(a, c) }}"
    model = parse(text, c=f(8))
    node, array = model.graph[0], constant(model.graph[0].inputs[1])
    assert array is not None
    view, other = Builder(), Builder()
    view.Add(node.inputs[0], array.reshape(1, 8))
    check_growth([node], view, 0)
    other.Add(node.inputs[0], 2 * array)
    with pytest.raises(NoMatch, match="32 bytes more"):
        check_growth([node], other, 31)
    check_growth([node], other, 32)


@pytest.mark.parametrize(("goal", "filters"), [("latency", 8), ("size", 1)])
def test_few_filters_become_many_where_size_is_not_the_goal(
    goal: str, filters: int, tmp_path: Path
) -> None:
    """A processor computes several places at once, with a larger weight."""
    text = "g (float[1,8,32,32] x) => (float[1,1,32,32] y) { y = Conv<pads = [2,2,2,2]>(x, w) }"
    save(parse(HEAD + text, w=f(1, 8, 5, 5)), tmp_path / "m.onnx")
    options = CompileOptions(optimize=goal)
    result = compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite", options)
    program = read(result.artifact)
    found = [op.inputs[1] for op in program.operators if op.code == "CONV_2D"]
    assert [program.tensors[index].shape[0] for index in found] == [filters]
