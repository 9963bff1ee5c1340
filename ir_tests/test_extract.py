"""`mmc extract`: the part computes what the whole computes there; wrong cuts are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import golden_models
from mmc.cli import main
from mmc.ir import parse, save
from mmc.shapes import infer
from mmc.verification.reference import run

PNET = golden_models.path("mtcnn_pnet")


def names(path: Path) -> list[str]:
    return [name for node in onnx.load(path).graph.node for name in node.output]


@pytest.mark.parametrize(("first", "last"), [(0, 4), (2, 6), (4, -1)])
def test_a_part_computes_what_the_whole_does(tmp_path: Path, first: int, last: int) -> None:
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 3, 60, 80)).astype(np.float32)}
    inner = names(PNET)
    begin, end = inner[first], inner[last]
    whole = run(PNET, feeds, values=[begin, end])
    out = tmp_path / "part.onnx"
    assert main(["extract", str(PNET), "--from", begin, "--to", end, "-o", str(out)]) == 0
    onnx.checker.check_model(onnx.load(out), full_check=True)
    part = run(out, {begin: whole[begin]})
    np.testing.assert_array_equal(part[end], whole[end])
    assert len(names(out)) < len(inner)


def test_the_defaults_are_the_models_own_ends(tmp_path: Path) -> None:
    out = tmp_path / "part.onnx"
    assert main(["extract", str(PNET), "--from", names(PNET)[3], "-o", str(out), "--quiet"]) == 0
    whole = onnx.load(PNET).graph
    assert [o.name for o in onnx.load(out).graph.output] == [o.name for o in whole.output]
    assert main(["extract", str(PNET), "--to", names(PNET)[3], "-o", str(out)]) == 0
    assert [i.name for i in onnx.load(out).graph.input] == [i.name for i in whole.input]


def test_a_tensor_may_be_given_as_mmc_show_numbers_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(PNET)]) == 0
    (line,) = (text for text in capsys.readouterr().out.splitlines() if "# /conv2/Conv" in text)
    out = tmp_path / "part.onnx"
    assert main(["extract", str(PNET), "--to", line.partition(":")[0], "-o", str(out)]) == 0
    (node,) = (n for n in onnx.load(PNET).graph.node if n.name == "/conv2/Conv")
    assert names(out)[-1] == node.output[0]
    assert main(["extract", str(PNET), "--to", "%999", "-o", str(out)]) == 2
    assert "MMC130" in capsys.readouterr().err


FORK = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[2,3] x, float[2,3] z, bool c) => (float[2,3] y) {
        a = Relu (x)
        b = Neg (z)
        s = Add (a, b)
        t = Mul (s, w)
        y = If (c) <then_branch = p () => (float[2,3] o) { o = Add (s, t) },
                    else_branch = q () => (float[2,3] r) { r = Identity (a) }>
    }"""


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    model = parse(FORK, w=np.ones((2, 3), np.float32))
    infer(model)
    save(model, tmp_path / "fork.onnx")
    return tmp_path / "fork.onnx"


def test_what_a_part_needs_beside_stays_an_input(tmp_path: Path, fork: Path) -> None:
    out = tmp_path / "part.onnx"
    assert main(["extract", str(fork), "--from", "a", "--to", "t", "s", "-o", str(out)]) == 0
    graph = onnx.load(out).graph
    assert [i.name for i in graph.input] == ["a", "z"]
    assert [o.name for o in graph.output] == ["t", "s"]
    assert main(["extract", str(fork), "--from", "s", "--from", "a", "-o", str(out)]) == 0
    assert [i.name for i in onnx.load(out).graph.input] == ["s", "a", "c"]
    onnx.checker.check_model(onnx.load(out), full_check=True)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--from", "aa"], "MMC130", "did you mean 'a'"),
        (["--to", "no/such/thing"], "MMC130", "mmc show"),
        (["--from", "t", "--to", "b"], "MMC131", "does not lead to the outputs"),
        (["--from", "w", "--to", "t"], "MMC131", "constant"),
        (["--from", "s", "--to", "s"], "MMC131", "no result"),
        (["--to", "z"], "MMC131", "no result"),
    ],
)
def test_wrong_cuts(
    tmp_path: Path,
    fork: Path,
    options: list[str],
    code: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "part.onnx"
    assert main(["extract", str(fork), *options, "-o", str(out)]) == 2
    text = capsys.readouterr().err
    assert code in text
    assert words in text
    assert not out.exists()


def test_a_node_is_not_a_tensor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = onnx.load(PNET).graph.node[0]
    out = str(tmp_path / "part.onnx")
    assert main(["extract", str(PNET), "--to", node.name, "-o", out]) == 2
    assert repr(node.output[0]) in capsys.readouterr().err


def test_what_no_target_has_is_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A classifier's probabilities, of which ONNX infers no type, before they are a ZipMap."""
    text = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>
    g (float[2,3] x) => (seq(map(int64, float)) z) {
        p = ai.onnx.ml.Normalizer <norm = "L1"> (x)
        z = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1, 2]> (p)
    }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    out = tmp_path / "part.onnx"
    assert main(["extract", str(tmp_path / "m.onnx"), "-o", str(out)]) == 2
    assert "mmc extract MODEL --to TENSOR" in capsys.readouterr().err
    assert main(["extract", str(tmp_path / "m.onnx"), "--to", "p", "-o", str(out)]) == 0
    x = np.array([[1, 2, 1], [-2, 0, 2]], np.float32)
    np.testing.assert_array_equal(run(out, {"x": x})["p"], x / 4)
