"""Where a program is cut when some operators run on the CPU: the NPU's parts, and what crosses.

Qualcomm's compiler makes a part of every run of consecutive operators that it takes (measured, a
test compares), so the order decides: mmc.schedule.sides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mmc.schedule import parts

from .memory import nbytes
from .program import Program


@dataclass(frozen=True)
class Cut:
    """A program's parts on the NPU, in order, and the tensors that the two sides hand over.

    Attributes:
        parts: operators by index, a tuple a part.
        crossing: computed tensors that are made on one side and read on the other.
    """

    parts: tuple[tuple[int, ...], ...]
    crossing: tuple[int, ...]


def cut(program: Program, off: Collection[int]) -> Cut:
    """Return how a program is parted; `off` are the operators (by index) that the CPU runs."""
    runs = parts(range(len(program.operators)), off)
    return Cut(tuple(runs), tuple(dict.fromkeys(crossing(program, off))))


def crossing(program: Program, off: Collection[int]) -> Iterator[int]:
    """Yield the tensors that are made on one side and read on the other, once a reader."""
    made: dict[int, bool] = {}
    for position, op in enumerate(program.operators):
        on_host = position in off
        yield from (i for i in op.inputs if made.get(i, on_host) != on_host)
        made |= dict.fromkeys(op.outputs, on_host)


def crossing_bytes(program: Program, found: Cut) -> int:
    """Return the bytes that cross in an inference."""
    return sum(nbytes(program.tensors[index]) for index in found.crossing)
