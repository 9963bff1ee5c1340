"""The LSTM of integer products computes what ONNX Runtime's own kernel does, also once unrolled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contrib_cases import Case, c, case, f, u
from test_contrib import build, close

import mmc
from mmc.diagnostics import ModelError
from mmc.ir import load, save
from mmc.verification.reference import run

STEPS, WIDTH, HIDDEN = 5, 6, 4


def lstm(directions: int = 1, batch: int = 1, state: bool = True, **options: Any) -> Case:
    """Return a case; options: per_column, bias, kind (of the codes) and attributes."""
    columns = (4 * HIDDEN,) if options.pop("per_column", False) else ()
    kind, bias = options.pop("kind", np.int8), options.pop("bias", True)
    first = f(directions, batch, HIDDEN) if state else None
    scales = [np.abs(f(directions, *columns)) / 100 + np.float32(0.01) for _ in range(2)]
    zeros = [np.full(s.shape, 0 if kind is np.int8 else 120, kind) for s in scales]
    return case(
        "DynamicQuantizeLSTM",
        f(STEPS, batch, WIDTH),
        c(u(directions, WIDTH, 4 * HIDDEN, kind=kind)),
        c(u(directions, HIDDEN, 4 * HIDDEN, kind=kind)),
        c(f(directions, 8 * HIDDEN)) if bias else None,
        None,
        first,
        first,
        None,
        c(scales[0]),
        c(zeros[0]),
        c(scales[1]),
        c(zeros[1]),
        outputs=(0, 1, 2),
        hidden_size=HIDDEN,
        **options,
    )


CASES = {
    "forward": lstm(),
    "reverse": lstm(direction="reverse"),
    "bidirectional": lstm(2, direction="bidirectional"),
    "batch without states": lstm(batch=3, state=False),
    "per column, unsigned": lstm(kind=np.uint8, per_column=True),
    "no bias": lstm(2, direction="bidirectional", bias=False, state=False),
}


@pytest.mark.parametrize("name", CASES)
def test_expansion(name: str, tmp_path: Path) -> None:
    feeds = build(CASES[name], tmp_path / "m.onnx")
    expected = run(tmp_path / "m.onnx", feeds, threads=1)  # else it quantizes a batch in parts
    save(load(tmp_path / "m.onnx"), tmp_path / "expanded.onnx")
    actual = run(tmp_path / "expanded.onnx", feeds)
    for key, y in expected.items():
        assert y.shape == actual[key].shape
        close(y, actual[key])


def test_it_compiles(tmp_path: Path) -> None:
    build(CASES["bidirectional"], tmp_path / "m.onnx")
    found = mmc.compile(tmp_path / "m.onnx", target="hexagon_v73", output=tmp_path / "m.tflite")
    assert found.verification is not None
    assert not found.verification.errors
    assert not {"WHILE", "SCAN"} & found.ops.keys()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"input_forget": 1}, "input_forget"),
        ({"clip": 1.0}, "clip"),
        ({"activations": ["Relu", "Tanh", "Tanh"]}, "Relu"),
    ],
)
def test_rare_forms_are_refused(options: dict[str, Any], why: str, tmp_path: Path) -> None:
    build(lstm(**options), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=why):
        load(tmp_path / "m.onnx")
