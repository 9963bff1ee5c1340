"""What `mmc opt` writes: standard operators, in an opset that has fast kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, parser

from mmc.ir import parse
from mmc.optimizer import optimize
from mmc.portable import WIDELY_KNOWN, portable
from mmc.saving import save_standard
from mmc.shapes import infer

HEAD = '<ir_version: 13, opset_import: ["" : 25]> g (float[1,2,5,4] x) => (float[1,2,5,4] y) '


def test_opset_25_differs_from_24_as_we_say() -> None:
    """No new operator, no new attribute but Attention's windows, no new type but of 2 bits."""
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain or schema.since_version != WIDELY_KNOWN + 1:
            continue
        before = onnx.defs.get_schema(schema.name, WIDELY_KNOWN)
        added = set(schema.attributes) - set(before.attributes)
        assert added <= {"left_window_size", "right_window_size"}, schema.name
        types, old = (
            {t for c in s.type_constraints for t in c.allowed_type_strs} for s in (schema, before)
        )
        assert all("int2)" in t for t in types - old), schema.name


def opset_of(body: str) -> int:
    """Return the opset in which a model is written."""
    model = portable(parser.parse_model(HEAD + f"{{ {body} }}"))
    return next(int(i.version) for i in model.opset_import if not i.domain)


def test_a_plain_model_is_lowered() -> None:
    assert opset_of("y = Attention(x, x, x)") == WIDELY_KNOWN


@pytest.mark.parametrize(
    "body",
    [
        "y = Attention<left_window_size = 2, right_window_size = 0>(x, x, x)",
        f"a = Cast<to = {TensorProto.INT2}>(x) y = Cast<to = 1>(a)",
    ],
)
def test_what_needs_opset_25_keeps_it(body: str) -> None:
    assert opset_of(body) == WIDELY_KNOWN + 1


def test_weights_and_constants_of_two_bits_keep_it() -> None:
    model = parser.parse_model(HEAD + "{ y = Relu(x) }")
    weight = helper.make_tensor("w", TensorProto.INT2, [4], [1, 0, -1, 1])
    model.graph.initializer.append(weight)
    assert portable(model).opset_import[0].version == WIDELY_KNOWN + 1
    del model.graph.initializer[:]
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=weight))
    assert portable(model).opset_import[0].version == WIDELY_KNOWN + 1


def test_functions_become_standard_operators(tmp_path: Path) -> None:
    from mmc.passes.recognize import Recognize

    model = parse(HEAD + "{ s = Sigmoid(x) y = Mul(x, s) }")
    infer(model)
    assert Recognize().run(model) == 1
    save_standard(model, tmp_path / "m.onnx")
    found = onnx.load(tmp_path / "m.onnx")
    assert [n.op_type for n in found.graph.node] == ["Sigmoid", "Mul"]
    assert {i.domain: i.version for i in found.opset_import if not i.domain} == {"": WIDELY_KNOWN}
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 4)).astype(np.float32)
    (y,) = ort.InferenceSession(tmp_path / "m.onnx").run(None, {"x": x})
    np.testing.assert_allclose(y, x / (1 + np.exp(-x)), rtol=1e-5, atol=1e-6)


def test_the_count_is_of_what_is_in_the_file(tmp_path: Path) -> None:
    """The body of an mmc operator counts, not its call."""
    source, target = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(parser.parse_model(HEAD + "{ s = Sigmoid(x) m = Mul(x, s) y = Relu(m) }"), source)
    done = optimize(source, target)
    assert done.nodes == len(onnx.load(target).graph.node) == done.nodes_before == 3
