"""The helpers of mmc.ir: text that is stable, attributes with defaults, digests, parsing."""

from __future__ import annotations

import numpy as np
import pytest

from mmc import ir
from mmc.diagnostics import ModelError
from mmc.frontend.weights import has_nan
from mmc.values import every_node

QKV = """<ir_version: 10, opset_import: ["" : 21]>
g (float[4,8] x) => (float[4,8] q, float[4,2] k, float[4,2] v) {
    q = MatMul(x, wq)
    k = MatMul(x, wk)
    v = MatMul(x, wv)
}"""


def qkv(seed: int = 0) -> ir.Model:
    rng = np.random.default_rng(seed)
    sizes = {"wq": 8, "wk": 2, "wv": 2}
    return ir.parse(
        QKV, **{n: rng.standard_normal((8, m)).astype(np.float32) for n, m in sizes.items()}
    )


def test_print_ir() -> None:
    assert (
        ir.print_ir(qkv())
        == """\
%0: float[4,8] = input
@0: float[8,8] = const
%1: float[4,8] = MatMul(%0, @0)
@1: float[8,2] = const
%2: float[4,2] = MatMul(%0, @1)
@2: float[8,2] = const
%3: float[4,2] = MatMul(%0, @2)
return %1, %2, %3
"""
    )


def test_print_ir_of_attributes_subgraphs_and_omitted_inputs() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
g (float[n,2] x, bool c) => (float[n,2] y) {
    a = Clip(x, , high)
    l = LeakyRelu<alpha=0.1>(a)
    t = Transpose<perm=[1, 0]>(l)
    y = If(c)<then_branch = t () => (float[n,2] o) { o = Neg(l) },
              else_branch = e () => (float[n,2] p) { p = Flatten<axis=1>(l) }>
}"""
    assert (
        ir.print_ir(ir.parse(text, high=np.array(6, np.float32)))
        == """\
%0: float[n,2] = input
%1: bool[] = input
@0: float[] = const
%2: float[n,2] = Clip(%0, _, @0)
%3: float[n,2] = LeakyRelu(%2) alpha=0.1
%4: float[2,n] = Transpose(%3) perm=[1,0]
%5: float[n,2] = If(%1)
  else_branch:
    %6: float[n,2] = Flatten(%3) axis=1
    return %6
  then_branch:
    %7: float[n,2] = Neg(%3)
    return %7
return %5
"""
    )


def test_digests_tell_weights_apart_and_name_sources() -> None:
    first, second = ir.print_ir(qkv(0), digests=True), ir.print_ir(qkv(1), digests=True)
    assert first == ir.print_ir(qkv(0), digests=True)
    assert first != second
    assert first.splitlines()[2].endswith("MatMul(%0, @0)  # q")


def test_attrs_are_python_values_with_defaults() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,2,4,4] x) => (float[a,b,c,d] y) { y = Conv<pads=[1, 1, 1, 1]>(x, w) }"""
    (node,) = ir.parse(text, w=np.zeros((3, 2, 3, 3), np.float32)).graph
    assert ir.attrs(node) == {"group": 1, "auto_pad": "NOTSET", "pads": (1, 1, 1, 1)}


def test_attrs_of_tensors() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
g (int64[2] s) => (float[a,b] y) { y = ConstantOfShape<value=float[1] {2.5}>(s) }"""
    (node,) = ir.parse(text).graph
    np.testing.assert_array_equal(ir.attrs(node)["value"], np.array([2.5], np.float32))


@pytest.mark.parametrize("shape", [(300,), (2,)])
def test_parse_keeps_constants_exactly(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    text = '<ir_version: 10, opset_import: ["" : 21]> g (float[1] x) => (float[n] y) '
    model = ir.parse(text + "{ y = Add(x, c) }", c=array)
    np.testing.assert_array_equal(ir.constant(model.graph.initializers["c"]), array)
    assert ir.constant(model.graph.inputs[0]) is None
    assert ir.shape_of(model.graph.outputs[0]) == shape


def test_parse_says_where_the_text_is_wrong() -> None:
    with pytest.raises(ModelError, match="MMC105"):
        ir.parse("g (float[1] x => y")


def test_shape_and_type_of() -> None:
    text = '<ir_version: 10, opset_import: ["" : 21]> g (float[n,2] x) => (float[n,2] y) '
    model = ir.parse(text + "{ y = Neg(x) }")
    assert ir.dtype_of(model.graph.inputs[0]) == np.float32
    with pytest.raises(ValueError, match="static shape"):
        ir.shape_of(model.graph.inputs[0])


def test_digest_depends_on_type_shape_and_content() -> None:
    base = np.zeros((2, 3), np.float32)
    others = [base.reshape(3, 2), base.astype(np.int32), base + 1]
    assert len({ir.digest(a) for a in [base, *others]}) == 4
    assert ir.digest(base) == ir.digest(np.zeros((3, 2), np.float32).T.copy().reshape(2, 3))
    assert ir.digest(np.array(["a", "b"], dtype=object)) != ir.digest(np.array(["a"], dtype=object))


def test_every_node_is_found_in_order_also_inside_branches() -> None:
    model = ir.parse("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[3] x, bool c) => (float[3] y) {
            a = Relu(x)
            b = If (c) <then_branch = t () => (float[3] o) { i = Neg(a) o = Abs(i) },
                        else_branch = e () => (float[3] p) { p = Exp(a) }>
            y = Neg(b)
        }""")
    found = list(every_node(model.graph))
    assert found == list(model.graph.all_nodes())
    assert [n.op_type for n in found] == ["Relu", "If", "Neg", "Abs", "Exp", "Neg"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_is_told_from_numbers_that_overflow(dtype: str) -> None:
    numbers = np.array([0, np.inf, -np.inf, np.finfo(dtype).max, 1], dtype)
    assert not has_nan(numbers)
    for place in range(5):
        assert has_nan(np.where(np.arange(5) == place, np.nan, numbers).astype(dtype))
    assert not has_nan(numbers[:0])
