"""A graph of operators as plain data: what the order and the layout of memory depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Op:
    """One operator; tensors are indices into `Graph.sizes`, constants need not be listed.

    `overwrites` are inputs whose memory the first output may take, by preference: the operator
    reads every element before it writes it. `view_of` is an input that the first output shows
    unchanged. `after` are operators (by index) that must come before for another reason than data.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    overwrites: tuple[int, ...] = ()
    view_of: int | None = None
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Operators in an order that is valid; `sizes` are bytes a tensor.

    `inputs` are kept from the start, `outputs` to the end: their memory is the caller's to use.
    """

    sizes: Sequence[int]
    ops: Sequence[Op]
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    producers: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find who makes what; raises ValueError where the given order is not valid."""
        producers: dict[int, int] = {}
        for position, op in enumerate(self.ops):
            for tensor in op.outputs:
                if producers.setdefault(tensor, position) != position or tensor in self.inputs:
                    raise ValueError(f"operator {position} makes tensor {tensor} a second time")
        object.__setattr__(self, "producers", producers)
        for position in range(len(self.ops)):
            if any(earlier >= position for earlier in self.predecessors(position)):
                raise ValueError(f"operator {position} comes before one that it depends on")

    def predecessors(self, position: int) -> set[int]:
        """Return the operators that must come before the one at `position`."""
        op = self.ops[position]
        made = {self.producers[t] for t in op.inputs if t in self.producers}
        return made.union(op.after)
