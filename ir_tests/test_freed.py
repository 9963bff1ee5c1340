"""What a compile lets go of, and what it must keep."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from mmc.backends.tflite.lower import lower
from mmc.compiler import compile_model, lowered
from mmc.freed import Freed, give_back, let_go, share_shapes
from mmc.interpret import evaluate
from mmc.ir import Model, constant, load, parse, save
from mmc.options import CompileOptions
from mmc.pass_manager import PassRecord
from mmc.passes.fold_constants import FoldConstants
from mmc.shapes import infer

CHAIN = """<ir_version: 10, opset_import: ["" : 21]>
g (float[2,4] x) => (float[2,4] y) { a = Relu(x)  b = Add(a, x)  y = Relu(b) }"""
STATE = """<ir_version: 10, opset_import: ["" : 21]>
g (float[2,4] x) => (float[2,3] y) { a = MatMul(h, w)  b = MatMul(x, w)  y = Add(a, b) }"""


def test_a_model_that_was_let_go_holds_no_nodes() -> None:
    model = parse(CHAIN)
    node = weakref.ref(next(iter(model.graph)))
    let_go(model)
    gc.collect()
    assert node() is None
    assert model.graph.num_nodes() == 0


@pytest.mark.parametrize("verify", [True, False])
def test_what_is_asked_later_keeps_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool
) -> None:
    """The artifact is the same; the IR stays where it is compared with it."""
    seen: list[Model] = []

    def watched(result, backend, model, *, keep):  # type: ignore[no-untyped-def]
        seen.append(model)
        return lowered(result, backend, model, keep=keep)

    monkeypatch.setattr("mmc.compiler.lowered", watched)
    save(parse(CHAIN), tmp_path / "m.onnx")
    options = CompileOptions(verify=verify)
    compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite", options)
    assert bool(seen[0].graph.num_nodes()) is verify


def test_garbage_is_searched_for_where_much_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    monkeypatch.setattr("mmc.freed.gc.collect", lambda: searched.append(1))
    model, watcher, p = parse(CHAIN), Freed(), FoldConstants()
    watcher.start(model)
    for changes, nodes, wanted in ((10, 3, 0), (2500, 3, 0), (600, 3, 1), (0, 3, 1), (1, 9000, 2)):
        watcher.after(p, model, PassRecord("p", "q", changes, nodes))
        assert len(searched) == wanted
    give_back()


def test_values_of_one_type_share_it() -> None:
    """A type and a shape are kept once; what is frozen cannot be changed for another value."""
    nodes = list(parse(CHAIN).graph)
    first, second = nodes[0].outputs[0], nodes[1].outputs[0]
    assert first.shape is second.shape
    assert first.type is second.type
    assert first.shape is not None
    with pytest.raises(TypeError):
        first.shape[0] = 3


def product(state: np.ndarray, weight: np.ndarray) -> Model:
    """Return a model that multiplies a constant state by a weight."""
    return parse(STATE, h=state.astype(np.float32), w=weight.astype(np.float32))


def test_a_first_state_of_zeros_is_a_constant() -> None:
    model = product(np.zeros((2, 4)), np.arange(12).reshape(4, 3))
    node = next(iter(model.graph))
    found = evaluate(node, [np.zeros((2, 4), np.float32), np.ones((4, 3), np.float32)])
    assert found is not None
    np.testing.assert_array_equal(found[0], np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        (np.ones((2, 4)), np.ones((4, 3))),
        (np.zeros((2, 4)), np.full((4, 3), np.inf)),
        (np.zeros(4), np.ones((4, 3))),
    ],
    ids=["other sums", "infinite weight", "vector"],
)
def test_other_products_are_left_to_the_runtime(state: np.ndarray, weight: np.ndarray) -> None:
    node = next(iter(product(np.zeros((2, 4)), np.ones((4, 3))).graph))
    assert evaluate(node, [state.astype(np.float32), weight.astype(np.float32)]) is None


def test_a_loaded_model_holds_nothing_of_its_file(tmp_path: Path) -> None:
    """A constant that is part of a message would keep all of it."""
    weights = {"w": np.arange(8, dtype=np.float32).reshape(2, 4), "h": np.zeros((2, 4), np.int8)}
    text = CHAIN.replace("Relu(x)", "Mul(x, w) c = Cast<to = 1>(h)")
    save(parse(text, **weights), tmp_path / "m.onnx")
    graph = load(tmp_path / "m.onnx").graph
    found = [v.const_value for v in graph.initializers.values()]
    assert not any(isinstance(tensor, ir.TensorProtoTensor) for tensor in found)
    for name, array in weights.items():
        kept = constant(graph.initializers[name])
        assert kept is not None
        np.testing.assert_array_equal(kept, array)
        assert kept.dtype == array.dtype


def test_values_of_equal_shapes_share_one() -> None:
    model = parse(CHAIN.replace("y = Relu(b)", "c = Concat<axis = 0>(b, b) y = Relu(b)"))
    infer(model)
    before = [v.shape.numpy() for n in model.graph for v in n.outputs if v.shape is not None]
    share_shapes(model)
    after = [v.shape for n in model.graph for v in n.outputs if v.shape is not None]
    assert [shape.numpy() for shape in after] == before
    assert len({id(shape) for shape in after}) == len(set(before)) == 2


def test_equal_options_and_shapes_of_operators_are_one_object() -> None:
    model = parse(CHAIN.replace("y = Relu(b)", "c = Add(b, x) y = Add(c, x)"))
    infer(model)
    program = lower(model)
    assert len([op for op in program.operators if op.options is not None]) == 3
    assert len({id(op.options) for op in program.operators if op.options is not None}) == 1
    assert len({id(t.shape) for t in program.tensors}) == 1
