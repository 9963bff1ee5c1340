"""`mmc reduce`: what is left still fails, is valid, small and always the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import golden_models
from mmc.cli import main
from mmc.debugging.reduction import Failure, reduce_model
from mmc.debugging.reduction_steps import PHASES, tidy, valid
from mmc.ir import parse, save
from mmc.shapes import infer

HAS = """import sys
model = open(sys.argv[1], "rb").read()
if sys.argv[2].encode() in model:
    sys.exit("found it")"""
"""Fails on models that hold the text."""

ONET = golden_models.path("mtcnn_onet")
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,8,16] x) => (float[4,8,16] y, float[4,8,16] z) {
        a = Relu (x)
        b = Add (a, w)
        c = Mul (b, a)
        d = Softplus (c)
        e = Abs (d)
        y = Neg (e)
        z = Sqrt (a)
    }"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    w = np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32)
    model = parse(TEXT, w=w)
    infer(model)
    save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def check(*words: str) -> list[str]:
    return ["--", sys.executable, "-c", HAS, "{}", *words]


def test_one_node_is_left(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.onnx"
    assert main(["reduce", str(path), "-o", str(out), *check("Softplus")]) == 0
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert [n.op_type for n in model.graph.node] == ["Softplus"]
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 1, 1]
    assert len(model.graph.output) == 1
    assert "7 -> 1 node," in capsys.readouterr().out
    again = tmp_path / "again.onnx"
    assert main(["reduce", str(path), "-o", str(again), "--quiet", *check("Softplus")]) == 0
    assert again.read_bytes() == out.read_bytes()


def test_weights_become_plain_and_shapes_fit_them(path: Path, tmp_path: Path) -> None:
    failure = Failure((sys.executable, "-c", HAS, "{}", "Add"))
    done = reduce_model(path, tmp_path / "r.onnx", failure)
    assert done.finished
    model = onnx.load(tmp_path / "r.onnx")
    assert [n.op_type for n in model.graph.node] == ["Add"]
    (weight,) = model.graph.initializer
    assert (onnx.numpy_helper.to_array(weight) == 1).all()


CODES = """import onnx, sys
kinds = {n.op_type for n in onnx.load(sys.argv[1]).graph.node}
if "Softplus" in kinds and "Mul" in kinds:
    sys.exit(7)
if "Sqrt" in kinds:
    print("root")
    sys.exit(8)"""


@pytest.mark.parametrize(
    ("options", "kinds"),
    [(["--exit-code", "7"], ["Mul", "Softplus"]), (["--text", "root"], ["Sqrt"])],
)
def test_it_does_not_slip_to_another_failure(
    path: Path, tmp_path: Path, options: list[str], kinds: list[str]
) -> None:
    out = tmp_path / "r.onnx"
    words = ["--", sys.executable, "-c", CODES, "{}"]
    if "root" in options:
        model = onnx.load(path)
        model.graph.output.remove(model.graph.output[0])
        onnx.save(tidy(model), path)
    assert main(["reduce", str(path), "-o", str(out), *options, *words]) == 0
    assert [n.op_type for n in onnx.load(out).graph.node] == kinds


OPEN = golden_models.path("digits_vqa_text")


def test_open_dimensions_are_bound_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.onnx"
    words = ["reduce", str(OPEN), "-o", str(out), *check("Erf")]
    shapes = ["--dim", "batch=2", "--input-shape", "input_ids:2,10"]
    assert main([*words[:2], *shapes, *words[2:]]) == 0
    model = onnx.load(out)
    assert [n.op_type for n in model.graph.node] == ["Erf"]
    assert model.opset_import[0].version == onnx.load(OPEN).opset_import[0].version
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 1, 1]
    out.unlink()
    for wrong, code in ((["--dim", "nope=2"], "MMC117"), (["--dim", "batch=2"], "MMC115")):
        assert main([*words[:2], *wrong, *words[2:]]) == 2
        assert code in capsys.readouterr().err
        assert not out.exists()


def long_chain(tmp_path: Path, length: int, special: int) -> Path:
    nodes = [
        onnx.helper.make_node("Softplus" if i == special else "Abs", [f"t{i}"], [f"t{i + 1}"])
        for i in range(length)
    ]
    ends = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1])
        for name in ("t0", f"t{length}")
    )
    graph = onnx.helper.make_graph(nodes, "chain", [next(ends)], [next(ends)])
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), tmp_path / "chain.onnx")
    return tmp_path / "chain.onnx"


@pytest.mark.parametrize("special", [0, 150, 299])
def test_the_ends_of_a_long_model_go_by_bisection(
    tmp_path: Path, special: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failure, "happens", lambda self, path: b"Softplus" in path.read_bytes())
    failure = Failure(("check", "{}"))
    done = reduce_model(long_chain(tmp_path, 300, special), tmp_path / "r.onnx", failure)
    assert done.finished
    assert done.nodes == 1
    assert done.tries <= 1 + 2 * 9 + 3, "the whole, two bisections of 300, and what is left"


def test_wrong_checks(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.onnx"
    for words in (check("Softmax"), ["--", "true"], [], ["--", "/no/such/check", "{}"]):
        assert main(["reduce", str(path), "-o", str(out), *words]) == 2
        assert "MMC010" in capsys.readouterr().err
        assert not out.exists()


def test_the_time_limit_keeps_what_was_reached(path: Path, tmp_path: Path) -> None:
    failure = Failure((sys.executable, "-c", HAS, "{}", "Softplus"))
    done = reduce_model(path, tmp_path / "r.onnx", failure, seconds=0)
    assert not done.finished
    assert "Softplus" in {n.op_type for n in onnx.load(tmp_path / "r.onnx").graph.node}


@pytest.mark.parametrize("phase", range(len(PHASES)))
def test_every_step_makes_valid_models_of_a_real_one(phase: int) -> None:
    model = onnx.load(ONET)
    count = PHASES[phase].units(model)
    tried = 0
    for places in (
        range(count),
        range(count // 2),
        range(count // 2, count),
        range(count - 1, count),
    ):
        candidate = PHASES[phase].apply(model, places) if places else None
        if candidate is not None:
            tried += valid(tidy(candidate))
    assert tried
    assert valid(model)
