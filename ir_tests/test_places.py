"""Drawn inputs that say where to write: no two entries meet, also where the graph hides it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from mmc.ir import Model, parse, save
from mmc.passes.note_places import NotePlaces
from mmc.verification.casting import Array
from mmc.verification.inputs import draw_inputs
from mmc.verification.places import NOTE, noted

HEADER = '<ir_version: 10, opset_import: ["" : 21]>'
ELEMENTS = f"""{HEADER}
g (float[3,6] x, int64[3,4] i, float[3,4] u) => (float[3,6] y) {{
    y = ScatterElements <axis = 1, reduction: string = "NONE"> (x, i, u)
}}"""
ROWS = f"""{HEADER}
g (float[1,3,4,8] x, int64[9,3] i, float[9,8] u) => (float[1,3,4,8] y) {{
    y = ScatterND (x, i, u)
}}"""
CACHE = f"""{HEADER}
g (float[1,2,8,4] past, int64[4] positions, float[1,2,4,4] u) => (float[1,2,8,4] y) {{
    heads = Constant <value = int64[2,4,1] {{0,0,0,0,1,1,1,1}}> ()
    front = Constant <value = int64[2,4,1] {{0,0,0,0,0,0,0,0}}> ()
    shape = Constant <value = int64[3] {{2,4,1}}> ()
    last = Constant <value = int64[1] {{1}}> ()
    column = Unsqueeze (positions, last)
    here = Expand (column, shape)
    rows = Concat <axis = -1> (front, heads, here)
    new = Squeeze (u)
    y = ScatterND (past, rows, new)
}}"""


def elements(reduction: str) -> Model:
    return parse(ELEMENTS.replace("NONE", reduction))


def different_along(drawn: Array, axis: int) -> bool:
    ordered = np.sort(drawn, axis)
    return bool((np.diff(ordered, axis=axis) > 0).all())


@pytest.mark.parametrize("seed", range(5))
def test_elements_differ_along_the_axis(seed: int) -> None:
    drawn = draw_inputs(elements("none"), seed)["i"]
    assert different_along(drawn, 1)
    assert 0 <= drawn.min() <= drawn.max() < 6


def test_what_is_added_may_meet() -> None:
    assert not all(different_along(draw_inputs(elements("add"), seed)["i"], 1) for seed in range(5))


@pytest.mark.parametrize("seed", range(5))
def test_rows_differ_and_reach_every_extent(seed: int) -> None:
    drawn = draw_inputs(parse(ROWS), seed)["i"]
    assert len({*map(tuple, drawn.tolist())}) == 9
    assert (drawn.min(0) >= 0).all()
    assert (drawn < [1, 3, 4]).all()
    assert (drawn.max(0)[1:] > [1, 1]).all()


@pytest.mark.parametrize("seed", range(5))
def test_what_becomes_a_column_of_rows_has_the_limit_of_that_column(seed: int) -> None:
    drawn = draw_inputs(parse(CACHE), seed)["positions"]
    assert len({*drawn.tolist()}) == 4
    assert 0 <= drawn.min() <= drawn.max() < 8


def test_more_entries_than_places_are_drawn_in_range() -> None:
    text = ELEMENTS.replace("NONE", "none").replace("[3,4]", "[3,7]")
    drawn = draw_inputs(parse(text), 0)["i"]
    assert drawn.shape == (3, 7)
    assert drawn.max() < 6


def test_a_note_is_made_once_and_read_back() -> None:
    model = parse(ROWS)
    assert NotePlaces().run(model) == 1
    assert NotePlaces().run(model) == 0
    places = {v.name: noted(v) for v in model.graph.inputs}
    assert places["x"] is None
    assert places["i"] is not None
    assert places["i"].extents == (1, 3, 4)
    assert NOTE in model.graph.inputs[1].metadata_props


@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
@pytest.mark.parametrize("text", [ELEMENTS.replace("NONE", "none"), ROWS, CACHE])
def test_scatters_at_inputs_are_verified(text: str, target: str, tmp_path: Path) -> None:
    save(parse(text), tmp_path / "m.onnx")
    artifact = tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage")
    made = mmc.compile(tmp_path / "m.onnx", target=target, output=artifact)
    assert made.verification is not None
    assert made.verification.passed
