"""A program for people: one line an operator, or counts and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mmc.structure import Op, Structure
from mmc.values import digest

from .program import Program, Tensor


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


def program_structure(program: Program) -> Structure:
    """Return the operators and what connects them."""
    tensors = program.tensors
    constants = {
        i: f"{kind_of(t)} {digest(t.data)[:12]}"
        for i, t in enumerate(tensors)
        if t.data is not None
    }
    found = Structure(
        inputs=[tensors[i].name for _, i in program.inputs],
        outputs=[tensors[i].name for _, i in program.outputs],
        types={t.name: kind_of(t) for t in tensors},
        constants={tensors[i].name: text for i, text in constants.items()},
        codes=dict(codes_of(program)),
    )
    for op in program.operators:
        found.ops.append(
            Op(
                op.code,
                tensors[op.outputs[0]].name if op.outputs else op.code,
                tuple(tensors[i].name if i >= 0 else "" for i in op.inputs),
                tuple(tensors[i].name for i in op.outputs),
                options_text(op.options),
                op.sources,
                tuple(constants[i] for i in op.inputs if i in constants),
            )
        )
    return found


def codes_of(program: Program) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield scale and zero point of what is computed, also by the names of the signature."""
    ends = [*program.inputs, *program.outputs]
    for name, tensor in (
        *((t.name, t) for t in program.tensors if t.data is None),
        *((name, program.tensors[index]) for name, index in ends),
    ):
        if tensor.quantization is not None and tensor.quantization.scale.size == 1:
            coding = tensor.quantization
            yield name, (coding.scale.item(), coding.zero_point.item())


def options_text(options: object | None) -> str:
    """Return the options of an operator, by name."""
    shown = sorted((name, value) for name, value in vars(options).items()) if options else ()
    return " ".join(f"{name}={value}" for name, value in shown)


def kind_of(tensor: Tensor) -> str:
    """Return a tensor's type and shape."""
    scales = "" if tensor.quantization is None else f" x{tensor.quantization.scale.size}"
    return f"{tensor.dtype.lower()}[{','.join(map(str, tensor.shape))}]{scales}"
