"""Constants that only repeat along an extent that is open: written once, repeated by the program.

Exporters spell a class token, queries or positions as a table expanded to the batch; at a fixed
size that folds to a constant with as many copies as the batch is large.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmc.backends.lowering import Unsupported

from . import leading
from .program import NUMPY_TYPES, Array, Operation, Program, Var

BROADCASTING = frozenset(
    """add equal floor_div greater greater_equal less less_equal maximum minimum mod mul not_equal
    pow real_div sub""".split()
)
"""Operators of two operands whose result is as large as the larger one."""


def copies(operands: Sequence[Var]) -> tuple[Array, tuple[int, ...]]:
    """Return what a constant repeats, and along which axes; raises Unsupported.

    Args:
        operands: the constant at every size.
    """
    arrays = [np.asarray(v.data) for v in operands]
    if len({a.ndim for a in arrays}) > 1 or len({a.dtype for a in arrays}) > 1:
        raise Unsupported("it has another rank at each size")
    extents = list(zip(*(a.shape for a in arrays), strict=True))
    axes = tuple(i for i, row in enumerate(extents) if len(set(row)) > 1)
    once = tuple(slice(1) if i in axes else slice(None) for i in range(len(extents)))
    first = [a[once] for a in arrays]
    same = all(np.array_equal(f, first[0]) for f in first)
    if not axes or not same or any((a != f).any() for a, f in zip(arrays, first, strict=True)):
        raise Unsupported("it has other numbers at each size")
    return first[0], axes


def carried(ops: Sequence[Operation], name: str, axes: tuple[int, ...], rank: int) -> bool:
    """Say whether another operand gives the result its extents along these axes."""
    if ops[-1].code not in BROADCASTING:
        return False
    for op in ops:
        (other,) = (v.shape for key, (v,) in op.inputs.items() if key != name)
        wanted = op.output.shape
        if any(axis - rank < -len(other) for axis in axes):
            return False
        if any(other[axis - rank] != wanted[axis - rank] for axis in axes):
            return False
    return True


@dataclass
class Repeats:
    """Makes what repeats along open extents; `added`: an operation, and one to come before it.

    Zeros that have an extent of a computed variable are added to the constant. They are filled, not
    multiplied by 0: what is infinite or NaN stays out of them. `complete` says that the programs
    have the largest sizes among them. `numbers`: one operation may take several constants under one
    name. `made`: what several operations take, by what it is made of.
    """

    programs: Sequence[Program]
    complete: bool
    added: list[tuple[Operation, Operation]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    made: dict[tuple[int, ...], Var] = field(default_factory=dict)

    def constant(self, ops: Sequence[Operation], name: str, operands: Sequence[Var]) -> Var:
        """Return a constant operand that follows the size; raises Unsupported."""
        try:
            base, axes = copies(operands)
        except Unsupported:
            return self.start_of(ops, name, operands)
        last = operands[-1]
        made = f"{ops[-1].output.name}_{name}{next(self.numbers)}_once"
        var = Var(made, last.dtype, base.shape, base)
        if carried(ops, name, axes, base.ndim):
            return var
        if last.dtype == "bool":
            return self.start_of(ops, name, operands)
        for axis in axes:
            var = self.wider(ops, var, axis, [v.shape[axis] for v in operands])
        return var

    def start_of(self, ops: Sequence[Operation], name: str, operands: Sequence[Var]) -> Var:
        """Return a constant of which every size has the start, cut to it; raises Unsupported."""
        if not self.complete:
            raise Unsupported("it has other numbers at each size, and no compiled size has all")
        key = tuple(map(id, operands))
        if key not in self.made:
            data, axes = leading.largest(name, operands)
            last, start = operands[-1], f"{ops[-1].output.name}_{name}{next(self.numbers)}"
            table = Var(f"{start}_table", last.dtype, data.shape, data)
            sizes: list[Var | None] = [None] * data.ndim
            for axis in axes:
                sizes[axis] = self.extent(ops, [v.shape[axis] for v in operands])
            shape = tuple(-1 if axis in axes else n for axis, n in enumerate(data.shape))
            self.made[key] = Var(f"{start}_start", last.dtype, shape)
            cut = leading.cut(start, table, sizes, self.made[key], ops[-1])
            self.added += [(ops[-1], each) for each in cut]
        return self.made[key]

    def extent(self, ops: Sequence[Operation], extents: Sequence[int]) -> Var:
        """Return an extent that is computed from an input, or what comes before; or Unsupported."""
        found = [(1, *place) for place in self.having(ops, extents)] or list(self.parts_of(extents))
        if not found:
            raise Unsupported("nothing that is computed before it has that size")
        factor, source, axis = found[-1]
        key = id(source), axis, factor
        if key not in self.made:
            start = f"{source.name}_{axis}_{factor}"
            self.made[key], steps = leading.extent(start, source, axis, factor, ops[-1])
            self.added += [(ops[-1], each) for each in steps]
        return self.made[key]

    def parts_of(self, extents: Sequence[int]) -> Iterator[tuple[int, Var, int]]:
        """Yield inputs that extents are a multiple of (windows of a picture): how many, and where.

        Sizes of batch and windows together are such.
        """
        for inputs in zip(*(p.inputs for p in self.programs), strict=True):
            shapes = [f.var.shape for f in inputs]
            for axis, row in enumerate(zip(*shapes, strict=True)):
                factors = {e / size for e, size in zip(extents, row, strict=True)}
                if len(set(row)) > 1 and len(factors) == 1 and (factor := factors.pop()) % 1 == 0:
                    yield int(factor), inputs[-1].var, axis

    def wider(self, ops: Sequence[Operation], x: Var, axis: int, extents: Sequence[int]) -> Var:
        """Return x, which is 1 wide along `axis`, repeated to the extents."""
        shape = tuple(-1 if i == axis else size for i, size in enumerate(x.shape))
        made = Var(f"{x.name}_repeated", x.dtype, shape)
        zeros = self.zeros(ops, x, axis, extents)
        self.add(ops[-1], "add", made, x=[x], y=[zeros])
        return made

    def tile(self, ops: Sequence[Operation]) -> None:
        """tile(x, repeats that follow the size)  ->  x + zeros; raises Unsupported."""
        last, reps = ops[-1], [op.parameter("reps") for op in ops]
        moving = [i for i, row in enumerate(zip(*reps, strict=True)) if len(set(row)) > 1]
        x = last.inputs["x"][0]
        others = [r for row in reps for i, r in enumerate(row) if i not in moving]
        if len(moving) != 1 or x.shape[moving[0]] != 1 or max(others, default=1) > 1:
            raise Unsupported("it is repeated along several axes")
        zeros = self.zeros(ops, x, moving[0], [row[moving[0]] for row in reps])
        last.code, last.inputs = "add", {"x": [x], "y": [zeros]}

    def zeros(self, ops: Sequence[Operation], x: Var, axis: int, extents: Sequence[int]) -> Var:
        """Return zeros with extents along one axis, and of 1 along the others of x."""
        if x.dtype == "bool":
            raise Unsupported("a mask is repeated to the size")
        last, rank = ops[-1], len(x.shape)
        found = next(self.having(ops, extents), None)
        if found is None:
            raise Unsupported("nothing that is computed before it has that size")
        source, along = found
        start = f"{last.output.name}_{x.name}_{axis}"
        line = tuple(-1 if i == along else 1 for i in range(len(source.shape)))
        if any(size != 1 for i, size in enumerate(source.shape) if i != along):
            one = Var(f"{start}_line", source.dtype, line)
            ends = [int(size == 1) for size in line]
            given: dict[str, Sequence[int] | Sequence[bool]]
            given = {"begin": [0] * len(line), "end": ends, "end_mask": [not e for e in ends]}
            self.add(last, "slice_by_index", one, x=[source], **fixed(start, given))
            source = one
        shape = tuple(-1 if i == axis else 1 for i in range(rank))
        if line != shape:
            turned = Var(f"{start}_turned", source.dtype, shape)
            self.add(last, "reshape", turned, x=[source], **fixed(start, {"shape": list(shape)}))
            source = turned
        zero = np.zeros((), NUMPY_TYPES[x.dtype])
        value = Var(f"{start}_zero", x.dtype, (), zero)
        filled = Var(f"{start}_zeros", x.dtype, shape)
        self.add(last, "fill_like", filled, ref_tensor=[source], value=[value])
        return filled

    def having(self, ops: Sequence[Operation], extents: Sequence[int]) -> Iterator[tuple[Var, int]]:
        """Yield the variables that have extents, and along which axis; other operands first.

        They are computed before the operation: other operands of it, or the inputs.
        """
        near = [[v for v in op.operands() if not v.is_constant and not v.fixed] for op in ops]
        given = [[f.var for f in p.inputs] for p in self.programs]
        aligned = near if len({len(group) for group in near}) == 1 else []
        for made in (*zip(*aligned, strict=True), *zip(*given, strict=True)):
            if len({len(v.shape) for v in made}) == 1:
                for axis in range(len(made[-1].shape)):
                    if [v.shape[axis] for v in made] == list(extents):
                        yield made[-1], axis

    def add(self, before: Operation, code: str, made: Var, **inputs: list[Var]) -> None:
        """Note an operation to come before another."""
        self.added.append((before, Operation(code, inputs, [made], before.sources)))

    def insert(self) -> None:
        """Put the operations in the last program."""
        program = self.programs[-1]
        before: dict[int, list[Operation]] = {}
        for op, made in self.added:
            before.setdefault(id(op), []).append(made)
        program.operations = [
            each for op in program.operations for each in (*before.get(id(op), ()), op)
        ]


def fixed(start: str, given: Mapping[str, Sequence[int] | Sequence[bool]]) -> dict[str, list[Var]]:
    """Return constant operands by name."""
    found = {}
    for name, values in given.items():
        data = np.array(values, bool if name.endswith("mask") else np.int32)
        found[name] = [Var(f"{start}_{name}", str(data.dtype), data.shape, data)]
    return found
