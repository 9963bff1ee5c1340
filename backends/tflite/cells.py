"""Which table cell an emitted operator falls into: its cell (types) and its features (form).

The measuring programs and the check name an operator by these two functions and by nothing else, so
a row of the table and the operator that it judges can never be spelled differently.

A cell is the type of the data ("f32", "s8"), then what else decides which kernel runs: constant
weights with their granularity ("s8 w=s4 pc": per channel, "pt": per tensor, "block"), a computed
second operand ("f32 y=f32"), the index type ("f32 idx=i32"), the result type ("f32 -> i32").
A feature is a form that kernels often refuse: "rank5", "align-corners", "inner-axis", ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .cell_tables import (
    ACTIVATIONS,
    AXIS_INPUT,
    AXIS_OPTION,
    BIAS,
    BROADCASTING,
    DATA,
    INDEX,
    OPTION_FEATURES,
    RESULT,
    SAME_SCALE,
    TYPE_NAMES,
    WEIGHTS,
)
from .program import Operator, Program, Tensor

PIECES = 8
"""Into how many Hexagon cuts a row of floats for a convolution."""


def cell(program: Program, op: Operator) -> str:
    """Return the name of the table cell that decides whether `op` runs."""
    tensors = program.tensors
    data = _input(program, op, DATA.get(op.code, 0))
    if data is None:
        return "none"
    constant_data = op.code in ("EMBEDDING_LOOKUP", "DEQUANTIZE")
    parts = [_typed(data) if constant_data else type_name(data)]
    weights = _input(program, op, WEIGHTS.get(op.code, -1))
    if weights is not None:
        parts.append(("y=" if weights.data is None else "w=") + _typed(weights))
    index = _input(program, op, INDEX.get(op.code, -1))
    if index is not None:
        parts.append(f"idx={type_name(index)}")
    if op.code in RESULT:
        parts.append(f"-> {type_name(tensors[op.outputs[RESULT[op.code]]])}")
    return " ".join(parts)


def features(program: Program, op: Operator) -> tuple[str, ...]:
    """Return the forms of `op` that a target may refuse although it takes the cell."""
    found = [*_rank(program, op), *_axis(program, op), *_broadcast(program, op)]
    found += [*_options(op.options), *_window(program, op), *_operands(program, op)]
    return tuple(dict.fromkeys(found))


def type_name(tensor: Tensor) -> str:
    """Return the short name of a tensor's type, the unknown ones as they are."""
    return TYPE_NAMES.get(tensor.dtype, tensor.dtype)


def axes(program: Program, op: Operator) -> tuple[int, ...]:
    """Return the axes, not negative, that `op` works along; empty if it has none."""
    data = _input(program, op, DATA.get(op.code, 0))
    if data is None:
        return ()
    rank = len(data.shape) + (op.code in ("PACK", "ONE_HOT"))
    if op.code in AXIS_INPUT:
        given = _input(program, op, AXIS_INPUT[op.code])
        if given is None or given.data is None:
            return ()
        return tuple(int(axis) % max(rank, 1) for axis in given.data.reshape(-1))
    if op.code in AXIS_OPTION and hasattr(op.options, "axis"):
        return (int(getattr(op.options, "axis", 0)) % max(rank, 1),)
    return ()


def _input(program: Program, op: Operator, position: int) -> Tensor | None:
    """Return input tensor `position`, None if there is none or it is omitted."""
    if not 0 <= position < len(op.inputs) or op.inputs[position] < 0:
        return None
    return program.tensors[op.inputs[position]]


def _typed(tensor: Tensor) -> str:
    """Return the type with the granularity of a constant's quantization: "s4 pc"."""
    name, quantization = type_name(tensor), tensor.quantization
    if quantization is None or tensor.data is None:
        return name
    return f"{name} {'pc' if quantization.scale.size > 1 else 'pt'}"


def _rank(program: Program, op: Operator) -> Iterator[str]:
    """Yield "rankN" for the largest rank, where it is not the usual 2 to 4."""
    used = [i for i in (*op.inputs, *op.outputs) if i >= 0]
    rank = max((len(program.tensors[i].shape) for i in used), default=2)
    if op.code in ("CONV_3D", "CONV_3D_TRANSPOSE"):
        return
    if not 2 <= rank <= 4:
        yield f"rank{rank}"


def _axis(program: Program, op: Operator) -> Iterator[str]:
    """Yield "axis0" or "inner-axis" where the op does not work along the last axis only."""
    data = _input(program, op, DATA.get(op.code, 0))
    if data is None:
        return
    last = len(data.shape) - (op.code not in ("PACK", "ONE_HOT"))
    others = [axis for axis in axes(program, op) if axis != last]
    if others:
        yield "axis0" if 0 in others else "inner-axis"


def _broadcast(program: Program, op: Operator) -> Iterator[str]:
    """Yield "broadcast" (one operand is stretched) or "broadcast-both"."""
    if op.code not in BROADCASTING:
        return
    shapes = [t.shape for i in range(len(op.inputs)) if (t := _input(program, op, i)) is not None]
    if op.code == "BATCH_MATMUL":
        shapes = [shape[:-2] for shape in shapes]
    if len(set(shapes)) > 1:
        result = program.tensors[op.outputs[0]].shape
        if op.code == "BATCH_MATMUL":
            result = result[:-2]
        yield "broadcast" if result in shapes else "broadcast-both"


def _options(options: Any) -> Iterator[str]:
    """Yield the features that stand in the op's options."""
    for name, feature in OPTION_FEATURES.items():
        if getattr(options, name, False):
            yield feature
    if activation := getattr(options, "fusedActivationFunction", 0):
        yield ACTIVATIONS[activation]
    if any(getattr(options, f"dilation{side}Factor", 1) > 1 for side in "DHW"):
        depthwise = hasattr(options, "depthMultiplier")
        strided = depthwise and max(options.strideH, options.strideW) > 1
        yield "strided-dilation" if strided else "dilation"
    if getattr(options, "padding", 0) == 1:
        yield "valid"
    if getattr(options, "depthMultiplier", 1) > 1:
        yield "multiplier"
    if hasattr(options, "keepDims") and not options.keepDims:
        yield "drop-dims"
    if type(options).__name__ == "MirrorPadOptionsT" and options.mode == 1:
        yield "symmetric"


def _window(program: Program, op: Operator) -> Iterator[str]:
    """Yield the forms of SAME padding that kernels mistake.

    "same-of-one" is of a single row or column that strides part; of floats "even-pads" are as much
    before as after, "even-row" more than an eighth of a single row so.
    """
    given: Any = op.options
    if op.code == "TRANSPOSE_CONV" and given.padding == 0:
        _, height, width, _ = program.tensors[op.inputs[2]].shape
        if height == 1 < given.strideH or width == 1 < given.strideW:
            yield "same-of-one"
    if op.code not in ("AVERAGE_POOL_2D", "CONV_2D") or given.padding != 0:
        return
    data = program.tensors[op.inputs[0]]
    if data.dtype != "FLOAT32" or len(data.shape) != 4:
        return
    pads = [even_pad(program, op, side) for side in (0, 1)]
    if op.code == "AVERAGE_POOL_2D" and any(pads):
        yield "even-pads"
    if op.code == "CONV_2D":
        kernel = program.tensors[op.inputs[1]].shape[1:3]
        if is_mistaken_row(data.shape[1:3], kernel, pads[1]):
            yield "even-row"


def is_mistaken_row(size: tuple[int, ...], kernel: tuple[int, ...], pad: int) -> bool:
    """Say whether Hexagon's CONV_2D computes something else of one row of floats.

    So it does where it cuts the row into eight and windows reach beyond the next piece, if both
    pads are the same (emulated, v69 to v81: 0 to 6 dB where they are above an eighth of the row, by
    SAME, a PAD or zeros that are joined; 68 dB else, and so of uneven pads, of columns, of kernels
    of more rows, and of DEPTHWISE_CONV_2D).

    Args:
        size, kernel: height and width.
        pad: of the row, on either side; 0 where they differ.
    """
    return size[0] == kernel[0] == 1 and pad * PIECES > size[1]


def even_pad(program: Program, op: Operator, side: int) -> int:
    """Return the pad on either side of rows (0) or columns (1) that SAME gives; 0: they differ."""
    given: Any = op.options
    size, result = (program.tensors[i].shape[1 + side] for i in (op.inputs[0], op.outputs[0]))
    if op.code == "CONV_2D":
        kernel = program.tensors[op.inputs[1]].shape[1 + side]
        dilation = (given.dilationHFactor, given.dilationWFactor)[side]
    else:
        kernel, dilation = (given.filterHeight, given.filterWidth)[side], 1
    stride = (given.strideH, given.strideW)[side]
    total = (result - 1) * stride + (kernel - 1) * dilation + 1 - size
    return total // 2 if total > 0 and total % 2 == 0 else 0


def _operands(program: Program, op: Operator) -> Iterator[str]:
    """Yield the features that stand in the operands."""
    data, weights = (_input(program, op, WEIGHTS.get(op.code, -1) - k) for k in (1, 0))
    if op.code == "CONV_2D" and data and weights and data.shape[-1] != weights.shape[-1]:
        yield "groups"
    steps = _input(program, op, 3) if op.code == "STRIDED_SLICE" else None
    if steps is not None and steps.data is not None:
        if (steps.data < 0).any():
            yield "negative-stride"
        elif (steps.data > 1).any():
            yield "stride"
    if op.code in BIAS and _input(program, op, BIAS[op.code]) is None:
        yield "no-bias"
    yield from _codes(program, op)
    old_form = getattr(op.options, "potScaleInt16", False)
    if old_form and program.tensors[op.inputs[0]].dtype == "INT16":
        yield "pot-scale"
    if op.code in ("PAD", "PADV2", "MIRROR_PAD"):
        yield from _padding(_input(program, op, 1))


def _codes(program: Program, op: Operator) -> Iterator[str]:
    """Yield the features of quantization that kernels mistake or refuse."""
    data, result = _input(program, op, DATA.get(op.code, 0)), program.tensors[op.outputs[0]]
    if op.code in SAME_SCALE and data is not None and not same_scale(data, result):
        yield "rescale"
    constant = _input(program, op, WEIGHTS.get(op.code, DATA.get(op.code, 0)))
    if constant is None or constant.data is None or constant.quantization is None:
        return
    if op.code in WEIGHTS and constant.dtype != "UINT8" and constant.quantization.zero_point.any():
        yield "zero-point"
    if op.code in WEIGHTS and constant.dtype == "INT4" and constant.data.min(initial=0) < -7:
        yield "lowest-code"
    per_byte = {"INT4": 2, "INT2": 4}.get(constant.dtype, 1)
    if op.code == "EMBEDDING_LOOKUP" and constant.shape[-1] % per_byte:
        yield "split-bytes"


def same_scale(a: Tensor, b: Tensor) -> bool:
    """Say whether equal codes of two activations mean equal values."""
    p, q = a.quantization, b.quantization
    if p is None or q is None:
        return True
    return bool(np.array_equal(p.scale, q.scale) and np.array_equal(p.zero_point, q.zero_point))


def _padding(pads: Tensor | None) -> Iterator[str]:
    """Yield which unusual axes of an image are padded."""
    if pads is None or pads.data is None:
        return
    padded = [bool(row.any()) for row in pads.data.reshape(-1, 2)]
    if padded[0]:
        yield "pad-batch"
    if padded[-1]:
        yield "pad-channels"
