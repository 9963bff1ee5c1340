"""Does the Neural Engine take a program? All findings, from the tables of ane.toml.

Errors: Core ML refuses it. Warnings: it runs on the CPU or GPU, with its share of the compute and
how often data crosses. Notes: it could be better, or older chips lack it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from mmc.backends.lowering import place_of
from mmc.diagnostics import Diagnostic, Severity
from mmc.target import Target

from .operator import OPERATORS
from .program import NUMPY_TYPES, Operation, Program, Var

KERNELS = {"conv": "weight", "conv_transpose": "weight"}
WINDOWS = frozenset({"avg_pool", "max_pool", "l2_pool"})
BYTES = {"fp16": 2, "fp32": 4, "int32": 4, "bool": 1}
FLOATS = frozenset({"fp16", "fp32"})
INDICES = frozenset({"indices", "lengths", "shape", "begin", "end", "k"})
"""Operands that are not the data which an operator computes on."""
CLASSES = "classify"
"""What Core ML does with the scores of a classifier, after the program."""


def check(program: Program, target: Target) -> list[Diagnostic]:
    """Return every finding on `program`, in operator order; empty means clean."""
    tables = Tables(target, program)
    computing = [op for op in program.computing() if op.code != CLASSES]
    off = {id(op): reason for op in computing if (reason := tables.refused(op))}
    costs = Costs(program, frozenset(off))
    findings, is_open = [*program.findings, *newer(program, target)], program.is_open
    for op in computing:
        findings += list(emission(op, target, is_open))
        if id(op) in off:
            findings.append(off_npu(op, off[id(op)], costs, target))
        findings += list(tables.advice(op, program))
    return findings


@dataclass(frozen=True)
class Reason:
    """Why an operator leaves the engine."""

    code: str
    what: str
    source: str
    fix: str = ""


class Tables:
    """The tables of the family."""

    def __init__(self, target: Target, program: Program) -> None:
        self.target = target
        self.program = program
        self.table = target.table

    def refused(self, op: Operation) -> Reason | None:
        """Return why no chip runs the operator on the engine; None if one does."""
        if op.code in self.table["never"]:
            source, fix = self.table["never"][op.code]
            return Reason("MMC205", "the engine has no such operator", source, fix)
        if self.program.was_read and OPERATORS.get(op.code) is None:
            what = "mmc does not know this operator, nor what runs it"
            return Reason("MMC208", what, "census", "write it by other operators")
        outer = op.code == "cast" and op.output.dtype in FLOATS
        for var in data_of(op):
            if var.dtype in self.table["types"] and not (outer and var.dtype in FLOATS):
                source, what = self.table["types"][var.dtype], f"{var.dtype} data"
                fix = "compute with floats, or prepare the values outside of the model"
                return Reason("MMC205", what, source, fix)
        return next(self.oversize(op), None)

    def oversize(self, op: Operation) -> Iterator[Reason]:
        """Yield which extents are beyond the engine's."""
        limits: Mapping[str, Any] = self.table["limits"]
        for var in (*data_of(op), *op.outputs):
            for name, size in extents(var):
                largest, source = limits[name]
                if size > largest:
                    what = f"{size} elements along a {name} axis, at most {largest}"
                    yield Reason("MMC206", what, source, "cut the tensor into parts")
        largest, source = limits["kernel"]
        if (width := kernel_width(op)) > largest:
            what = f"a window {width} wide, at most {largest}"
            yield Reason("MMC206", what, source, "use several smaller windows")

    def advice(self, op: Operation, program: Program) -> Iterator[Diagnostic]:
        """Yield what could be better."""
        chip, source = self.table["since"].get(op.code, ("", ""))
        older = [c for c in self.target.socs if chip and number(c) < number(chip)]
        if older:
            what = f"runs on the engine from {chip} on, elsewhere on {', '.join(older)}"
            yield note("MMC224", op, what, self.why(source))
        if op.code == "transpose" and op.output not in leaving(program):
            why = "data moves between two layouts inside the model"
            yield note("MMC222", op, "is an inner transpose", why)
        lost = sum(map(self.waste, op.outputs))
        if lost > self.table["alignment"]["least_waste"]:
            what = f"pads its result {list(op.output.shape)} by {lost / 1e6:.1f} MB"
            fix = "move a longer axis to the end"
            yield note("MMC225", op, what, self.why(self.table["alignment"]["source"]), fix)

    def waste(self, var: Var) -> int:
        """Return the bytes that padding the last axis adds."""
        size, unit = BYTES.get(var.dtype, 2), self.table["alignment"]["bytes"]
        if not var.shape:
            return 0
        row = var.shape[-1] * size
        return int(elements(var.shape[:-1]) * (-row % unit))

    def why(self, source: str) -> str:
        """Spell out a source."""
        return f"{self.table['sources'][source]} (ane.toml)"


def leaving(program: Program) -> list[Var]:
    """Return the outputs, and what becomes one by a change of type only."""
    outputs = [f.var for f in program.outputs]
    casts = (op for op in program.operations if op.code == "cast" and op.output in outputs)
    return outputs + [op.inputs["x"][0] for op in casts]


def number(chip: str) -> int:
    """Return the generation of "A17 Pro"."""
    return int(chip.split()[0].removeprefix("A"))


def data_of(op: Operation) -> list[Var]:
    """Return the computed operands that are data, not places or sizes."""
    return [
        var
        for name, group in op.inputs.items()
        for var in group
        if name not in INDICES and not var.is_constant
    ]


def extents(var: Var) -> Iterator[tuple[str, int]]:
    """Yield the sizes of a tensor (N, C, ...) by the kind of axis."""
    for axis, size in enumerate(var.shape):
        if axis > 0:
            yield ("channels" if axis == 1 and len(var.shape) >= 4 else "spatial"), size


def kernel_width(op: Operation) -> int:
    """Return the last extent of a window; 0 for operators without one."""
    if op.code in KERNELS:
        return int(op.inputs[KERNELS[op.code]][0].shape[-1])
    sizes = op.parameter("kernel_sizes") if op.code in WINDOWS else None
    return int(sizes[-1]) if sizes else 0


class Costs:
    """How much each operator computes, and where data changes between the units."""

    def __init__(self, program: Program, off: frozenset[int]) -> None:
        self.work = {id(op): work(op) for op in program.computing()}
        self.total = sum(self.work.values()) or 1
        self.made = {id(v): id(op) for op in program.computing() for v in op.outputs}
        self.off = off
        self.users: dict[int, list[int]] = {}
        for op in program.computing():
            for var in op.operands():
                self.users.setdefault(id(var), []).append(id(op))

    def share(self, op: Operation) -> float:
        """Return the operator's part of the model's compute."""
        return self.work[id(op)] / self.total

    def crossings(self, op: Operation) -> int:
        """Return how many of its operands and results change between engine and CPU."""
        before = {id(v) for v in op.operands() if id(v) in self.made}
        into = sum(self.made[v] not in self.off for v in before)
        out = sum(
            any(user not in self.off for user in self.users.get(id(v), ())) for v in op.outputs
        )
        return into + out


def work(op: Operation) -> int:
    """Return the multiplications of an operator, at least one for each element of its results."""
    made = sum(elements(v.shape) for v in op.outputs)
    if op.code in ("conv", "linear"):
        return made * prod(op.inputs["weight"][0].shape[1:])
    if op.code == "conv_transpose":
        weight, x = op.inputs["weight"][0], op.inputs["x"][0]
        return elements(x.shape) * prod(weight.shape[1:])
    if op.code == "matmul":
        x = op.inputs["x"][0]
        return made * max(1, x.shape[-2 if op.parameter("transpose_x", False) else -1])
    if op.code == "scaled_dot_product_attention":
        query, key = op.inputs["query"][0], op.inputs["key"][0]
        return 2 * elements(query.shape) * max(key.shape[-2], 1)
    return made


def elements(shape: tuple[int, ...]) -> int:
    """Return the number of elements; an open extent counts as 1."""
    return prod(max(size, 1) for size in shape)


def newer(program: Program, target: Target) -> Iterator[Diagnostic]:
    """Yield that the target's system does not load the package, which is for a later one."""
    least, given = program.version, target.settings["version"]
    if program.was_read and least > given:
        what = f"is for a later system than {target.name}: its specification version is {least}"
        why = f"Core ML of {target.name} loads versions up to {given}"
        fix = f"compile it for {target.name}, or check it for the target that it was made for"
        yield Diagnostic("MMC240", Severity.ERROR, "package", what, why, fix)


def where(op: Operation) -> str:
    """Name an operator for the user."""
    return place_of(op.code, op.sources)


def emission(op: Operation, target: Target, is_open: bool) -> Iterator[Diagnostic]:
    """Yield what Core ML refuses: too many axes, open dimensions, types it does not have."""
    for var in (*data_of(op), *op.outputs):
        if len(var.shape) > target.max_rank:
            what, fix = f"has rank {len(var.shape)}", "merge axes"
            why = target.sources["max_rank"]
            yield Diagnostic("MMC204", Severity.ERROR, where(op), what, why, fix)
        elif not is_open and any(size < 0 for size in var.shape):
            what = "has a shape that is known at run time only"
            fix = "fix the dimensions with --input-shape or --dim"
            why = f"'{var.name}' is {list(var.shape)}"
            yield Diagnostic("MMC203", Severity.ERROR, where(op), what, why, fix)
        elif var.dtype not in NUMPY_TYPES:
            what = f"has values of type {var.dtype}"
            why = target.sources["coreml"]
            yield Diagnostic("MMC204", Severity.ERROR, where(op), what, why)


def off_npu(op: Operation, reason: Reason, costs: Costs, target: Target) -> Diagnostic:
    """Return the finding for an operator that the CPU or GPU runs in the engine's stead."""
    share, crossings = 100 * costs.share(op), costs.crossings(op)
    figures = f"{share:.1f} % of the compute, {crossings} crossing{'s' * (crossings != 1)}"
    source = f"{target.sources[reason.source]} (ane.toml)"
    what = f"runs on the CPU: {reason.what} ({figures})"
    return Diagnostic(reason.code, Severity.WARNING, where(op), what, source, reason.fix)


def note(code: str, op: Operation, what: str, why: str, fix: str = "") -> Diagnostic:
    """Return a finding that costs speed only."""
    return Diagnostic(code, Severity.NOTE, where(op), what, why, fix)
