"""Lowerings of arithmetic, comparison, logic, casts, reductions; against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from lowering import check_lowering, feeds_for, single

from mmc.diagnostics import LegalityError
from mmc.ir import Array, Model

FORMS = [
    ((2, 3), (2, 3)),
    ((2, 3, 4), (4,)),
    ((1, 3, 1, 2), (2, 1, 4, 1)),
    ((2, 1, 2, 1, 2), (3, 1, 3, 1)),
    ((2, 3, 2, 2, 3, 2), (3, 1, 2, 1, 2)),
]
INTEGERS = [np.int32, np.int64, np.int8, np.uint8]
NONZERO = (1, 6)


def feeds(model: Model, dtype: Any, low: int = -5, high: int = 6) -> dict[str, Array]:
    """Return inputs with both signs, where the type has them."""
    return feeds_for(model, low=max(low, 0) if np.dtype(dtype).kind == "u" else low, high=high)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"])
@pytest.mark.parametrize(("a", "b"), FORMS)
def test_binary_float(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    model = single(op, a, b)
    values = feeds_for(model)
    if op == "Pow":
        values["x0"] = np.abs(values["x0"])
    check_lowering(model, values)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    "op", ["Add", "Sub", "Mul", "Max", "Min", "Equal", "Less", "GreaterOrEqual"]
)
def test_binary_integer(op: str, dtype: Any) -> None:
    model = single(op, ((2, 3, 4), dtype), ((3, 1), dtype))
    check_lowering(model, feeds(model, dtype, -100, 101))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(("op", "options"), [("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1})])
def test_quotients_of_integers(op: str, options: dict[str, int], dtype: Any) -> None:
    model = single(op, ((5, 40), dtype), ((5, 40), dtype), **options)
    values = feeds(model, dtype, -50, 51)
    values["x1"] = np.where(values["x1"] == 0, 7, values["x1"]).astype(dtype)
    check_lowering(model, values)


def test_fmod_of_floats() -> None:
    check_lowering(single("Mod", (5, 40), (5, 40), fmod=1))


def test_nothing_is_computed_of_a_constant_divisor() -> None:
    divisor = np.linspace(-3, 2.9, 40, dtype=np.float32)
    codes = check_lowering(single("Mod", (5, 40), divisor, fmod=1))
    assert sorted(codes) == ["ABS", "FLOOR_MOD", "MUL", "SIGN"]


@pytest.mark.parametrize("op", ["Abs", "Neg", "Sign"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.int8])
def test_signs(op: str, dtype: Any) -> None:
    model = single(op, ((3, 7), dtype))
    check_lowering(model, feeds(model, dtype))


UNARY = ["Exp", "Sin", "Cos", "Floor", "Ceil", "Round", "Reciprocal"]


@pytest.mark.parametrize("op", UNARY)
def test_unary(op: str) -> None:
    check_lowering(single(op, (3, 4, 5)))


@pytest.mark.parametrize("op", ["Sqrt", "Log"])
def test_unary_on_its_domain(op: str) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (3, 40)).astype(np.float32)
    check_lowering(single(op, (3, 40)), {"x0": values})


def test_round_is_half_to_even() -> None:
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388609], np.float32)
    assert check_lowering(single("Round", (7,)), {"x0": values}) == ["ROUND"]


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
def test_variadic(op: str) -> None:
    check_lowering(single(op, (2, 3), (3,), (2, 1)))


def test_square_is_one_multiplication() -> None:
    assert check_lowering(single("Pow", (3, 4), np.float32(2))) == ["MUL"]


def test_powers_of_integers() -> None:
    model = single("Pow", ((4, 5), np.int32), ((4, 5), np.int32))
    check_lowering(model, feeds_for(model, low=0, high=6))


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0, 1], np.float32)


@pytest.mark.parametrize(
    ("op", "options"),
    [
        ("IsNaN", {}),
        ("IsInf", {}),
        ("IsInf", {"detect_negative": 0}),
        ("IsInf", {"detect_positive": 0}),
    ],
)
def test_special_values(op: str, options: dict[str, int]) -> None:
    check_lowering(single(op, (5,), **options), {"x0": SPECIAL})


@pytest.mark.parametrize("npu", [False, True])
@pytest.mark.parametrize("op", ["And", "Or", "Xor", "Equal"])
def test_logic(op: str, npu: bool) -> None:
    codes = check_lowering(single(op, ((2, 3, 4), bool), ((3, 1), bool)), npu=npu)
    assert len(codes) == 1 + 2 * (npu and op in ("Xor", "Equal"))  # Hexagon compares integers


def test_not() -> None:
    assert check_lowering(single("Not", ((2, 3), bool))) == ["LOGICAL_NOT"]


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int8])
def test_bitwise(dtype: Any) -> None:
    model = single("BitwiseXor", ((6, 7), dtype), ((6, 7), dtype))
    check_lowering(model, feeds(model, dtype, -100, 101))
    model = single("BitwiseNot", ((6, 7), dtype))
    check_lowering(model, feeds(model, dtype, -100, 101))


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
def test_bit_shift(direction: str, dtype: Any) -> None:
    shift = np.array([0, 1, 3, 7], dtype)
    model = single("BitShift", ((3, 4), dtype), shift, direction=direction)
    check_lowering(model, feeds_for(model, low=0, high=255))


@pytest.mark.parametrize("after", ["FLOAT", "INT32", "INT64", "INT8", "UINT8", "BOOL", "FLOAT16"])
@pytest.mark.parametrize("before", [np.float32, np.int32, np.int64, np.uint8, bool])
def test_cast(before: Any, after: str) -> None:
    model = single("Cast", ((4, 5), before), to=onnx.TensorProto.DataType.Value(after))
    values = feeds_for(model, low=0, high=100)
    if before is np.float32:
        sign = 1 if after == "UINT8" else -1
        values["x0"] = np.array([0, 0.5, 1.9, 100.4, sign * 1.9] * 4, np.float32).reshape(4, 5)
    check_lowering(model, values)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_where(dtype: Any) -> None:
    check_lowering(single("Where", ((2, 1, 4), bool), ((3, 1), dtype), ((4,), dtype)))


REDUCTIONS = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"]


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((3,), [0]),
        ((2, 3, 4), [-1]),
        ((2, 3, 4, 5), [1, 2]),
        ((2, 3, 4, 5), [0, 3]),
        ((2, 3, 2, 2, 3), [0, 2, 4]),
        ((2, 3, 2, 2, 3, 2, 2), [5, 6]),
    ],
)
def test_reduce(op: str, shape: tuple[int, ...], axes: list[int], keepdims: int) -> None:
    check_lowering(single(op, shape, np.array(axes), keepdims=keepdims))


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_reduce_integers(op: str, dtype: Any) -> None:
    model = single(op, ((3, 4, 5), dtype), np.array([1]))
    check_lowering(model, feeds(model, dtype))


def test_reduce_all_axes_by_default_or_none() -> None:
    assert check_lowering(single("ReduceSum", (2, 3))) == ["SUM"]
    check_lowering(single("ReduceSum", (2, 3), noop_with_empty_axes=1))


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("options", [{}, {"keepdims": 0}, {"select_last_index": 1}, {"axis": -1}])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_arg(op: str, options: dict[str, int], dtype: Any) -> None:
    model = single(op, ((4, 5, 6), dtype), **options)
    check_lowering(model, feeds_for(model, low=0, high=3))  # few values: many ties


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("BitwiseAnd", [((3,), np.int32), ((3,), np.int32)]),
        ("Add", [((3,), np.uint32), ((3,), np.uint32)]),
        ("Pow", [((3,), np.int32), ((3,), np.float32)]),
        ("NonZero", [((3,), np.float32)]),
    ],
)
def test_refused(op: str, inputs: list[Any]) -> None:
    with pytest.raises(LegalityError) as refusal:
        check_lowering(single(op, *inputs))
    assert refusal.value.diagnostics[0].code == "MMC201"
    assert op in refusal.value.diagnostics[0].where


@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_reduction_is_one_operator(keepdims: int) -> None:
    model = single("ReduceSum", (2, 3, 4), np.array([1]), keepdims=keepdims)
    assert check_lowering(model) == ["SUM"]
