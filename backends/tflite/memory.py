"""The memory of a program's activations: what LiteRT's interpreter lays out, and the best order."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from mmc.schedule import Graph, Op, Schedule, fewest_parts, planned, schedule

from .program import NUMPY_TYPES, Operator, Program, Tensor

# What LiteRT's kernels declare (measured, a test compares): the inputs that may be overwritten,
# and the operators whose output shows their input.
OVERWRITES = {
    "ADD": (0, 1),
    "SUB": (0, 1),
    "MUL": (0, 1),
    "DIV": (0, 1),
    "SOFTMAX": (0,),
    "DYNAMIC_UPDATE_SLICE": (0,),
}
VIEWS = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "BITCAST"})


def reorder(program: Program, off: Collection[int] = ()) -> Schedule:
    """Put the operators into the order that needs the least memory; return the figures.

    Operators on the CPU (`off`, by index) part the NPU's work: fewer parts come before memory.
    """
    graph = graph_of(program)
    found = schedule(graph)
    order = fewest_parts(graph, found.after.order, off) if off else found.after.order
    if order != found.after.order:
        found = planned(graph, order, found)
    program.operators = [program.operators[index] for index in found.after.order]
    return found


def graph_of(program: Program) -> Graph:
    """Return the program as data for `mmc.schedule`."""
    tensors = program.tensors
    variables = {i for i, t in enumerate(tensors) if t.variable}
    ops: list[Op] = []
    latest: dict[int, int] = {}
    for op in program.operators:
        state = variables.intersection(op.inputs)
        after = tuple(sorted({latest[t] for t in state & latest.keys()}))
        latest |= dict.fromkeys(state, len(ops))
        ops.append(_op(op, tensors, after))
    inputs = {index for _, index in program.inputs} | variables
    return Graph(
        [nbytes(t) for t in tensors], ops, tuple(sorted(inputs)), tuple(sorted(kept(program)))
    )


def nbytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor takes in the arena; constants lie elsewhere."""
    if tensor.data is not None:
        return 0
    return math.prod(tensor.shape) * np.dtype(NUMPY_TYPES[tensor.dtype]).itemsize


def kept(program: Program) -> set[int]:
    """Return the tensors that LiteRT never frees: the outputs, and results that nobody reads."""
    made = {t for op in program.operators for t in op.outputs}
    read = {t for op in program.operators for t in op.inputs}
    return {index for _, index in program.outputs} | (made - read)


def _op(op: Operator, tensors: list[Tensor], after: tuple[int, ...]) -> Op:
    read = tuple(i for i in op.inputs if i >= 0 and tensors[i].data is None)
    candidates = [op.inputs[slot] for slot in OVERWRITES.get(op.code, ()) if slot < len(op.inputs)]
    overwrites = tuple(i for i in candidates if i in read)
    view_of = op.inputs[0] if op.code in VIEWS and op.inputs[0] in read else None
    return Op(read, tuple(op.outputs), overwrites, view_of, after)
