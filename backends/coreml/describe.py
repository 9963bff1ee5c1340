"""A program for people: one line an operation, or counts and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from mmc.structure import Op, Structure

from .program import Feature, Operation, Program, Var

LONGEST_VALUE = 24


def program_lines(program: Program) -> Iterator[str]:
    """Yield one line an operation: results, code, operands and the user's nodes it came from."""
    for feature in program.inputs:
        yield f"{typed(feature.var)} = input {feature.onnx_name!r}"
    for op in program.operations:
        results = ", ".join(typed(v) for v in op.outputs)
        origin = f"  # {', '.join(op.sources)}" if op.sources else ""
        yield f"{results} = {op.code}({operands(op)}){origin}"
    for feature in program.outputs:
        yield f"output {feature.onnx_name!r} = {typed(feature.var)}"


def operands(op: Operation) -> str:
    """Return the operands with their names, small constants as their values."""
    return ", ".join(f"{k}={' '.join(map(shown, group))}" for k, group in op.inputs.items())


def shown(var: Var) -> str:
    """Return an operand: a constant's value if it is short, else its type; or the variable."""
    if not var.is_constant:
        return f"%{var.name}"
    if isinstance(var.data, str):
        return repr(var.data)
    data = np.asarray(var.data)
    value = str(data.tolist()) if 0 < data.size <= LONGEST_VALUE // 2 else ""
    return value if value and len(value) <= LONGEST_VALUE else f"const {kind(var)}"


def kind(var: Var) -> str:
    """Return type and shape."""
    return f"{var.dtype}[{','.join(map(str, var.shape))}]"


def typed(var: Var) -> str:
    """Return a variable with its type."""
    return f"%{var.name}: {kind(var)}"


def program_stats(program: Program) -> dict[str, object]:
    """Return counts and sizes of a package."""
    constants = {
        id(v): v.data
        for op in program.operations
        for v in op.operands()
        if isinstance(v.data, np.ndarray)
    }

    def interface(features: list[Feature]) -> dict[str, str]:
        return {f.onnx_name: kind(f.var) for f in features}

    return {
        "schema": "mmc.stats/1",
        "inputs": interface(program.inputs),
        "outputs": interface(program.outputs),
        "operators": dict(Counter(op.code for op in program.computing()).most_common()),
        "weights": len(constants),
        "weight_bytes": sum(c.nbytes for c in constants.values()),
    }


def program_structure(program: Program) -> Structure:
    """Return the operators and what connects them, constants by their types."""
    found = Structure(
        inputs=[f.var.name for f in program.inputs], outputs=[f.var.name for f in program.outputs]
    )
    for feature in program.inputs:
        found.types[feature.var.name] = kind(feature.var)
    for op in program.computing():
        found.types |= {v.name: kind(v) for v in op.outputs}
        computed = tuple(v.name for v in op.operands() if not v.is_constant)
        constants = tuple(shown(v) for v in op.operands() if v.is_constant)
        made = tuple(v.name for v in op.outputs)
        found.ops.append(
            Op(op.code, made[0], computed, made, sources=op.sources, constants=constants)
        )
    return found
