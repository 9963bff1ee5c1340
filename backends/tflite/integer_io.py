"""`--io-dtype int8`: inputs and outputs are the codes that the kernels behind them read and write.

The operator that would make them from floats (QUANTIZE), or floats from them (DEQUANTIZE), is left
out. The scale and zero point of the tensor in the signature say what a code stands for.
"""

from __future__ import annotations

from mmc.diagnostics import Diagnostic, Severity

from .program import Program


def take_codes(program: Program) -> None:
    """Let inputs and outputs be int8 codes where an integer kernel reads or writes them."""
    program.inputs = [(name, coded_input(program, index)) for name, index in program.inputs]
    program.outputs = [(name, coded_output(program, index)) for name, index in program.outputs]


def coded_input(program: Program, index: int) -> int:
    """Return the tensor of an input's codes; the input itself where something reads its floats."""
    readers = [op for op in program.operators if index in op.inputs]
    made = [op.outputs[0] for op in readers]
    if not made or any(op.code != "QUANTIZE" for op in readers) or is_output(program, index):
        return index
    first = program.tensors[made[0]]
    if first.dtype != "INT8" or any(not same_codes(program, made[0], other) for other in made[1:]):
        return index
    for op in readers:
        program.operators.remove(op)
        rename(program, op.outputs[0], made[0])
    return made[0]


def coded_output(program: Program, index: int) -> int:
    """Return the tensor of an output's codes; the output itself where floats make it."""
    maker = next((op for op in program.operators if index in op.outputs), None)
    if maker is None or maker.code != "DEQUANTIZE":
        return index
    codes = maker.inputs[0]
    if program.tensors[codes].dtype != "INT8" or program.tensors[codes].data is not None:
        return index
    if not any(index in op.inputs for op in program.operators):
        program.operators.remove(maker)
    return codes


def is_output(program: Program, index: int) -> bool:
    """Say whether a tensor is an output."""
    return any(index == other for _, other in program.outputs)


def same_codes(program: Program, a: int, b: int) -> bool:
    """Say whether two tensors have one type, scale and zero point."""
    x, y = program.tensors[a], program.tensors[b]
    if x.quantization is None or y.quantization is None or x.dtype != y.dtype:
        return False
    one, other = x.quantization, y.quantization
    return bool((one.scale == other.scale).all() and (one.zero_point == other.zero_point).all())


def rename(program: Program, old: int, new: int) -> None:
    """Let all who read a tensor read another."""
    for op in program.operators:
        op.inputs = [new if i == old else i for i in op.inputs]
    program.outputs = [(name, new if i == old else i) for name, i in program.outputs]


def left_float(program: Program) -> list[Diagnostic]:
    """Return a note on inputs and outputs that stay floats."""
    ends = (("input", program.inputs), ("output", program.outputs))
    names = [
        f"{end} {name!r}"
        for end, values in ends
        for name, index in values
        if program.tensors[index].dtype == "FLOAT32"
    ]
    if not names:
        return []
    why = "no integer kernel reads or writes it: floats would be rounded for nothing"
    what = f"{'stays' if len(names) == 1 else 'stay'} float under --io-dtype int8"
    return [Diagnostic("MMC313", Severity.NOTE, ", ".join(names), what, why)]
