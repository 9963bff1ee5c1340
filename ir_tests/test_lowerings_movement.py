"""Lowerings that move data: shapes, slices, pads, gathers, scatters; against ONNX Runtime."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowering import check_lowering, compare, emit_flow, feeds_for, oracle, single

from mmc.backends.tflite.check import check
from mmc.backends.tflite.lower import lower
from mmc.diagnostics import LegalityError
from mmc.ir import Array, parse
from mmc.layout.permutation import in_steps, merged
from mmc.shapes import infer
from mmc.target import load_target

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8, np.uint8, bool])


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def test_reshapes_move_nothing() -> None:
    assert check_lowering(single("Reshape", (2, 6), ints(3, -1))) == ["RESHAPE"]
    assert check_lowering(single("Unsqueeze", (2, 6), ints(0, 2))) == ["RESHAPE"]
    assert check_lowering(single("Squeeze", (2, 1, 6), ints(1))) == ["RESHAPE"]
    assert check_lowering(single("Flatten", (2, 3, 4))) == ["RESHAPE"]


@DTYPES
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((2, 3), [1, 0]),
        ((2, 3, 4, 5), [0, 2, 3, 1]),
        ((2, 3, 2, 3, 2), [4, 2, 0, 3, 1]),
        ((2, 3, 2, 3, 2, 3), [0, 1, 4, 2, 5, 3]),
        ((2, 3, 2, 3, 2, 3, 2), [5, 3, 1, 6, 4, 2, 0]),
    ],
)
def test_transpose(shape: tuple[int, ...], perm: list[int], dtype: Any) -> None:
    assert "TRANSPOSE" in check_lowering(single("Transpose", (shape, dtype), perm=perm))


def test_transpose_of_ones_is_a_reshape() -> None:
    assert check_lowering(single("Transpose", (2, 1, 3), perm=[1, 0, 2])) == ["RESHAPE"]


def test_transpose_merges_neighbours_above_rank_5() -> None:
    model = single("Transpose", (2, 3, 2, 3, 2, 3), perm=[3, 4, 5, 0, 1, 2])
    assert check_lowering(model) == ["RESHAPE", "TRANSPOSE", "RESHAPE"]


@DTYPES
@pytest.mark.parametrize("axis", [0, 2, -1])
def test_concat(axis: int, dtype: Any) -> None:
    check_lowering(single("Concat", *[((2, 3, 2, 2), dtype)] * 3, axis=axis))


@pytest.mark.parametrize("perm", [(4, 3, 0, 5, 2, 1), (0, 2, 4, 3, 5, 1), (3, 2, 5, 0, 4, 1)])
def test_an_npu_transposes_six_axes_in_two_steps(perm: tuple[int, ...]) -> None:
    model = single("Transpose", (2, 3, 2, 4, 3, 5), perm=perm)
    assert check_lowering(model).count("TRANSPOSE") == 1
    assert check_lowering(model, npu=True).count("TRANSPOSE") == 2


@pytest.mark.parametrize(("perm", "count"), [((0, 2, 1, 3, 4), 1), ((4, 2, 0, 3, 1), 2)])
def test_an_npu_transposes_words_of_five_axes_as_four(perm: tuple[int, ...], count: int) -> None:
    model = single("Transpose", ((2, 3, 2, 4, 3), np.int32), perm=perm)
    assert check_lowering(model) == ["TRANSPOSE"]
    assert check_lowering(model, npu=True).count("TRANSPOSE") == count
    program = lower(model, npu=True)
    orders = [op.inputs[1] for op in program.operators if op.code == "TRANSPOSE"]
    assert all(program.tensors[i].shape <= (4,) for i in orders)


@given(st.permutations(range(7)), st.integers(4, 6))
def test_steps_are_one_permutation(perm: list[int], most: int) -> None:
    shape = (2, 3, 2, 3, 2, 3, 2)
    x = np.arange(math.prod(shape)).reshape(shape)
    whole, steps = x.transpose(perm), in_steps(shape, perm, most)
    for step in steps:
        assert len(merged(x.shape, step)[0]) <= most
        x = x.transpose(step)
    assert len(steps) <= 2
    assert not steps or np.array_equal(x, whole)
    assert steps or most == 4


def test_a_transpose_of_very_many_axes_is_refused_at_once() -> None:
    """12 axes have 479 001 600 permutations: no search through them ends."""
    model = single("Transpose", (2,) * 12, perm=tuple(reversed(range(12))))
    with pytest.raises(LegalityError, match="TRANSPOSE of rank 12"):
        lower(model, npu=True)


def test_a_reshape_reads_what_another_read() -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[2,6] x) => (float[3,4] y, float[12] z) {
            a = Reshape (x, one) y = Reshape (a, two) b = Relu (x) z = Reshape (b, three) }""",
        one=ints(2, 3, 2),
        two=ints(3, 4),
        three=ints(12),
    )
    infer(model)
    assert check_lowering(model) == ["RESHAPE", "RELU", "RESHAPE"]


def test_concat_of_rank_7() -> None:
    check_lowering(single("Concat", *[(2, 1, 2, 1, 2, 1, 2)] * 2, axis=4))


@DTYPES
@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 3, 2)])
def test_split(sizes: tuple[int, ...], dtype: Any) -> None:
    check_lowering(single("Split", ((3, 6, 2), dtype), ints(*sizes), outputs=3, axis=1))


SLICES = [
    ([1], [3], [0], [1]),
    ([-3], [-1], [1], [1]),
    ([0, 1], [2**62, 4], [1, 2], [1, 2]),
    ([-1], [-(2**62)], [1], [-1]),
    ([3, 4], [0, -100], [1, 2], [-1, -2]),
    ([10, 1], [0, 100], [2, 0], [-3, 1]),
]


@DTYPES
@pytest.mark.parametrize(("starts", "ends", "axes", "steps"), SLICES)
def test_slice(
    starts: list[int], ends: list[int], axes: list[int], steps: list[int], dtype: Any
) -> None:
    operands = [np.array(v, np.int64) for v in (starts, ends, axes, steps)]
    check_lowering(single("Slice", ((4, 5, 6), dtype), *operands))


@DTYPES
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [(0, 1, 2, 0, 2, 1), (1, 0, 0, 1, 0, 0), (0, 3, -1, 0, 0, 2)])
def test_pad(mode: str, pads: tuple[int, ...], dtype: Any) -> None:
    if dtype is bool and mode != "constant":
        pytest.skip("ONNX Runtime has no such kernel")
    check_lowering(single("Pad", ((3, 4, 5), dtype), ints(*pads), mode=mode))


def test_pad_with_a_value_and_axes() -> None:
    value = np.array(1.5, np.float32)
    assert check_lowering(single("Pad", (3, 4), ints(2, 1), value, ints(1))) == ["PADV2"]
    assert check_lowering(single("Pad", (3, 4), ints(-1, -1), value, ints(1))) == ["SLICE"]


def test_pad_of_rank_7() -> None:
    check_lowering(single("Pad", (2, 1, 2, 1, 2, 1, 2), ints(*[0] * 5, 1, 0, 0, 2, *[0] * 5)))


@DTYPES
def test_expand_and_tile(dtype: Any) -> None:
    check_lowering(single("Expand", ((3, 1), dtype), ints(2, 1, 4)))
    check_lowering(single("Tile", ((3, 2), dtype), ints(2, 3)))


@DTYPES
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather(axis: int, dtype: Any) -> None:
    check_lowering(single("Gather", ((4, 5, 6), dtype), ints(0, -1, 2), axis=axis))
    check_lowering(single("Gather", ((4, 5, 6), dtype), np.array([[1], [-3]]), axis=axis))


def test_gather_at_computed_negative_indices() -> None:
    model = single("Gather", (4, 5), ((3,), np.int64), axis=1)
    check_lowering(model, feeds_for(model, low=-5, high=5))


@pytest.mark.parametrize("axis", [0, 1])
def test_gather_at_indices_of_many_axes(axis: int) -> None:
    """Hexagon compiles four."""
    known = np.arange(-3, 3).reshape(1, 3, 1, 2, 1)
    assert check_lowering(single("Gather", (4, 7), known, axis=axis)) == ["GATHER", "RESHAPE"]
    model = single("Gather", (4, 7), ((1, 3, 1, 2, 1), np.int64), axis=axis)
    assert check_lowering(model, feeds_for(model, low=-4, high=4))[-3:] == [
        "RESHAPE",
        "GATHER",
        "RESHAPE",
    ]


def test_an_embedding_counts_tokens_below_zero_from_the_end() -> None:
    table = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    model = single("Gather", table, ((2, 3), np.int64))
    codes = check_lowering(model, feeds_for(model, low=-9, high=9))
    assert codes == ["LESS", "ADD", "SELECT_V2", "GATHER"]


def test_gather_out_of_range_is_refused() -> None:
    with pytest.raises(LegalityError, match="out of range"):
        lower(single("Gather", (4, 5), ints(4)))


def test_gather_nd() -> None:
    check_lowering(single("GatherND", (4, 5, 6), np.array([[0, -1], [3, 2]])))
    model = single("GatherND", (4, 5, 6), ((2, 3, 2), np.int64))
    check_lowering(model, feeds_for(model, low=-4, high=4))


def test_scatter_nd() -> None:
    indices = np.array([[0, 1], [3, -1]])
    check_lowering(single("ScatterND", (4, 5, 6), indices, (2, 6)))
    check_lowering(single("ScatterND", (4, 5, 6), indices, (2, 6), reduction="add"))


def test_scatter_nd_at_computed_indices() -> None:
    model = single("ScatterND", (6, 3), ((4, 1), np.int64), (4, 3))
    values = feeds_for(model) | {"x1": np.array([[5], [0], [-3], [1]])}
    check_lowering(model, values)


def test_scatter_that_meets_is_refused() -> None:
    with pytest.raises(LegalityError, match="undefined"):
        lower(single("ScatterND", (4,), np.array([[1], [1]]), (2,)))


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_top_k(largest: int, dtype: Any) -> None:
    model = single("TopK", ((3, 9), dtype), ints(4), outputs=2, largest=largest)
    check_lowering(model, feeds_for(model, low=0, high=4))


@pytest.mark.parametrize("npu", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 3)])
@pytest.mark.parametrize(
    "options", [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}]
)
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_cum_sum(options: dict[str, int], dtype: Any, shape: tuple[int, ...], npu: bool) -> None:
    model = single("CumSum", (shape, dtype), np.array(-2), **options)
    check_lowering(model, npu=npu)


@pytest.mark.parametrize("flag", ["exclusive", "reverse"])
def test_cum_sum_has_a_form_that_the_npu_compiles(flag: str) -> None:
    target = load_target("hexagon_v73")
    program = lower(single("CumSum", (3, 4, 5), np.array(1), **{flag: 1}), npu=True)
    assert not check(program, target)
    assert check(lower(single("CumSum", (3, 4, 5), np.array(1), **{flag: 1})), target)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(axis: int) -> None:
    values = np.array([-1.5, 2], np.float32)
    model = single("OneHot", ((3, 4), np.int64), np.array(5), values, axis=axis)
    check_lowering(model, feeds_for(model, low=-7, high=7))


def test_reverse_sequence() -> None:
    lengths = ints(1, 3, 4)
    model = single("ReverseSequence", (4, 3, 2), lengths, time_axis=0, batch_axis=1)
    check_lowering(model)


def test_reflections_are_along_the_last_axis_where_ones_follow() -> None:
    """Hexagon's compiler refuses them elsewhere behind a DEQUANTIZE of 16 bits."""
    model = single("Pad", (1, 7, 1), ints(0, 3, 0, 0, 2, 0), mode="reflect")
    assert check_lowering(model) == ["RESHAPE", "MIRROR_PAD", "RESHAPE"]


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_a_slice_from_a_computed_place(target: str) -> None:
    """As JAX writes dynamic_slice: where the place is below zero, it counts from the end."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,9] x, int32 i) => (float[4,3] y) {
        below = Less (i, none)  moved = Add (i, size)  from = Where (below, moved, i)
        long = Cast <to = 7> (from)  at = Unsqueeze (long, first)
        starts = Concat <axis = 0> (first, at)  ends = Add (starts, lengths)
        y = Slice (x, starts, ends, axes)
    }"""
    constants = {
        "none": np.int32(0),
        "size": np.int32(9),
        "first": np.array([0]),
        "lengths": np.array([4, 3]),
        "axes": np.array([0, 1]),
    }
    model = parse(text, **{name: np.asarray(value) for name, value in constants.items()})
    x = np.arange(36, dtype=np.float32).reshape(4, 9)
    for place in (0, 6, -4):
        feeds = {"x": x, "i": np.array(place, np.int32)}
        compare(oracle(model, feeds), emit_flow(model, feeds, target)[0])
