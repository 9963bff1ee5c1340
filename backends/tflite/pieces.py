"""A program in pieces: every operator alone, fed from outside, so that errors cannot add up.

The cuts are at the tensors that the final IR has too, under the same name and shape. Operators with
a tensor between them that only the program has (a pad before its convolution) stay together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mmc.quant.ranges import Affine
from mmc.verification.pieces import Piece

from .program import Operator, Program

Shapes = Mapping[str, tuple[int, ...]]

LIMIT = 256 << 20
"""About how many bytes the tensors may have that go into and come out of one program."""
SEGMENT = 128
"""Codes between two entries of the tables in LiteRT's 16-bit kernels, which lines connect."""
SLOPE = 1.13
"""How steep GELU is at most."""


def pieces(program: Program, known: Shapes) -> Iterator[Piece]:
    """Yield programs that together hold every operator with integer operands, cut where `known`."""
    batch: list[list[Operator]] = []
    total = 0
    for group in groups(program, known):
        if not any(is_coded(program, i) for op in group for i in (*op.inputs, *op.outputs)):
            continue
        batch.append(group)
        total += sum(4 * size(program, i) for op in group for i in (*op.inputs, *op.outputs))
        if total >= LIMIT:
            yield joined(program, batch, known)
            batch, total = [], 0
    if batch:
        yield joined(program, batch, known)


def groups(program: Program, known: Shapes) -> list[list[Operator]]:
    """Return the operators by which hang together through tensors that are not known."""
    group_of: dict[int, list[Operator]] = {}
    found: dict[int, list[Operator]] = {}
    for op in program.operators:
        mine = [op]
        for i in op.inputs:
            above = None if i < 0 or is_known(program, i, known) else group_of.get(i)
            if above is not None and above is not mine:
                found.pop(id(above), None)
                mine = merged(above, mine, group_of)
        found.pop(id(mine), None)
        found[id(mine)] = mine
        group_of.update(dict.fromkeys(op.outputs, mine))
    return list(found.values())


def merged(
    above: list[Operator], below: list[Operator], group_of: dict[int, list[Operator]]
) -> list[Operator]:
    """Return one group of two, and let their tensors know."""
    above += below
    group_of.update({i: above for op in below for i in op.outputs})
    return above


def is_known(program: Program, index: int, known: Shapes) -> bool:
    """Say whether the final IR has this computed tensor."""
    tensor = program.tensors[index]
    return tensor.data is None and not tensor.variable and known.get(tensor.name) == tensor.shape


def is_coded(program: Program, index: int) -> bool:
    """Say whether a tensor holds computed codes."""
    return index >= 0 and coding(program, index) is not None


def size(program: Program, index: int) -> int:
    """Return the number of elements of a computed tensor; constants count nothing."""
    tensor = program.tensors[index] if index >= 0 else None
    return 0 if tensor is None or tensor.data is not None else int(np.prod(tensor.shape))


def joined(program: Program, batch: Sequence[list[Operator]], known: Shapes) -> Piece:
    """Return one program of groups that are not connected: what they read is fed."""
    made = Cutter(program, known)
    for group in batch:
        made.take(group)
    return made.piece


class Cutter:
    """Copies groups of operators into a new program."""

    def __init__(self, program: Program, known: Shapes) -> None:
        self.old, self.known = program, known
        self.piece = Piece(Program())
        self.fed: dict[int, int] = {}
        self.made: dict[int, int] = {}

    def take(self, group: list[Operator]) -> None:
        """Add a group; its known results are outputs."""
        for op in group:
            inputs = [self.read(i) for i in op.inputs]
            outputs = [self.write(i, op, len(group)) for i in op.outputs]
            self.piece.program.operators.append(replace(op, inputs=inputs, outputs=outputs))

    def read(self, index: int) -> int:
        """Return the tensor that stands for an operand: a constant, a fed one, or an inner one."""
        if index < 0:
            return index
        if self.old.tensors[index].data is None and self.is_cut(index):
            if index not in self.fed:
                self.fed[index] = self.copy(index, "fed ")
                name = self.old.tensors[index].name
                self.piece.program.inputs.append((name, self.fed[index]))
                self.piece.inputs[name] = coding(self.old, index)
            return self.fed[index]
        if index not in self.made:
            self.made[index] = self.copy(index)
        return self.made[index]

    def write(self, index: int, op: Operator, operators: int) -> int:
        """Return the tensor for a result. Floats that stand for codes count as codes do."""
        self.made[index] = self.copy(index)
        if self.is_cut(index):
            name = self.old.tensors[index].name
            self.piece.program.outputs.append((name, self.made[index]))
            unpacked = op.code == "DEQUANTIZE"
            self.piece.outputs[name] = coding(self.old, op.inputs[0] if unpacked else index)
            self.piece.operators[name] = operators - unpacked
            self.piece.slack[name] = corner(self.old, op)
        return self.made[index]

    def is_cut(self, index: int) -> bool:
        """Say whether a tensor is fed and compared."""
        return is_known(self.old, index, self.known)

    def copy(self, index: int, prefix: str = "") -> int:
        """Copy a tensor."""
        tensor = self.old.tensors[index]
        self.piece.program.tensors.append(replace(tensor, name=f"{prefix}{tensor.name}"))
        return len(self.piece.program.tensors) - 1


def corner(program: Program, op: Operator) -> int:
    """Return by how many codes the table of a 16-bit GELU misses where the result saturates.

    A straight line instead of a slope that ends in a corner is off by a quarter of what the slope
    makes of a whole segment, at most.
    """
    if op.code != "GELU":
        return 0
    x, y = coding(program, op.inputs[0]), coding(program, op.outputs[0])
    if x is None or y is None or x.bits != 16 or y.scale >= x.scale:
        return 0
    return math.ceil(SLOPE * SEGMENT * x.scale / y.scale / 4)


def coding(program: Program, index: int) -> Affine | None:
    """Return what a tensor's codes stand for; None where they stand for themselves."""
    tensor = program.tensors[index]
    q = tensor.quantization
    if q is None or tensor.dtype not in ("INT8", "INT16") or tensor.data is not None:
        return None
    return Affine(8 if tensor.dtype == "INT8" else 16, float(q.scale[0]), int(q.zero_point[0]))
