"""Opt-in passes that change the numbers: by how much, and that the command says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmc.cli import main
from mmc.diagnostics import UsageError
from mmc.ir import Array, Model, parse, print_ir, save
from mmc.pass_manager import Contract, Pass
from mmc.passes.recognize import Recognize
from mmc.passes.substitute_gelu import SubstituteGelu
from mmc.passes.substitute_silu import SubstituteSilu
from mmc.shapes import infer

X = np.linspace(-10, 10, 4001).astype(np.float32)


def model_of(body: str) -> Model:
    """Return a model of one function of X."""
    head = f'<ir_version: 13, opset_import: ["" : 25]> g (float[{X.size}] x) => (float[{X.size}] y)'
    model = parse(f"{head} {{ {body} }}")
    infer(model)
    return model


def value(model: Model, folder: Path) -> Array:
    """Run the model on X in ONNX Runtime."""
    import onnxruntime as ort

    save(model, folder / "m.onnx")
    session = ort.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": X})[0])


SILU = "s = Sigmoid(x) y = Mul(x, s)"


@pytest.mark.parametrize(
    ("body", "p", "least", "most"),
    [
        ("y = Gelu(x)", SubstituteGelu(), 1e-4, 5e-4),
        ("y = Gelu(x)", SubstituteGelu(form="sigmoid"), 0.01, 0.021),
        ("y = Gelu(x)", SubstituteGelu(form="hard-swish"), 0.05, 0.07),
        (SILU, SubstituteSilu(), 0.1, 0.15),
    ],
    ids=str,
)
def test_the_error_is_what_the_pass_says(
    body: str, p: Pass, least: float, most: float, tmp_path: Path
) -> None:
    model = model_of(body)
    reference = value(model, tmp_path)
    assert p.contract is Contract.LOSSY
    assert p.run(model) == 1
    error = np.abs(value(model, tmp_path) - reference).max()
    assert least < error <= most
    assert p.run(model) == 0


def test_a_recognized_silu_is_replaced_too() -> None:
    model = model_of(SILU)
    assert Recognize().run(model) == 1
    assert SubstituteSilu().run(model) == 1
    assert [node.op_type for node in model.graph] == ["HardSwish"]


@pytest.mark.parametrize(
    ("body", "p"),
    [
        ('y = Gelu<approximate = "tanh">(x)', SubstituteGelu()),
        ("y = Swish<alpha = 2.0>(x)", SubstituteSilu()),
        ("s = Sigmoid(x) t = Relu(x) y = Mul(t, s)", SubstituteSilu()),
    ],
)
def test_other_functions_stay(body: str, p: Pass) -> None:
    model = model_of(body)
    before = print_ir(model)
    assert p.run(model) == 0
    assert print_ir(model) == before


def test_unknown_form() -> None:
    with pytest.raises(UsageError, match=r"MMC191.*no form 'cubic'"):
        SubstituteGelu(form="cubic").run(model_of("y = Gelu(x)"))


def test_the_command_reports_the_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(model_of("y = Gelu(x)"), tmp_path / "m.onnx")
    command = ["opt", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "o.onnx"), "-p"]
    assert main([*command, "substitute-gelu{form=sigmoid}"]) == 0
    said = capsys.readouterr().out
    assert "substitute-gelu{form=sigmoid}: 1 change, SQNR " in said
    decibels = float(said.partition("SQNR ")[2].partition(" dB")[0])
    assert 25 < decibels < 60
