"""Packages for several sizes: what they declare, what they compute at each, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import mmc
from ir_tests.coreml_oracle import operations, reread, spec_of
from mmc.arguments import flexible_dim
from mmc.backends.coreml.backend import CoremlBackend
from mmc.backends.coreml.run import run
from mmc.cli import main
from mmc.diagnostics import EmitError, LegalityError, UsageError
from mmc.flexible import Sizes, declared, patterns, spread
from mmc.ir import Array
from mmc.options import Picture
from mmc.verification.reference import run as reference

RNG = np.random.default_rng(0)
NETWORK = """<ir_version: 9, opset_import: ["" : 17]>
g (float[n,3,h,w] x) => (float[n,4] scores, float[n,4,r] rows, float last) {
    c = Conv<pads=[1,1,1,1], strides=[2,2]>(x, weight)
    r4 = Relu(c)
    p = GlobalAveragePool(r4)
    scores = Flatten(p)
    s = Shape<start=0, end=2>(r4)
    minus = Constant<value_ints=[-1]>()
    to = Concat<axis=0>(s, minus)
    rows = Reshape(r4, to)
    two = Constant<value_ints=[-2]>()
    end = Constant<value_ints=[9223372036854775807]>()
    axis = Constant<value_ints=[3]>()
    edge = Slice(r4, two, end, axis)
    last = ReduceMax<keepdims=0>(edge)
}"""


def saved(path: Path, text: str = NETWORK, **weights: Array) -> Path:
    """Write a model."""
    model = onnx.parser.parse_model(text)
    for name, data in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(data, name))
    onnx.save(model, path)
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Return a model that is flexible in batch, height and width."""
    weight = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
    return saved(tmp_path / "net.onnx", weight=weight)


def compiled(model: Path, dim: dict[str, Any], target: str = "ane_ios18", **more: Any) -> Path:
    """Compile at several sizes without verification; float32, so that numbers can be compared."""
    out = model.with_name("net.mlpackage")
    options = {"precision": "float32", "verify": False} | more
    mmc.compile(model, target=target, output=out, dim=dim, **options)
    return out


def check_sizes(model: Path, package: Path, sizes: list[tuple[int, ...]]) -> None:
    """Compare package and model at sizes of the input x."""
    for size in sizes:
        x = RNG.standard_normal(size).astype(np.float32)
        wanted = reference(model, {"x": x})
        found = run(package, {"x": x})
        for name, array in wanted.items():
            assert found[name].shape == array.shape
            np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5)


def test_a_range_takes_every_size_between(network: Path) -> None:
    package = compiled(network, {"n": range(1, 5), "h": range(8, 33), "w": range(6, 41)})
    check_sizes(network, package, [(1, 3, 8, 6), (3, 3, 9, 31), (2, 3, 32, 10), (4, 3, 17, 40)])
    (given,) = spec_of(package).description.input
    ranges = given.type.multiArrayType.shapeRange.sizeRanges
    assert [(r.lowerBound, r.upperBound) for r in ranges] == [(1, 4), (3, 3), (8, 32), (6, 40)]
    assert list(given.type.multiArrayType.shape) == [1, 3, 8, 6]
    kinds = [op.op_type for op in operations(reread(package))]
    assert "shape" not in kinds, "nothing is computed from shapes at run time"
    with pytest.raises(EmitError, match=r"MMC403(.|\n)*takes"):
        run(package, {"x": np.zeros((5, 3, 8, 6), np.float32)})


def test_listed_sizes_are_declared_one_by_one(network: Path) -> None:
    package = compiled(network, {"n": 1, "h": [16, 24, 8], "w": [16, 8, 24]})
    check_sizes(network, package, [(1, 3, 16, 16), (1, 3, 24, 8), (1, 3, 8, 24)])
    (given,) = spec_of(package).description.input
    shapes = given.type.multiArrayType.enumeratedShapes.shapes
    assert [list(s.shape) for s in shapes] == [[1, 3, 16, 16], [1, 3, 24, 8], [1, 3, 8, 24]]
    assert list(given.type.multiArrayType.shape) == [1, 3, 16, 16]
    reread(package)
    with pytest.raises(EmitError, match="MMC403"):
        run(package, {"x": np.zeros((1, 3, 24, 24), np.float32)})


@pytest.mark.parametrize("ranged", [True, False])
def test_pictures_have_sizes_too(network: Path, ranged: bool) -> None:
    dim: dict[str, Any] = {"h": range(8, 17), "w": range(8, 25)}
    dim = dim if ranged else {"h": [8, 16], "w": [8, 24]}
    package = compiled(network, {"n": 1, **dim}, pictures={"x": Picture("RGB", 1 / 255)})
    (given,) = spec_of(package).description.input
    picture = given.type.imageType
    if ranged:
        found = picture.imageSizeRange
        assert (found.heightRange.upperBound, found.widthRange.upperBound) == (16, 24)
    else:
        assert [(s.height, s.width) for s in picture.enumeratedSizes.sizes] == [(8, 8), (16, 24)]
    pixels = RNG.integers(0, 256, (1, 3, 16, 24), np.uint8)
    wanted = reference(network, {"x": pixels.astype(np.float32) / 255})
    np.testing.assert_allclose(run(package, {"x": pixels})["scores"], wanted["scores"], rtol=1e-4)
    with pytest.raises(EmitError, match="MMC403"):
        run(package, {"x": np.zeros((1, 3, 7, 8), np.uint8)})


def test_the_command_line_verifies_every_size(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = network.with_name("net.mlpackage")
    words = ["compile", str(network), "--target", "ane_ios16", "-o", str(out), "--no-cache"]
    assert main([*words, "--dim", "n=1,3", "--input-shape", "x:1,3,8,8"]) == 2
    assert "MMC116" in capsys.readouterr().err, "a shape that contradicts"
    assert main([*words, "--dim", "n=1,3", "--dim", "h=8", "--dim", "w=8"]) == 0
    assert "verified: 1; 3" in capsys.readouterr().out
    assert main(["show", str(out), "--deploy", "--json"]) == 0
    assert '"shapes"' in capsys.readouterr().out
    assert main(["check", str(out), "--target", "ane_ios16"]) == 0
    capsys.readouterr()
    assert main([*words, "--dim", "n=1..3", "--dim", "h=8", "--dim", "w=8", "--require-npu"]) == 1
    assert "MMC228" in capsys.readouterr().err


def test_a_wrong_program_for_other_sizes_is_found(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(self: Any, programs: Any, shapes: Any, *, ranged: bool) -> Any:
        return programs[0]

    monkeypatch.setattr(CoremlBackend, "generalize", first)
    with pytest.raises(mmc.diagnostics.MmcError, match=r"MMC41[03]"):
        compiled(network, {"n": [1, 2], "h": 8, "w": 8}, verify=True)


REPEATED = """<ir_version: 9, opset_import: ["" : 17]>
g (float[n,3,4] x) => (float[n,6,4] y, float[n,2,4] z, float[n,2] c) {
    zero = Constant<value_ints=[0]>()
    one = Constant<value_ints=[1]>()
    shape = Shape(x)
    size = Slice(shape, zero, one)
    two = Constant<value_ints=[2,4]>()
    many = Concat<axis=0>(size, one4)
    class = Expand(token, many)
    wide = Concat<axis=0>(size, two)
    boxes = Expand(detection, wide)
    y = Concat<axis=1>(class, x, boxes)
    part = Slice(x, zero, one, one)
    queries = Expand(table, wide)
    z = Add(part, queries)
    pair = Concat<axis=0>(size, one2)
    c = Expand(fixed, pair)
}"""


def test_what_is_repeated_to_the_batch_follows_it(tmp_path: Path) -> None:
    numbers = {"token": (1, 1, 4), "table": (1, 2, 4), "fixed": (1, 2), "detection": (1, 2, 4)}
    weights: dict[str, Array] = {
        k: RNG.standard_normal(v).astype(np.float32) for k, v in numbers.items()
    }
    weights |= {"one4": np.array([1, 4]), "one2": np.array([2])}
    model = saved(tmp_path / "net.onnx", REPEATED, **weights)
    for sizes in (range(1, 5), [1, 2, 4]):
        package = compiled(model, {"n": sizes})
        check_sizes(model, package, [(1, 3, 4), (2, 3, 4), (4, 3, 4)])
        kinds = [op.op_type for op in operations(reread(package))]
        assert "shape" not in kinds, "the engine has no such operator"


ADDED = """<ir_version: 9, opset_import: ["" : 17]>
g (float[n,s] x) => (float[n,s] y) {
    shape = Shape(x)
    ones = Expand(one, shape)
    sums = CumSum<reverse=1>(ones, axis)
    y = Add(x, sums)
}"""
TWO = """<ir_version: 9, opset_import: ["" : 17]>
g (float[n,4] x, float[n,4] z) => (float[n,4] y) { y = Add(x, z) }"""


def test_what_no_one_program_can_be_is_refused_by_name(tmp_path: Path) -> None:
    one, axis = np.ones(1, np.float32), np.array(1)
    model = saved(tmp_path / "net.onnx", ADDED, one=one, axis=axis)
    with pytest.raises(LegalityError, match=r"MMC229(.|\n)*depends on the size"):
        compiled(model, {"n": 1, "s": [4, 8]})


def test_several_inputs_list_their_shapes_from_ios_18_on(tmp_path: Path) -> None:
    model = saved(tmp_path / "net.onnx", TWO)
    with pytest.raises(LegalityError, match=r"MMC229(.|\n)*iOS 18"):
        compiled(model, {"n": [1, 2]}, "ane_ios17")
    compiled(model, {"n": [1, 2]}, "ane_ios18")
    compiled(model, {"n": range(1, 3)}, "ane_ios17")


def test_other_targets_have_one_size(network: Path) -> None:
    with pytest.raises(UsageError, match="MMC011"):
        mmc.compile(network, target="cpu", dim={"n": [1, 2], "h": 8, "w": 8})


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("n=3", 3),
        ("a=b=1..4", Sizes((1, 4), ranged=True)),
        ("n=4,1,2", Sizes((4, 1, 2))),
    ],
)
def test_sizes_are_read(text: str, sizes: Any) -> None:
    assert flexible_dim(text)[1] == sizes


@pytest.mark.parametrize("text", ["n=4..1", "n=1..", "n=0,1", "n=1,1", "=1,2", "n=1,x", "n=2..2"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="MMC005"):
        flexible_dim(text)


def test_which_sizes_are_tried() -> None:
    assert declared({"n": Sizes((1, 9), ranged=True)}) == [{"n": 1}, {"n": 5}, {"n": 9}]
    many = declared({"n": Sizes(tuple(range(1, 101)))})
    few = spread(many)
    assert (few[0], few[-1], len(few)) == ({"n": 1}, {"n": 100}, 6)
    assert list(patterns([{"n": 1}])) == [{"n": 2}, {"n": 3}]
    assert list(patterns([{"n": 1}, {"n": 4}])) == [{"n": 4}, {"n": 5}]
    with pytest.raises(UsageError, match="MMC005"):
        declared({"n": Sizes((1, 2)), "m": Sizes((1, 2, 3))})


CHOSEN = """<ir_version: 9, opset_import: ["" : 17]>
g (float[n,3] x) => (float[n,3] y) {
    zero = Constant<value_ints=[0]>()
    one = Constant<value_ints=[1]>()
    two = Constant<value_ints=[2]>()
    shape = Shape(x)
    size = Slice(shape, zero, one)
    small = Equal(size, two)
    a = Exp(x)
    y = If (small) <
        then_branch = low () => (float[n,3] b) { b = Relu(a) },
        else_branch = high () => (float[n,3] c) { c = Tanh(a) }
    >
}"""


def test_the_first_operator_that_is_another_one_is_named(tmp_path: Path) -> None:
    model = saved(tmp_path / "net.onnx", CHOSEN)
    with pytest.raises(LegalityError, match=r"MMC229\S* (relu|tanh) .*is (tanh|relu) at another"):
        compiled(model, {"n": [2, 4]})
