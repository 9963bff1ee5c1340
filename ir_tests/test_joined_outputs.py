"""Outputs that are joined: where their parts begin, and what is said of a part that is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from ir_tests.test_uneven_parts import FLAT, compiled, data, head
from mmc.ir import parse, save
from mmc.joined_outputs import cuts_of, parted, parts_of, save_by_parts
from mmc.shapes import infer

HEADER = '<ir_version: 10, opset_import: ["" : 21]> '


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        ("g (float[1,4,6] a, float[1,2,6] b) => (float[1,6,6] y) "
         "{ y = Concat <axis: int = 1> (a, b) }", {-2: (4,)}),
        ("g (float[1,4,6] a, float[1,2,6] b) => (float[1,6,6] y) { c = Concat <axis: int = 1> "
         "(a, b) y = Transpose <perm: ints = [0, 2, 1]> (c) }", {-1: (4,)}),
        ("g (float[1,2,3,4] a, float[1,2,3,1] b, float[1,5,5] c) => (float[1,11,5] y) { "
         "d = Concat <axis: int = 3> (a, b) s = Constant <value_ints: ints = [1, 6, 5]> () "
         "e = Reshape (d, s) y = Concat <axis: int = 1> (e, c) }", {-2: (6,), -1: (4,)}),
        ("g (float[1,4,6] a, float[1,2,6] b) => (float[1,6,6] y) "
         "{ c = Concat <axis: int = 1> (a, b) y = Relu (c) }", None),
        ("g (float[1,4,6] a, float[1,2,6] b) => (float[36] y) { c = Concat <axis: int = 1> (a, b) "
         "s = Constant <value_ints: ints = [36]> () y = Reshape (c, s) }", None),
    ],
    ids=["joined", "turned", "levels", "computed", "flattened"],
)  # fmt: skip
def test_parts_are_found_behind_moves(text: str, cuts: dict[int, tuple[int, ...]] | None) -> None:
    model = parse(HEADER + text)
    infer(model)
    assert cuts_of(model) == ({} if cuts is None else {"y": cuts})


def test_a_value_that_is_joined_with_itself_many_times_is_of_one_piece() -> None:
    """26 Concats, each of one value twice: by every way there would be 2^26 parts."""
    steps = [f"v{i + 1} = Concat <axis: int = {i % 2}> (v{i}, v{i})" for i in range(26)]
    text = (
        "g (float[1,1] v0) => (float[8192,8192] y) { " + " ".join(steps) + " y = Identity (v26) }"
    )
    model = parse(HEADER + text)
    infer(model)
    assert cuts_of(model) == {}


def test_parts_are_named_and_cut() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    found = dict(parts_of("y", array, {-2: (1,), -1: (3,)}))
    assert [*found] == ["y[...,0:1,0:3]", "y[...,0:1,3:4]", "y[...,1:3,0:3]", "y[...,1:3,3:4]"]
    np.testing.assert_array_equal(found["y[...,1:3,3:4]"], array[:, 1:, 3:])
    assert sum(part.size for part in found.values()) == array.size


def test_outputs_of_one_piece_stay() -> None:
    outputs = {"y": normal(2, 6), "z": normal(2, 3)}
    assert [*parted(outputs, {"y": {-1: (4,)}})] == ["y[...,0:4]", "y[...,4:6]", "z"]


def test_a_model_with_its_parts_as_outputs(tmp_path: Path) -> None:
    model = parse(
        HEADER + "g (float[1,2,3,4] a, float[1,2,3,1] b, float[1,5,5] c) => (float[1,11,5] y, "
        "float[1,5,5] z) { d = Concat <axis: int = 3> (a, b) z = Relu (c) "
        "s = Constant <value_ints: ints = [1, 6, 5]> () e = Reshape (d, s) "
        "y = Concat <axis: int = 1> (e, c) }"
    )
    infer(model)
    feeds = {"a": normal(1, 2, 3, 4), "b": normal(1, 2, 3, 1, seed=1), "c": normal(1, 5, 5, seed=2)}
    expected = oracle(model, feeds)
    save_by_parts(model, tmp_path / "m.onnx")
    found = [*oracle(onnx.load(tmp_path / "m.onnx"), feeds).values()]
    wanted = [*parted(expected, cuts_of(model)).values()]
    assert [f.shape for f in found] == [(1, 6, 4), (1, 6, 1), (1, 5, 4), (1, 5, 1), (1, 5, 5)]
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)


def test_a_lost_part_is_told(tmp_path: Path) -> None:
    """v68 has no floats to join the parts with."""
    found = compiled(head(FLAT, 640), tmp_path, "int8", target="hexagon_v68")
    (told,) = [d for d in found.diagnostics if d.code == "MMC425"]
    assert "y[...,4:12,:]" in told.what
    kept = compiled(head(FLAT, 640), tmp_path, "int8", target="hexagon_v73")
    assert "MMC425" not in {d.code for d in kept.diagnostics}


def test_a_proxy_counts_parts(tmp_path: Path) -> None:
    """Of the whole the scores that are lost are less than a millionth."""
    save(head(FLAT, 640), tmp_path / "m.onnx")
    np.savez(tmp_path / "e.npz", x=normal(8, 1, 16, 6, 6, seed=5))
    found = mmc.compile(
        tmp_path / "m.onnx",
        target="hexagon_v68",
        output=tmp_path / "m.tflite",
        weights="int8",
        activations="int8",
        calibration=data(tmp_path),
        evaluation=tmp_path / "e.npz",
        metric="sqnr",
    )
    assert found.evaluation is not None
    assert found.evaluation.drop_percent > 40
