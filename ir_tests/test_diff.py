"""`mmc diff`: edits that were made on purpose are what is found, in every pair of formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import golden_models
from mmc.cli import main
from mmc.debugging.alignment import align
from mmc.debugging.model_diff import diff
from mmc.ir import load, parse, print_ir, save
from mmc.structure import read_structure, structure_of

PNET = golden_models.path("mtcnn_pnet")
RNET = golden_models.path("mtcnn_rnet")


@pytest.fixture(scope="module")
def feeds() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).standard_normal((1, 3, 60, 80)).astype(np.float32)}


def edited(tmp_path: Path, edit: Callable[[onnx.GraphProto], None]) -> Path:
    model = onnx.load(PNET)
    edit(model.graph)
    onnx.save(model, tmp_path / "edited.onnx")
    return tmp_path / "edited.onnx"


def test_a_model_equals_itself_in_every_spelling(
    tmp_path: Path, feeds: dict[str, np.ndarray]
) -> None:
    text = tmp_path / "m.ir"
    text.write_text(print_ir(load(PNET), digests=True))

    def anonymous(graph: onnx.GraphProto) -> None:
        names = {n: f"t{i}" for i, node in enumerate(graph.node) for n in node.output}
        kept = {o.name for o in graph.output}
        for i, node in enumerate(graph.node):
            node.name = f"node{i}"
            for field in (node.input, node.output):
                field[:] = [n if n in kept else names.get(n, n) for n in field]

    other = edited(tmp_path, anonymous)
    for a, b in ((PNET, PNET), (PNET, text), (text, PNET), (PNET, other)):
        assert not diff(a, b).changes
    found = diff(PNET, other, feeds)
    assert not found.differs
    assert len(found.tensors) == len(onnx.load(PNET).graph.node)


def test_every_edit_is_found(tmp_path: Path, feeds: dict[str, np.ndarray]) -> None:
    def edit(graph: onnx.GraphProto) -> None:
        softmax = next(n for n in graph.node if n.op_type == "Softmax")
        softmax.op_type = "LogSoftmax"
        weight = graph.initializer[0]
        array = numpy_helper.to_array(weight).copy()
        array.reshape(-1)[0] += np.float32(1e-3)
        weight.CopyFrom(numpy_helper.from_array(array, weight.name))
        last = graph.node[-1]
        graph.node.append(onnx.helper.make_node("Neg", [last.output[0]], ["extra"], "extra/Neg"))
        graph.output.append(onnx.ValueInfoProto(name="extra"))
        graph.output[-1].type.CopyFrom(graph.output[0].type)

    found = diff(PNET, edited(tmp_path, edit), feeds)
    changed = {c.before[0].split()[0]: c for c in found.changes if c.what == "changed"}
    assert set(changed) == {"Conv", "Softmax"}
    assert "constants" in changed["Conv"].details[0]
    assert changed["Softmax"].details[0] == "kind: Softmax -> LogSoftmax"
    assert [c.after for c in found.changes if c.what == "added"] == [["Neg 'extra/Neg'"]]
    levels = [t.comparison.level_db for t in found.tensors]
    assert levels == sorted(levels)
    assert found.tensors[0].sources


def test_a_change_of_operands_is_a_change(tmp_path: Path) -> None:
    """a - b is not b - a, though kind, attributes and constants are the same."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[2] x, float[2] z) => (float[2] y) { y = Sub (x, z) }"""
    paths = [tmp_path / name for name in ("a.onnx", "b.onnx")]
    for path, source in zip(paths, (text, text.replace("(x, z) }", "(z, x) }")), strict=True):
        onnx.save(onnx.parser.parse_model(source), path)
    (change,) = diff(*paths).changes
    assert change.details == ["operands: x, z -> z, x"]


def test_an_artifact_maps_to_the_users_nodes(
    tmp_path: Path, feeds: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, npz = tmp_path / "p.tflite", tmp_path / "x.npz"
    np.savez(npz, **feeds)
    shape = ["--input-shape", "x:1,3,60,80"]
    command = ["compile", str(PNET), "--target", "cpu", *shape, "-o", str(artifact), "--quiet"]
    assert main([*command, "--no-verify"]) == 0
    assert main(["diff", str(PNET), str(artifact), "--inputs", str(npz), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    nodes = {n.name for n in onnx.load(PNET).graph.node}
    used = {s for c in told["changes"] for s in c["sources"]}
    assert used == nodes
    assert told["schema"] == "mmc.diff/1"
    compared = {t["name"] for t in told["tensors"]}
    assert {o.name for o in onnx.load(PNET).graph.output} <= compared
    assert len(compared) > 5
    assert min(t["sqnr_db"] for t in told["tensors"]) > 80
    assert main(["diff", str(PNET), str(artifact)]) == 1
    text = capsys.readouterr().out
    assert "CONV_2D" in text
    assert "# /conv1/Conv" in text


def test_different_models_do_not_align_by_accident() -> None:
    a, b = load(PNET), load(RNET)
    groups = align(structure_of(a), structure_of(b))
    for side, count in (("before", len(a.graph)), ("after", len(b.graph))):
        members = [i for g in groups for i in getattr(g, side)]
        assert sorted(members) == list(range(count))
    assert all(g.change != "same" for g in groups)


def test_what_cannot_be_read_or_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good, npz = tmp_path / "bad.ir", tmp_path / "good.ir", tmp_path / "x.npz"
    bad.write_text("%0: float[1] = input\nhello\n")
    good.write_text(print_ir(load(PNET)))
    np.savez(npz, x=np.zeros(1, np.float32))
    for arguments, code in (
        ([str(bad), str(PNET)], "MMC123"),
        ([str(tmp_path / "none.ir"), str(PNET)], "MMC101"),
        ([str(good), str(PNET), "--inputs", str(npz)], "MMC003"),
        ([str(PNET), str(PNET), "--inputs", str(npz)], "MMC4"),
    ):
        assert main(["diff", *arguments]) == 2
        assert code in capsys.readouterr().err


def test_a_dump_with_branches_reads_back(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[2] x, bool c) => (float[2] y, float[2] z) {
        z = Clip (x, , high)
        y = If (c) <then_branch = t () => (float[2] o) { o = Neg (z) },
                    else_branch = e () => (float[2] p) { p = Identity (z) }>
    }"""
    dump = tmp_path / "m.ir"
    model = parse(text, high=np.array(6, np.float32))
    dump.write_text(print_ir(model, digests=True))
    found = read_structure(dump)
    assert [op.kind for op in found.ops] == ["Clip", "If"]
    assert found.ops[0].inputs == ("%0", "", "@0")
    assert "Neg" in found.ops[1].attributes
    assert len(found.outputs) == 2


def test_open_models_are_compared_at_the_shapes_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A symbol of one side only is no mistake: the other is fixed already."""
    path = golden_models.path("digits_vqa_text")
    fixed = tmp_path / "fixed.onnx"
    shapes = ["--dim", "batch=2", "--dim", "qlen=10"]
    assert main(["opt", str(path), *shapes, "--pipeline", "fold-constants", "-o", str(fixed)]) == 0
    inputs = tmp_path / "x.npz"
    np.savez(inputs, **golden_models.sample("digits_vqa_text"))
    words = ["diff", str(path), str(fixed), *shapes, "--inputs", str(inputs), "--json"]
    capsys.readouterr()
    assert main(words) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["same"] > 0
    assert not any("?" in str(change) for change in found["changes"])
    assert all(t["sqnr_db"] is None or t["sqnr_db"] > 80 for t in found["tensors"])
    assert main(["diff", str(path), str(fixed), "--dim", "nope=2"]) == 2
    assert "MMC117" in capsys.readouterr().err


def test_an_input_bound_to_a_constant_is_fed_to_the_model_that_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = parse(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[n] x, float k) => (float[n] y) { y = Mul(x, k) }"""
    )
    save(model, tmp_path / "a.onnx")
    np.savez(tmp_path / "x.npz", x=np.ones(3, np.float32))
    shapes = ["--dim", "n=3", "--const", "k=2"]
    assert main(["opt", str(tmp_path / "a.onnx"), *shapes, "-o", str(tmp_path / "b.onnx")]) == 0
    words = ["diff", str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx"), *shapes]
    capsys.readouterr()
    assert main([*words, "--inputs", str(tmp_path / "x.npz"), "--json"]) == 0
    (tensor,) = json.loads(capsys.readouterr().out)["tensors"]
    assert tensor["max_abs_error"] == 0
