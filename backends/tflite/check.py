"""Does a target take a program? All findings, at the three levels of docs/legality.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import place_of
from mmc.counting import counted
from mmc.diagnostics import NOT_COMPILED, OFF_NPU, Diagnostic, Severity
from mmc.target import Support, Target, Verdict, load_target

from .cell_tables import AT_INPUT, SHAPE_INPUT
from .cells import cell, features
from .memory import nbytes
from .partitions import crossing_bytes, cut
from .program import Operator, Program
from .wording import describe, describe_cell, describe_feature

PARTED = "MMC211"
BUILTIN = frozenset(n for n in dir(schema.BuiltinOperator) if n[0] != "_") - {"CUSTOM", "DELEGATE"}


Judged = list[list[Diagnostic]]
"""What the tables say, a list an operator."""


def check(program: Program, target: Target, judged: Judged | None = None) -> list[Diagnostic]:
    """Return every finding on `program`, in operator order; empty means clean.

    Errors: it cannot be emitted right. Warnings: it runs off the NPU. Notes: it could be better.

    Args:
        judged: what `judge` says, where that is known.
    """
    graph, judged = Uses.of(program), judged or judge(program, target)
    findings = [
        finding
        for op, said in zip(program.operators, judged, strict=True)
        for finding in (
            *emission(program, op),
            *said,
            *advice(program, op, target, graph),
        )
    ]
    return [*findings, *parted(program, off_among(judged), target)]


def judge(program: Program, target: Target) -> Judged:
    """Return what the tables say, a list an operator."""
    fallback = load_target(target.fallback) if target.fallback else target
    return [[*legality(program, op, target, fallback)] for op in program.operators]


def off_among(judged: Sequence[Sequence[Diagnostic]]) -> set[int]:
    """Return which operators, by index, are left to the CPU: all, if one stops the compiler."""
    if any(d.code == NOT_COMPILED for said in judged for d in said):
        return set(range(len(judged)))
    return {i for i, said in enumerate(judged) if any(d.code in OFF_NPU for d in said)}


def parted(program: Program, off: set[int], target: Target) -> Iterator[Diagnostic]:
    """Yield that operators on the CPU cut the NPU's work into parts, and what that moves."""
    found = cut(program, off)
    if not off or len(found.parts) < 2:
        return
    what = f"runs in {len(found.parts)} parts, cut by the operators on the CPU"
    why = "nothing crosses between CPU and NPU: in another order it would be fewer parts"
    fix = "mend the operators that are named above, those with most work behind them first"
    if found.crossing:
        size, number = crossing_bytes(program, found) / 1e6, counted(len(found.crossing), "tensor")
        largest = max(found.crossing, key=lambda i: nbytes(program.tensors[i]))
        why = (
            f"{size:.2g} MB in {number} cross between CPU and NPU in an inference, the largest is"
            f" '{program.tensors[largest].name}'"
        )
    yield Diagnostic(PARTED, Severity.NOTE, target.name, what, why, fix)


@dataclass(frozen=True)
class Uses:
    """The tensors that an operator of the program writes or reads."""

    written: frozenset[int]
    read: frozenset[int]

    @classmethod
    def of(cls, program: Program) -> Uses:
        """Collect them."""
        return cls(
            frozenset(i for op in program.operators for i in op.outputs),
            frozenset(i for op in program.operators for i in op.inputs),
        )


def where(op: Operator) -> str:
    """Name an operator for the user."""
    return place_of(op.code, op.sources)


def emission(program: Program, op: Operator) -> Iterator[Diagnostic]:
    """Yield what no target can take: custom operators, shapes known at run time."""
    if op.code not in BUILTIN:
        yield error(
            "MMC210",
            op,
            "is a custom operator",
            "no runtime has it without code of its own, and mmc writes none",
            "express the node by standard ONNX operators",
        )
    for index in (*op.inputs, *op.outputs):
        if index >= 0 and any(size < 0 for size in program.tensors[index].shape):
            tensor = program.tensors[index]
            yield open_shape(op, f"tensor '{tensor.name}' has shape {list(tensor.shape)}")
            return
    position = SHAPE_INPUT.get(op.code, -1)
    if 0 <= position < len(op.inputs) and op.inputs[position] >= 0:
        tensor = program.tensors[op.inputs[position]]
        if tensor.data is None:
            yield open_shape(op, f"its operand '{tensor.name}', which sets the shape, is computed")


def open_shape(op: Operator, why: str) -> Diagnostic:
    """Return the finding for a shape that is not known before the model runs."""
    fix = "fix the dimensions with --input-shape or --dim, or bind the input with --const"
    return error("MMC203", op, "has a shape that is known at run time only", why, fix)


def error(code: str, op: Operator, what: str, why: str, fix: str) -> Diagnostic:
    """Return a finding that stops the emission."""
    return Diagnostic(code, Severity.ERROR, where(op), what, why, fix)


def legality(
    program: Program, op: Operator, target: Target, fallback: Target
) -> Iterator[Diagnostic]:
    """Yield what the tables say of one operator."""
    if op.code not in BUILTIN:
        return
    key = (op.code, cell(program, op), features(program, op))
    support, on_host = target.support(*key), fallback.support(*key)
    beside = at_input(support, target, *key)
    if beside is not support and reads_input(program, op):
        support = beside
    refused = refusal(op, on_host, fallback)
    what = "would compute wrong values without an error"
    if on_host.verdict is Verdict.WRONG:
        yield error("MMC202", op, what, refused, fix_for(target, fallback, op, on_host))
    elif support.verdict is Verdict.WRONG:
        said = refusal(op, support, target)
        yield error("MMC202", op, what, said, fix_for(target, fallback, op, support))
    elif not support.ok and on_host.verdict is Verdict.NO:
        what = "is executed by no kernel of this target"
        yield error("MMC204", op, what, refused, fix_for(target, fallback, op, support))
    elif target.runs_on == "npu" and not support.ok:
        yield off_npu(op, support, target, fallback)
    elif target.runs_on == "npu" and on_host.verdict is Verdict.NO:
        yield note("MMC223", op, "runs on the NPU only: the host cannot verify it", refused)


def reads_input(program: Program, op: Operator) -> bool:
    """Say whether an operand is an input of the model."""
    return any(index in op.inputs for _, index in program.inputs)


def at_input(
    support: Support, target: Target, code: str, cell: str, forms: tuple[str, ...]
) -> Support:
    """Return what holds of an operator that reads an input of the model.

    An entry on just this counts; else one on the plain cell, unless these forms have an entry.
    """
    known = target.ops.get(code, {})
    exact = known.get(f"{cell} | {'+'.join((*forms, AT_INPUT))}")
    plain = known.get(f"{cell} | {AT_INPUT}")
    measured = bool(forms) and f"{cell} | {'+'.join(forms)}" in known
    return exact or (plain if plain and not measured else support)


def off_npu(op: Operator, support: Support, target: Target, fallback: Target) -> Diagnostic:
    """Return the finding for an operator that the host runs in the NPU's stead."""
    entry, _, feature = support.entry.partition(" | ")
    form = ("MMC206", describe_feature(feature)) if feature else ("MMC205", describe_cell(entry))
    code, what = {
        Verdict.NO_COMPILE: (NOT_COMPILED, "it is selected for the NPU and does not compile there"),
        Verdict.UNKNOWN: ("MMC208", "this form was never measured"),
    }.get(support.verdict, form)
    place = "keeps the whole model" if code == NOT_COMPILED else "runs"
    return Diagnostic(
        code,
        Severity.WARNING,
        where(op),
        f"{place} on the CPU: {what}",
        refusal(op, support, target),
        fix_for(target, fallback, op, support),
    )


def refusal(op: Operator, support: Support, target: Target) -> str:
    """Say what the table says, and where it has it from."""
    said = f"{op.code} with {describe(support.entry)}"
    if support.verdict is Verdict.UNKNOWN:
        return f"{said} is not in the table of {target.name} ({target.family}.toml)"
    words = {
        Verdict.NO: "is refused by",
        Verdict.NO_COMPILE: "stops the compiler for",
        Verdict.WRONG: "is silently wrong on",
        Verdict.YES: "is taken by",
    }
    taken = f"; {support.architectures}" if "yes" in support.architectures else ""
    source = f"{target.family}.toml, {support.source}"
    return f"{said} {words[support.verdict]} {target.name}{taken} ({source})"


def fix_for(target: Target, fallback: Target, op: Operator, support: Support) -> str:
    """Return the most specific hint: by operator and type, operator and form, then any operator."""
    entry, _, feature = support.entry.partition(" | ")
    kinds = [part for part in (entry, *feature.split("+"), entry.split(" ")[0]) if part]
    for operator in (op.code, "*"):
        for kind in kinds:
            for table in (target.fixes, fallback.fixes):
                if f"{operator} {kind}" in table:
                    return table[f"{operator} {kind}"]
    return ""


def advice(program: Program, op: Operator, target: Target, graph: Uses) -> Iterator[Diagnostic]:
    """Yield the legal forms that have a faster one."""
    name = cell(program, op) if op.code == "BATCH_MATMUL" else ""
    if " w=" in name and not many_matrices(program, op):
        why = "a constant operand is packed once by FULLY_CONNECTED, each time by BATCH_MATMUL"
        yield note("MMC221", op, "multiplies by a constant", why, "use FULLY_CONNECTED")
    inner = set(op.inputs[:1]) <= graph.written and set(op.outputs) <= graph.read
    if op.code == "TRANSPOSE" and inner:
        why = "data moves between two layouts inside the model"
        yield note("MMC222", op, "is an inner transpose", why)


def many_matrices(program: Program, op: Operator) -> bool:
    """Say whether a constant operand is several matrices, which FULLY_CONNECTED does not take."""
    operands = [program.tensors[i] for i in op.inputs]
    return any(t.data is not None and math.prod(t.shape[:-2]) > 1 for t in operands)


def note(code: str, op: Operator, what: str, why: str, fix: str = "") -> Diagnostic:
    """Return a finding that costs speed only."""
    return Diagnostic(code, Severity.NOTE, where(op), what, why, fix)
