"""Outputs that join boxes in pixels with scores: each part keeps steps of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from mmc.integers.kept_float import KEPT_FLOAT, LAST, UNEVEN
from mmc.ir import Array, Model, parse, save
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.result import CompileResult
from mmc.shapes import infer

HEAD = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,16,6,6] x) => (float[1,{rows},36] y) {{
    f = Conv <kernel_shape: ints = [1, 1]> (x, w)
    box = Conv <kernel_shape: ints = [1, 1]> (f, u)
    class = Conv <kernel_shape: ints = [1, 1]> (f, v)
    score = Sigmoid (class)
    {ending}
}}"""
FLAT = "b = Reshape (box, four) s = Reshape (score, eight) y = Concat <axis: int = 1> (b, s)"
LEVELS = """
    both = Concat <axis: int = 1> (box, score)
    turned = Transpose <perm: ints = [0, 2, 3, 1]> (both)
    rows = Reshape (turned, cells)
    y = Concat <axis: int = 1> (rows, rows)"""
"""Each level joins its own, and levels are joined then, as in YOLOv5."""
BOXES, SCORES = 4, 8


def constants(reach: float) -> dict[str, Array]:
    """Return weights by which boxes reach so far."""
    return {
        "w": normal(16, 16, 1, 1) / 4,
        "u": normal(BOXES, 16, 1, 1, seed=1) * np.float32(reach / 12),
        "v": normal(SCORES, 16, 1, 1, seed=2) / 2,
        "four": np.array([1, BOXES, 36]),
        "eight": np.array([1, SCORES, 36]),
        "m": normal(12, 12, seed=4) / 3,
        "cells": np.array([1, 36, BOXES + SCORES]),
    }


def head(ending: str, reach: float) -> Model:
    """Return a detector's head whose boxes reach so far."""
    text = HEAD.format(rows=12, ending=ending)
    if ending is LEVELS:
        text = text.replace("[1,12,36]", "[1,72,12]")
    used = {k: a for k, a in constants(reach).items() if k in ending or k in ("wuv")}
    model = parse(text, **used)
    infer(model)
    return model


def data(folder: Path) -> Path:
    """Write inputs to calibrate on."""
    np.savez(folder / "d.npz", x=normal(16, 1, 16, 6, 6, seed=9))
    return folder / "d.npz"


def decibels(expected: Array, found: Array) -> tuple[float, float]:
    """Return the signal to noise of boxes and of scores."""
    axis = expected.shape.index(BOXES + SCORES)
    parts = (np.split(a.astype(np.float64), [BOXES], axis) for a in (expected, found))
    pairs = zip(*parts, strict=True)
    box, score = (10 * np.log10((e**2).sum() / ((f - e) ** 2).sum()) for e, f in pairs)
    return float(box), float(score)


def compiled(model: Model, folder: Path, activations: str, **options: Any) -> CompileResult:
    save(model, folder / "m.onnx")
    return mmc.compile(
        folder / "m.onnx",
        output=folder / "m.tflite",
        weights="int8",
        activations=activations,
        calibration=data(folder),
        **options,
    )


def joins(model: Model, folder: Path, bits: int = 8) -> dict[str, str]:
    """Return why joins and moves stay float, by what they make, once activations are codes."""
    QuantizeWeights(bits=8, sensitive_bits=8, small=True).run(model)
    QuantizeActivations(bits=bits, calibration=str(data(folder)), parts=True).run(model)
    kept = {n.outputs[0].name or "": n.metadata_props.get(KEPT_FLOAT, "") for n in model.graph}
    return {name: why for name, why in kept.items() if why}


@pytest.mark.parametrize("ending", [FLAT, LEVELS], ids=["flat", "levels"])
@pytest.mark.parametrize(("activations", "least"), [("int8", 25.0), ("int16", 45.0)])
def test_scores_have_steps_beside_boxes(
    ending: str, activations: str, least: float, tmp_path: Path
) -> None:
    """With one scale for all the scores are 0 to 8 bits (0 dB), and some 20 steps to 16."""
    model = head(ending, 640)
    feeds = {"x": normal(1, 16, 6, 6, seed=3)}
    expected = oracle(model, feeds)["y"]
    made = compiled(model, tmp_path, activations, target="hexagon_v73")
    box, score = decibels(expected, mmc.run(made.artifact, feeds)["y"])
    assert box > least
    assert score > least
    assert UNEVEN in {kept.why for kept in made.kept_float}


def test_the_onnx_form_keeps_them_as_well(tmp_path: Path) -> None:
    model = head(FLAT, 640)
    save(model, tmp_path / "m.onnx")
    made = tmp_path / "q.onnx"
    mmc.quantize(tmp_path / "m.onnx", output=made, activations="int16", calibration=data(tmp_path))
    feeds = {"x": normal(1, 16, 6, 6, seed=3)}
    _, score = decibels(oracle(model, feeds)["y"], mmc.run(made, feeds)["y"])
    assert score > 45


def test_what_moves_them_behind_stays_float_too(tmp_path: Path) -> None:
    kept = joins(head(LEVELS, 640), tmp_path)
    assert kept == dict.fromkeys(["both", "turned", "rows", "y"], UNEVEN)


@pytest.mark.parametrize(
    ("ending", "reach", "bits"),
    [
        (FLAT, 1, 8),  # parts of one range
        (FLAT, 8, 16),  # of 16 bits enough are left
        (FLAT.replace("score, eight", "none, eight"), 640, 8),  # zeros are codes of any scale
    ],
)
def test_even_parts_are_codes(ending: str, reach: float, bits: int, tmp_path: Path) -> None:
    if "none" in ending:
        ending = "zero = Sub (score, score) none = Relu (zero) " + ending
    assert joins(head(ending, reach), tmp_path, bits) == {}


def test_parts_that_a_layer_reads_are_codes(tmp_path: Path) -> None:
    """A layer adds them up: there the error of the whole counts, which is the islands' matter."""
    ending = FLAT.replace("y =", "c =") + " d = Transpose <perm: ints = [0, 2, 1]> (c)"
    model = head(ending + " e = MatMul (d, m) y = Transpose <perm: ints = [0, 2, 1]> (e)", 640)
    assert joins(model, tmp_path) == {}


@pytest.mark.parametrize("ending", [FLAT, LEVELS], ids=["flat", "levels"])
def test_a_processor_computes_the_scores_on_floats(ending: str, tmp_path: Path) -> None:
    """They leave as floats: steps of 1/256 would be most of the error of small ones."""
    made = compiled(head(ending, 640), tmp_path, "int8", target="cpu")
    assert {k.why for k in made.kept_float if k.op == "Sigmoid"} == {LAST}


def test_codes_are_asked_for(tmp_path: Path) -> None:
    """Outputs that are codes have one scale; v68 does not compile every float operator."""
    model = head(FLAT, 640)
    for options in ({"target": "hexagon_v73", "io_dtype": "int8"}, {"target": "hexagon_v68"}):
        made = compiled(model, tmp_path, "int8", **options)
        assert UNEVEN not in {kept.why for kept in made.kept_float}
