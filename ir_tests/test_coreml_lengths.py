"""Packages for several lengths and batches: tables cut to the length, masks, rows by batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.coreml_oracle import operations, reread
from ir_tests.test_coreml_flexible import check_sizes, compiled, saved
from mmc.backends.coreml.program import Feature, Operation, Program, Var
from mmc.backends.coreml.repeats import Repeats
from mmc.diagnostics import LegalityError

RNG = np.random.default_rng(0)
HEAD = '<ir_version: 9, opset_import: ["" : 17]> '

DECODER = (
    HEAD
    + """g (float[n,t,4] x) => (float[n,t,t] y) {
    t_of = Shape<start=1, end=2>(x)
    length = Squeeze(t_of)
    zero = Constant<value_int=0>()
    one = Constant<value_int=1>()
    none = Constant<value_ints=[0]>()
    first = Constant<value_ints=[1]>()
    places = Slice(table, none, t_of)
    a = Add(x, places)
    turned = Transpose<perm=[0,2,1]>(a)
    scores = MatMul(a, turned)
    steps = Range(zero, length, one)
    rows = Unsqueeze(steps, first)
    columns = Unsqueeze(steps, none)
    seen = LessOrEqual(columns, rows)
    low = Constant<value_float=-10000.0>()
    masked = Where(seen, scores, low)
    p = Softmax(masked)
    q = Add(p, turns)
    y = Softmax(q)
}"""
)


def test_tables_and_masks_are_cut_to_the_length(tmp_path: Path) -> None:
    table = RNG.standard_normal((9, 4)).astype(np.float32)
    turns = np.float32(0.5)
    model = saved(tmp_path / "net.onnx", DECODER, table=table, turns=turns)
    for lengths in (range(3, 10), [4, 9, 6]):
        package = compiled(model, {"n": 2, "t": lengths})
        check_sizes(model, package, [(2, 4, 4), (2, 6, 4), (2, 9, 4)])
        kinds = [op.op_type for op in operations(reread(package))]
        assert kinds.count("shape") == 1, "one extent serves all that is cut"
        assert kinds.count("slice_by_size") == 2


def test_a_list_whose_largest_size_is_not_compiled_is_refused(tmp_path: Path) -> None:
    table = RNG.standard_normal((20, 4)).astype(np.float32)
    model = saved(tmp_path / "net.onnx", DECODER, table=table, turns=np.float32(0.5))
    lengths = [3, 20, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    with pytest.raises(LegalityError, match=r"MMC229(.|\n)*no compiled size has all"):
        compiled(model, {"n": 1, "t": lengths})


POOLED = (
    HEAD
    + """g (float[n,5,3] x) => (float[n,3] y) {
    flag = ReduceSum<keepdims=0>(x, two)
    best = ArgMax<axis=1, keepdims=0>(flag)
    n_of = Shape<start=0, end=1>(x)
    count = Squeeze(n_of)
    zero = Constant<value_int=0>()
    one = Constant<value_int=1>()
    every = Range(zero, count, one)
    BODY
}"""
)
PAIRS = "a = Unsqueeze(every, last) b = Unsqueeze(best, last) i = Concat<axis=-1>(a, b)"
BY_PAIRS = f"{PAIRS} y = GatherND(x, i)"
BY_ROWS = """five = Constant<value_int=5>() start = Mul(every, five) i = Add(best, start)
    rows = Reshape(x, flat) y = Gather<axis=0>(rows, i)"""


@pytest.mark.parametrize("body", [BY_PAIRS, BY_ROWS])
def test_a_row_of_each_batch_follows_the_batch(tmp_path: Path, body: str) -> None:
    places = {"two": np.array([2]), "last": np.array([-1]), "flat": np.array([-1, 3])}
    model = saved(tmp_path / "net.onnx", POOLED.replace("BODY", body), **places)
    package = compiled(model, {"n": [1, 2, 4]})
    check_sizes(model, package, [(1, 5, 3), (2, 5, 3), (4, 5, 3)])
    kinds = [op.op_type for op in operations(reread(package))]
    assert "shape" not in kinds, "it reads in batches"


MASKED = (
    HEAD
    + """g (float[n,5] x) => (float[n,1,3,5] y) {
    n_of = Shape<start=0, end=1>(x)
    count = Squeeze(n_of)
    zero = Constant<value_int=0>()
    one = Constant<value_int=1>()
    every = Range(zero, count, one)
    column = Reshape(every, outer)
    many = Concat<axis=0>(n_of, grid)
    batches = Expand(column, many)
    steps = Expand(inner, many)
    a = Unsqueeze(batches, last)
    b = Unsqueeze(steps, last)
    i = Concat<axis=-1>(a, b)
    y = GatherND(x, i)
}"""
)


def test_a_mask_read_at_a_grid_follows_the_batch(tmp_path: Path) -> None:
    shapes = {"outer": np.array([-1, 1, 1, 1]), "grid": np.array([1, 3, 5]), "last": np.array([-1])}
    inner = np.arange(5).reshape(1, 1, 1, 5)
    model = saved(tmp_path / "net.onnx", MASKED, inner=inner, **shapes)
    package = compiled(model, {"n": [1, 2, 4]})
    check_sizes(model, package, [(1, 5), (2, 5), (4, 5)])
    kinds = {op.op_type for op in operations(reread(package))}
    assert not kinds & {"gather", "gather_nd", "shape"}


WINDOWS = (
    HEAD
    + """g (float[n,6,4] x) => (float[m,2,2,4] y) {
    rows = Reshape(x, windows)
    turned = Transpose<perm=[0,2,1]>(rows)
    products = MatMul(rows, turned)
    scores = Unsqueeze(products, first)
    n_of = Shape<start=0, end=1>(x)
    many = Concat<axis=0>(n_of, kept)
    wide = Expand(mask, many)
    flat = Reshape(wide, together)
    both = Add(bias, flat)
    masked = Add(scores, both)
    p = Softmax(masked)
    values = Unsqueeze(rows, first)
    y = MatMul(p, values)
}"""
)


def test_masks_of_the_windows_of_every_picture_follow_the_batch(tmp_path: Path) -> None:
    shapes = {
        "windows": np.array([-1, 2, 4]),
        "first": np.array([1]),
        "kept": np.array([3, 2, 2]),
        "together": np.array([-1, 1, 2, 2]),
    }
    mask = RNG.standard_normal((1, 3, 2, 2)).astype(np.float32)
    bias = RNG.standard_normal((1, 2, 2, 2)).astype(np.float32)
    model = saved(tmp_path / "net.onnx", WINDOWS, mask=mask, bias=bias, **shapes)
    package = compiled(model, {"n": [1, 2, 4]})
    check_sizes(model, package, [(1, 6, 4), (2, 6, 4), (4, 6, 4)])
    reread(package)


def test_an_extent_may_be_a_multiple_of_an_inputs() -> None:
    programs, tables, adds = [], [], []
    for size in (2, 4):
        x = Var("x", "fp32", (size, 3))
        table = Var("t", "fp32", (9 * size,), np.arange(9 * size, dtype=np.float32))
        one = Var("one", "fp32", (1,), np.ones(1, np.float32))
        made = Var("y", "fp32", (9 * size,))
        adds.append(Operation("add", {"x": [one], "y": [table]}, [made]))
        tables.append(table)
        programs.append(Program(operations=[adds[-1]], inputs=[Feature(x, "x", "float32")]))
    repeats = Repeats(programs, complete=True)
    found = repeats.constant(adds, "y", tables)
    repeats.insert()
    assert found.shape == (-1,)
    codes = [op.code for op in programs[-1].operations]
    assert codes == ["shape", "slice_by_index", "mul", "concat", "slice_by_size", "add"]
    assert programs[-1].operations[2].parameter("y") == 9
