"""Optionals whose presence the graph alone decides are tensors, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from lowering import emit_flow, feeds_for
from onnx import helper

from mmc.ir import load
from mmc.verification.reference import run

SHAPE = [2, 3]
TENSOR = helper.make_tensor_type_proto(1, SHAPE)
GIVEN = helper.make_node("Optional", ["r"], ["o"])
NOTHING = helper.make_node("Optional", [], ["o"], type=TENSOR)
SAME = helper.make_node("Identity", ["o"], ["p"])
FLAG = helper.make_node("Cast", ["b"], ["f"], to=1)


def asks(value: str) -> onnx.NodeProto:
    """Return a node that says whether a value is there."""
    return helper.make_node("OptionalHasElement", [value] if value else [], ["b"])


def takes(value: str) -> onnx.NodeProto:
    """Return a node that takes a value out."""
    return helper.make_node("OptionalGetElement", [value], ["c"])


def chosen(value: str) -> list[onnx.NodeProto]:
    """Return the nodes that take a value if it is there, else another."""
    result = [helper.make_tensor_value_info("t", 1, SHAPE)]
    inner = helper.make_node("OptionalGetElement", [value], ["t"])
    some = helper.make_graph([inner], "some", [], result)
    none = helper.make_graph([helper.make_node("Neg", ["x"], ["t"])], "none", [], result)
    return [asks(value), helper.make_node("If", ["b"], ["y"], then_branch=some, else_branch=none)]


CASES = {
    "an input is there": [asks("x"), FLAG, helper.make_node("Add", ["x", "f"], ["y"])],
    "an input is what is taken": [takes("x"), helper.make_node("Abs", ["c"], ["y"])],
    "nothing is asked for": [asks(""), FLAG, helper.make_node("Add", ["x", "f"], ["y"])],
    "a value is there": [
        *(GIVEN, asks("o"), takes("o"), FLAG),
        helper.make_node("Add", ["c", "f"], ["y"]),
    ],
    "a copy is there": [
        *(GIVEN, SAME, asks("p"), takes("p"), FLAG),
        helper.make_node("Add", ["c", "f"], ["y"]),
    ],
    "a sequence is there": [
        helper.make_node("SequenceConstruct", ["x"], ["s"]),
        helper.make_node("Optional", ["s"], ["o"]),
        *(asks("o"), takes("o"), FLAG),
        helper.make_node("ConcatFromSequence", ["c"], ["d"], axis=0),
        helper.make_node("Add", ["d", "f"], ["y"]),
    ],
    "it is chosen": [GIVEN, *chosen("o")],
    "a copy is chosen": [GIVEN, SAME, *chosen("p")],
    "it is not there": [NOTHING, *chosen("o")],
    "a copy is not there": [NOTHING, SAME, *chosen("p")],
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_there_is_known(name: str, tmp_path: Path) -> None:
    first = [helper.make_node("Relu", ["x"], ["r"])] * (GIVEN in CASES[name])
    ends = [[helper.make_tensor_value_info(n, 1, SHAPE)] for n in ("x", "y")]
    graph = helper.make_graph([*first, *CASES[name]], "g", *ends)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    model = load(path)
    feeds = feeds_for(model)
    made, _ = emit_flow(model, feeds, "cpu")
    assert (made["y"] == run(path, feeds)["y"]).all()
