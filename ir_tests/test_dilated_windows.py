"""Dilated windows with auto_pad, which ONNX Runtime refuses: against kernels with their gaps in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import mmc
from mmc.diagnostics import LegalityError
from mmc.ir import attrs, load
from mmc.verification.reference import run

RNG = np.random.default_rng(0)


def saved(path: Path, node: onnx.NodeProto, x: list[int | str], w: tuple[int, ...]) -> Path:
    """Write a model of one node over x and a kernel."""
    ends = [helper.make_tensor_value_info("x", 1, x), helper.make_tensor_value_info("y", 1, None)]
    kernel = numpy_helper.from_array(RNG.standard_normal(w).astype(np.float32), "w")
    graph = helper.make_graph([node], "g", [ends[0]], [ends[1]], [kernel])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def with_gaps(path: Path, out: Path) -> Path:
    """Write the model whose kernel has zeros where the convolution has its gaps."""
    model = onnx.load(path)
    (node,), (kernel,) = model.graph.node, model.graph.initializer
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    rows, columns = given.pop("dilations")
    w = numpy_helper.to_array(kernel)
    wide = np.zeros(
        (*w.shape[:2], (w.shape[2] - 1) * rows + 1, (w.shape[3] - 1) * columns + 1), "f"
    )
    wide[:, :, ::rows, ::columns] = w
    kernel.CopyFrom(numpy_helper.from_array(wide, "w"))
    node.CopyFrom(helper.make_node("Conv", ["x", "w"], ["y"], **given))
    onnx.save(model, out)
    return out


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(
    ("strides", "dilations"), [([1, 1], [2, 2]), ([2, 2], [2, 3]), ([3, 1], [1, 4])]
)
def test_a_dilated_convolution(
    mode: str, strides: list[int], dilations: list[int], tmp_path: Path
) -> None:
    given = {"auto_pad": mode, "strides": strides, "dilations": dilations}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **given)
    path = saved(tmp_path / "m.onnx", node, [1, 3, 9, 10], (4, 3, 3, 2))
    result = mmc.compile(path, target="cpu", output=tmp_path / "m.tflite")
    assert [d.code for d in result.diagnostics] == ["MMC415"]
    x = RNG.standard_normal((1, 3, 9, 10)).astype(np.float32)
    (expected,) = run(with_gaps(path, tmp_path / "gaps.onnx"), {"x": x}).values()
    made = mmc.run(tmp_path / "m.tflite", {"x": x})["y"]
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() <= 8 * np.finfo(np.float32).eps * np.sqrt(18) * 4


@pytest.mark.parametrize(
    ("stride", "shape", "written"),
    [(1, [1, 3, "length"], True), (2, [1, 3, "length"], False), (2, ["batch", 3, 8], True)],
)
def test_pads_that_a_size_decides_wait_for_it(
    stride: int, shape: list[int | str], written: bool, tmp_path: Path
) -> None:
    given = {"auto_pad": "SAME_UPPER", "strides": [stride], "dilations": [2]}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **given)
    path = saved(tmp_path / "m.onnx", node, shape, (4, 3, 3))
    (found,) = load(path).graph
    assert (attrs(found)["auto_pad"] == "NOTSET") is written
    if written:
        assert attrs(found)["pads"] == ((2, 2) if stride == 1 else (1, 2))


def test_pads_of_sizes_bound_later_are_verified(tmp_path: Path) -> None:
    given = {"auto_pad": "SAME_LOWER", "strides": [2, 2], "dilations": [2, 2]}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **given)
    path = saved(tmp_path / "m.onnx", node, [1, 3, "height", "width"], (4, 3, 3, 2))
    made = mmc.compile(
        path, target="cpu", output=tmp_path / "m.tflite", dim={"height": 9, "width": 10}
    )
    assert [d.code for d in made.diagnostics] == ["MMC415"]
    assert made.verification is not None
    assert made.verification.reference == "the original model as loaded by mmc"


def test_a_dilated_pool_is_refused_as_runtimes_differ(tmp_path: Path) -> None:
    given = {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3], "dilations": [2, 2]}
    node = helper.make_node("MaxPool", ["x"], ["y"], **given)
    path = saved(tmp_path / "m.onnx", node, [1, 3, 9, 10], (1,))
    with pytest.raises(LegalityError, match="differ on the size of a dilated SAME pool"):
        mmc.compile(path, target="cpu", output=tmp_path / "m.tflite")
