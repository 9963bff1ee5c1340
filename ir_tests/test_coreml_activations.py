"""`--activations int8` for Core ML: layers between `quantize` and `dequantize`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.compiling import compile_on
from ir_tests.coreml_oracle import operations, reread
from mmc.diagnostics import UsageError
from mmc.ir import Array, Model, parse

RNG = np.random.default_rng(11)
WEIGHT = RNG.integers(-127, 128, (64, 32)).astype(np.float32)
WEIGHT[0] = 127
"""A channel is a column, and has its largest number: 8 bits lose nothing of it."""
LINEAR = '<ir_version: 10, opset_import: ["" : 21]> g (float[4,64] x) => (float[4,32] y) {{ {} }}'
STEPS = np.float32(2) ** -RNG.integers(8, 12, 32).astype(np.float32)


def rounded(x: Array, low: float, high: float) -> Array:
    """Return numbers as 8-bit codes of a range with 0 in it hold them (ONNX QuantizeLinear)."""
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint(-128 - low / scale), -128, 127)
    return ((np.clip(np.rint(x / scale) + zero, -128, 127) - zero) * scale).astype(np.float32)


def linear() -> Model:
    """Return one layer whose weight 8 bits hold."""
    return parse(LINEAR.format("y = MatMul(x, w)"), w=WEIGHT * STEPS)


@pytest.mark.parametrize("target", ["ane_ios17", "ane_ios18"])
def test_a_layer_reads_and_makes_codes(target: str, tmp_path: Path) -> None:
    """The ranges are those of the data; numpy computes what the codes hold."""
    data = RNG.uniform(-1, 3, (16, 4, 64)).astype(np.float32)
    given = {"weights": "int8", "activations": "int8", "precision": "float32"}
    path = tmp_path / "m.mlpackage"
    made = compile_on(tmp_path, linear(), {"x": data}, target=target, output=path, **given)
    assert made.verification is not None
    assert made.verification.passed
    found = Counter(op.op_type for op in operations(reread(path)))
    assert found["quantize"] == found["dequantize"] == 2
    exact = data @ (WEIGHT * STEPS)
    read = rounded(data[3], data.min(), data.max())
    wanted = rounded(read @ (WEIGHT * STEPS), exact.min(), exact.max())
    step = (exact.max() - exact.min()) / 255
    off = np.abs(mmc.run(path, {"x": data[3]})["y"] - wanted) / step
    assert off.max() < 1.01  # a sum between two codes may go either way
    assert (off < 0.01).mean() > 0.9


NETWORK = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,3,16,16] x) => (float[1,10] y) {
    a = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(x, w1, b1)
    r = Relu(a)
    p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r)
    q = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(r)
    c = Concat<axis = 1>(p, q)
    d = Conv<group = 16, pads = [1, 1, 1, 1]>(c, w2)
    s = Sigmoid(d)
    e = Mul(d, s)
    f = Conv(e, w3)
    z = Add(f, c)
    m = GlobalAveragePool(z)
    v = Flatten(m)
    l = Gemm(v, w4, b4)
    y = Softmax(l)
}"""


def network() -> Model:
    """Return a small network with most of what computes on codes."""
    shapes = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (16, 1, 3, 3), "w3": (16, 16, 1, 1)}
    shapes |= {"w4": (16, 10), "b4": (10,)}
    rng = np.random.default_rng(0)
    made = {k: rng.normal(size=s) / max(1, np.prod(s[1:])) ** 0.5 for k, s in shapes.items()}
    return parse(NETWORK, **{k: a.astype(np.float32) for k, a in made.items()})


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_a_network_computes_on_codes(precision: str, tmp_path: Path) -> None:
    data = RNG.normal(size=(32, 1, 3, 16, 16)).astype(np.float32)
    path = tmp_path / "m.mlpackage"
    given = {"weights": "int8", "activations": "int8", "precision": precision}
    compile_on(tmp_path, network(), {"x": data}, target="ane_ios18", output=path, **given)
    kinds = Counter(op.op_type for op in operations(reread(path)))
    assert kinds["quantize"] >= 8
    assert kinds["conv"] == 3
    off = wanted = 0.0
    for x in RNG.normal(size=(4, 1, 3, 16, 16)).astype(np.float32):
        expected = mmc.run(tmp_path / "m.onnx", {"x": x})["y"]
        off += float(((mmc.run(path, {"x": x})["y"] - expected) ** 2).sum())
        wanted += float((expected**2).sum())
    assert wanted > 1e3 * off  # 30 dB: one tensor of 8 bits leaves some 40, these are ten


@pytest.mark.parametrize("size", [1e-3, 1e6])
@pytest.mark.parametrize(("precision", "count"), [("float16", 0), ("float32", 2)])
def test_what_float16_does_not_hold_stays_float(
    size: float, precision: str, count: int, tmp_path: Path
) -> None:
    """A step of 8e-6 is no normal float16, and neither is the end of a range of 1e6."""
    data = RNG.uniform(-1, 1, (16, 4, 64)).astype(np.float32) * np.float32(size)
    given = {"weights": "int8", "activations": "int8", "precision": precision, "verify": False}
    path = tmp_path / "m.mlpackage"
    compile_on(tmp_path, linear(), {"x": data}, target="ane_ios18", output=path, **given)
    assert Counter(op.op_type for op in operations(reread(path)))["quantize"] == count


def test_what_is_wrong_in_codes_is_no_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zero point that is one off shifts every number by a step: verification must see it."""
    from mmc.backends.coreml.lowerings import quantize

    right = quantize.scale_and_zero
    kinds = iter([0, 7] * 100)

    def shifted(e: object, n: object) -> object:
        found = right(e, n)  # type: ignore[arg-type]
        zero = np.asarray(-100 + next(kinds), np.int8)
        return found | {"zero_point": e.typed(zero, "int8")}  # type: ignore[attr-defined]

    monkeypatch.setattr(quantize, "scale_and_zero", shifted)
    data = RNG.normal(size=(8, 1, 3, 16, 16)).astype(np.float32)
    path = tmp_path / "m.mlpackage"
    given = {"weights": "int8", "activations": "int8", "target": "ane_ios18", "output": path}
    with pytest.raises(mmc.MmcError, match="MMC410"):
        compile_on(tmp_path, network(), {"x": data}, **given)
    assert not path.exists()


@pytest.mark.parametrize(
    ("target", "given", "code"),
    [
        ("ane_ios18", {"activations": "int16"}, "MMC011"),
        ("ane_ios16", {}, "MMC011"),
        ("ane_ios18", {"weights": "float16"}, "MMC305"),
        ("ane_ios18", {"calibration": ""}, "MMC305"),
    ],
)
def test_what_core_ml_has_no_codes_for(
    target: str, given: dict[str, str], code: str, tmp_path: Path
) -> None:
    options = {"weights": "int8", "activations": "int8", **given}
    data = RNG.normal(size=(8, 4, 64)).astype(np.float32)
    path = tmp_path / "m.mlpackage"
    with pytest.raises(UsageError, match=code):
        compile_on(tmp_path, linear(), {"x": data}, target=target, output=path, **options)
    assert not path.exists()


def test_codes_of_six_axes_stay_as_they_are(tmp_path: Path) -> None:
    """Windows, whose axes Core ML cannot count, are turned on codes: one scale knows no axes."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[64,64] x) => (float[64,32] y) {
        a = MatMul(x, w)
        six = Constant<value = int64[6] {1,8,8,4,4,2}>()
        two = Constant<value = int64[2] {64,32}>()
        b = Reshape(a, six)
        c = Transpose<perm = [0, 5, 1, 3, 2, 4]>(b)
        d = Reshape(c, two)
        y = MatMul(d, v)
    }"""
    model = parse(text, w=WEIGHT * STEPS, v=np.eye(32, dtype=np.float32))
    data = RNG.uniform(-1, 3, (8, 64, 64)).astype(np.float32)
    given = {"weights": "int8", "activations": "int8", "target": "ane_ios18"}
    path = tmp_path / "m.mlpackage"
    made = compile_on(tmp_path, model, {"x": data}, output=path, **given)
    assert made.verification is not None
    assert made.verification.passed
    assert not any(d.severity.name == "ERROR" for d in made.diagnostics)


@pytest.mark.parametrize(("target", "first"), [("ane_ios18", "int8"), ("ane_ios16", "float")])
def test_auto_tries_codes_where_they_are(target: str, first: str, tmp_path: Path) -> None:
    """Numbers that 8 bits hold lose nothing: what is tried first is taken."""
    data = RNG.uniform(-1, 3, (16, 4, 64)).astype(np.float32)
    output = tmp_path / "m.mlpackage"
    given = {"weights": "int8", "activations": "auto", "max_drop": "5%", "output": output}
    made = compile_on(tmp_path, linear(), {"x": data}, target=target, **given)
    assert made.search is not None
    assert made.search.chosen == f"int8 weights, {first} activations"
    assert [t.activations for t in made.search.trials] == [first]


@pytest.mark.parametrize(("end", "code"), [("MatMul(s, v)", "MMC410"), ("Relu(a)", "MMC412")])
def test_numbers_beyond_float16_are_told(end: str, code: str, tmp_path: Path) -> None:
    """Infinity is the largest code: what is made of it is wrong, and finite."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,64] x, float[4,32] z) => (float[4,32] y) {
        a = MatMul(x, w) s = Mul(a, z) y = END }"""
    text = text.replace("END", end)
    arrays = {"w": WEIGHT * STEPS} | ({"v": WEIGHT[:32] * STEPS} if "v" in end else {})
    data = {
        "x": RNG.uniform(0, 6e4, (16, 4, 64)).astype(np.float32),
        "z": RNG.uniform(0, 1e-4, (16, 4, 32)).astype(np.float32),
    }
    given = {"weights": "int8", "activations": "int8", "output": tmp_path / "m.mlpackage"}
    with pytest.raises(mmc.MmcError, match=code) as caught:
        compile_on(tmp_path, parse(text, **arrays), data, target="ane_ios18", **given)
    assert "float16 ends at 65504" in str(caught.value)
    assert "--precision float32" in str(caught.value)
