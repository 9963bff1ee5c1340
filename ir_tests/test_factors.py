"""Results that are next to nothing beside what they are made of stay float, and artifacts run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import compile_on
from ir_tests.lowering import oracle
from ir_tests.own_grids import HEAD, KINDS, compiled, grid, types_of
from mmc.integers.kept_float import STEEP
from mmc.ir import Array, parse, save

# Each gives a result that is all zeros, or 1e-20, on inputs that are not.
CANCELLING: dict[str, tuple[str, dict[str, Array]]] = {
    "Add": ("y = Add(x, z)", {}),
    "Sub": ("n = Neg(z) y = Sub(x, n)", {}),
    "Mul": ("a = Relu(x) b = Relu(z) y = Mul(a, b)", {}),
    "Linear": ("y = MatMul(s, w)", {"w": np.array([[1.0], [1.0]], np.float32)}),
}


@pytest.mark.parametrize("small", [0.0, 1e-20])
@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
@pytest.mark.parametrize("op", CANCELLING)
def test_a_result_that_cancels_stays_float(
    op: str, target: str, activations: str, small: float, tmp_path: Path
) -> None:
    """LiteRT ended the process, did not load the file, or computed what wraps around."""
    body, arrays = CANCELLING[op]
    joined = "s = Concat<axis = 1>(x, z)" if op == "Linear" else ""
    shapes = "float[64,1] x, float[64,1] z) => (float[64,1] y"
    model = parse(f"{HEAD}g ({shapes}) {{ {joined} {body} }}", **arrays)
    x = normal(4, 64, 1)
    save(model, tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=x, z=np.float32(small) - x)
    result = mmc.compile(
        tmp_path / "m.onnx",
        target=target,
        output=tmp_path / "m.tflite",
        weights="int8",
        activations=activations,
        calibration=tmp_path / "d.npz",
        verify=False,
    )
    feeds = {"x": x[0], "z": normal(64, 1, seed=1)}  # where nothing cancels
    expected, actual = oracle(model, feeds)["y"], mmc.run(result.artifact, feeds)["y"]
    if STEEP in {one.why for one in result.kept_float}:
        step = np.abs(x).max() / (127 if activations == "int8" else 32767)
        assert np.abs(expected - actual).max() <= 4 * step
    else:  # a small weight is float for a processor anyway
        assert (op, target) == ("Linear", "cpu")
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


OWN = {
    "Add": ("y0 = Add(a, b)", "x, z"),
    "MatMul": ("y0 = MatMul(a, b)", "x, z"),
    "Relu": ("y0 = LeakyRelu<alpha = 0.5>(a)", "x"),
}


@pytest.mark.parametrize(("factor", "integer"), [(100.0, True), (200.0, False), (1e9, False)])
@pytest.mark.parametrize("kind", ["int8", "int16"])
@pytest.mark.parametrize("op", OWN)
def test_a_kernel_multiplies_by_so_much(
    op: str, kind: str, factor: float, integer: bool, tmp_path: Path
) -> None:
    """On either side of the limit the artifact is the model, to one step of the result."""
    body, given = OWN[op]
    step = {"int8": 2.0**-5, "int16": 2.0**-13}[kind]
    sums = step * step if op == "MatMul" else step
    grids = " ".join(
        grid(n, of, "s", "zero") for n, of in zip("ab", given.split(", "), strict=False)
    )
    inputs = ", ".join(f"float[8,8] {name}" for name in given.split(", "))
    text = (
        f"{HEAD}g ({inputs}) => (float[8,8] y) {{ {grids} {body} {grid('y', 'y0', 'o', 'zero')} }}"
    )
    numbers = {"s": np.float32(step), "o": np.float32(sums / factor), "zero": KINDS[kind](0)}
    model = parse(text, **numbers)
    result = compiled(model, tmp_path, verify=False)
    wanted = "INT8" if kind == "int8" else "INT16"
    code = {"Add": "ADD", "MatMul": "BATCH_MATMUL", "Relu": "LEAKY_RELU"}[op]
    assert ((code, wanted) in types_of(result)) == integer
    assert any(one.why == STEEP for one in result.kept_float) == (not integer)
    few = np.zeros((8, 8), np.float32)
    few[0, 0] = step  # one step of the input: what fits into the result's codes, or saturates it
    feeds = {"x": few, "z": few * (-1 if op == "MatMul" else 0)}
    feeds = {name: feeds[name] for name in given.split(", ")}
    expected, actual = oracle(model, feeds)["y"], mmc.run(result.artifact, feeds)["y"]
    assert np.abs(expected - actual).max() <= 1.01 * sums / factor


@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_a_bias_without_a_result_stays_float(target: str, activations: str, tmp_path: Path) -> None:
    """A bias has no codes where all that its layer reads and makes is 0: LiteRT did not load it."""
    arrays = {n: normal(64, 64, seed=i) / 8 for i, n in enumerate("uvw")}
    arrays |= {n: np.full(64, v, np.float32) for n, v in (("b", -99), ("c", -0.4), ("d", 0.3))}
    model = parse(
        f"""{HEAD}g (float[2,64] x) => (float[2,64] y) {{
            e = Gemm(x, u, b) f = Relu(e) g = Gemm(f, v, c) h = Relu(g) y = Gemm(h, w, d) }}""",
        **arrays,
    )
    options = {"target": target, "activations": activations, "weights": "int8"}
    result = compile_on(tmp_path, model, {"x": normal(8, 2, 64)}, **options)
    assert STEEP in {one.why for one in result.kept_float}
    feeds = {"x": normal(2, 64, seed=9)}
    np.testing.assert_allclose(mmc.run(result.artifact, feeds)["y"], 0.3, rtol=0.01)
