"""Hostile files end well: the first cases of benchmarks/fuzz_files.py, and what it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from mmc.backends.base import artifact_path
from mmc.compiler import compile_model
from mmc.diagnostics import MmcError
from mmc.options import CompileOptions
from mmc.target import load_target

ROOT = Path(__file__).parent.parent
HEAD = '<ir_version: 8, opset_import: ["" : 17]> '


def refused(model: onnx.ModelProto, tmp_path: Path, target: str) -> str:
    """Compile what must be refused; return the code."""
    path = tmp_path / "m.onnx"
    out = tmp_path / artifact_path(path, load_target(target))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(MmcError) as caught:
        compile_model(path, target, out, CompileOptions(verify=False))
    assert not out.exists()
    return caught.value.diagnostics[0].code


@pytest.mark.slow
def test_every_kind_of_damage_ends_well(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz_files.py"), "--cases", "96"]
    command += ["--rows", str(tmp_path / "rows.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("target", ["hexagon_v73", "ane_ios18"])
@pytest.mark.parametrize(
    "body",
    [
        "b = ConstantOfShape(n)",
        "o = Constant<value=float {1.0}>() b = Expand(o, n)",
        "o = Constant<value=float[2,2] {1, 2, 3, 4}>() b = Tile(o, n)",
    ],
)
def test_a_result_that_no_memory_holds_is_refused(body: str, target: str, tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[1] x) => (float[u, v] y) {{
        n = Constant<value=int64[2] {{1099511627776, 1099511627776}}>() {body} y = Mul(x, b) }}"""
    assert refused(parser.parse_model(text), tmp_path, target) in ("MMC109", "MMC114", "MMC201")


def test_a_result_beyond_32_bits_is_named(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[2] x) => (float[u, v] y) {{
        n = Constant<value=int64[2] {{2147483648, 2}}>() y = Expand(x, n) }}"""
    assert refused(parser.parse_model(text), tmp_path, "ane_ios18") == "MMC109"


def test_numbers_that_are_too_many_for_their_shape(tmp_path: Path) -> None:
    model = parser.parse_model(f"{HEAD} g (float[3] x) => (float[3] y) {{ y = Mul(x, w) }}")
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [3], np.ones(3)))
    model.graph.initializer[0].float_data.append(1.0)
    assert refused(model, tmp_path, "cpu") == "MMC105"


def test_a_weight_with_a_0_and_a_dimension_beyond_32_bits(tmp_path: Path) -> None:
    model = parser.parse_model(f"{HEAD} g (float[3] x) => (float[3] y) {{ y = Mul(x, w) }}")
    model.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[2**40, 0]))
    assert refused(model, tmp_path, "cpu") == "MMC105"


def test_an_output_that_says_another_shape_than_its_operands_give(tmp_path: Path) -> None:
    text = f"{HEAD} g (float[2,3] x, float[2,4] z) => (float[2,4] y) {{ y = Add(x, z) }}"
    assert refused(parser.parse_model(text), tmp_path, "ane_ios18") == "MMC114"


def test_an_input_of_no_type(tmp_path: Path) -> None:
    model = parser.parse_model(f"{HEAD} g (float[3] x) => (float[3] y) {{ y = Relu(x) }}")
    model.graph.input[0].type.tensor_type.elem_type = 0
    assert refused(model, tmp_path, "cpu") in ("MMC105", "MMC112")


def test_codes_that_are_no_integers(tmp_path: Path) -> None:
    text = f"{HEAD} g (float[3] x) => (float[3] y) {{ q = QuantizeLinear(x, c, c) y = Tanh(q) }}"
    model = parser.parse_model(text)
    model.graph.initializer.append(helper.make_tensor("c", TensorProto.FLOAT, [], [0.5]))
    assert refused(model, tmp_path, "hexagon_v73") == "MMC201"
