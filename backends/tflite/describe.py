"""A program for people: one line an operator, or counts and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .program import Program


def program_lines(program: Program) -> Iterator[str]:
    """Yield one line an operator: results, code, operands and the user's nodes it came from."""

    def shown(index: int) -> str:
        if index < 0:
            return "_"
        tensor = program.tensors[index]
        kind = f"{tensor.dtype.lower()}[{','.join(map(str, tensor.shape))}]"
        return f"const {kind}" if tensor.data is not None else f"%{index}: {kind}"

    for name, index in program.inputs:
        yield f"{shown(index)} = input {name!r}"
    for op in program.operators:
        results = ", ".join(shown(i) for i in op.outputs)
        operands = ", ".join(shown(i) for i in op.inputs)
        origin = f"  # {', '.join(op.sources)}" if op.sources else ""
        yield f"{results} = {op.code}({operands}){origin}"
    for name, index in program.outputs:
        yield f"output {name!r} = {shown(index)}"


def program_stats(program: Program) -> dict[str, object]:
    """Return counts and sizes of an artifact."""
    constants = [t.data for t in program.tensors if t.data is not None]

    def shown(index: int) -> str:
        tensor = program.tensors[index]
        return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}]"

    return {
        "schema": "mmc.stats/1",
        "inputs": {name: shown(index) for name, index in program.inputs},
        "outputs": {name: shown(index) for name, index in program.outputs},
        "operators": dict(Counter(op.code for op in program.operators).most_common()),
        "weights": len(constants),
        "weight_bytes": sum(c.nbytes for c in constants),
    }
