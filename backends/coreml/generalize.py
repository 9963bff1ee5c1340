"""One program for several sizes, from programs of one model that were made for fixed sizes.

They must have the same operations in the same order. An extent that differs becomes open; a
constant that differs is written so that it follows the extent: -1 or 0 in the shape of a reshape,
masks and negative places in a slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from mmc.backends.lowering import Unsupported, place_of
from mmc.counting import counted
from mmc.diagnostics import Diagnostic, LegalityError, Severity

from .program import Feature, Operation, Program, Var
from .repeats import Repeats

MOST_SHAPES = 128
SEVERAL_LISTED = 9
"""The first specification version in which several inputs may list their shapes: iOS 18."""
Shape = tuple[int, ...]


def generalize(
    programs: Sequence[Program], shapes: Mapping[str, Sequence[Shape]], *, ranged: bool
) -> Program:
    """Return the last program with open extents, and inputs that declare `shapes`.

    Args:
        programs: of one model at several sizes, two or more.
        shapes: by the ONNX names of inputs: each shape, or of a range the smallest and largest.
    Raises:
        LegalityError: MMC229, with every operation that differs in another way.
    """
    refuse_interface(programs[-1], shapes, ranged)
    refuse_other_operators(programs)
    uneven: list[Operation] = []
    repeats = Repeats(programs, have_largest(programs, shapes))
    found = list(merged(programs, uneven, repeats))
    if found:
        raise LegalityError(found)
    for features in zip(*((*p.inputs, *p.outputs) for p in programs), strict=True):
        widen_feature(features, shapes, ranged)
    for ops in zip(*(p.operations for p in programs), strict=True):
        for made in zip(*(op.outputs for op in ops), strict=True):
            made[-1].shape = widened([v.shape for v in made])
    for op in uneven:
        even_out(programs[-1], op)
    repeats.insert()
    return programs[-1]


def have_largest(programs: Sequence[Program], shapes: Mapping[str, Sequence[Shape]]) -> bool:
    """Say whether the programs are of all the largest extents of their inputs."""
    compiled = [[f.shape for p in programs for f in p.inputs if f.onnx_name == n] for n in shapes]
    largest = [
        [sorted(np.max(group, axis=0)) for group in (made, shapes[name])]
        for name, made in zip(shapes, compiled, strict=True)
    ]
    return all(all(a >= b for a, b in zip(*pair, strict=True)) for pair in largest)


def refusal(where: str, what: str, why: str = "", fix: str = "") -> Diagnostic:
    """Return the finding on what has no form for all sizes."""
    fix = fix or "fix the dimension (--dim NAME=SIZE), or compile a package for each size"
    return Diagnostic("MMC229", Severity.ERROR, where, what, why, fix)


def refuse_interface(program: Program, shapes: Mapping[str, Sequence[Shape]], ranged: bool) -> None:
    """Refuse what Core ML cannot declare."""
    if ranged:
        return
    if any(len(s) > MOST_SHAPES for s in shapes.values()):
        raise LegalityError([refusal("--dim", f"lists more than {MOST_SHAPES} sizes")])
    if len(shapes) > 1 and program.version < SEVERAL_LISTED:
        what = f"would list the shapes of {counted(len(shapes), 'input')}"
        why = "before iOS 18 one input may list its shapes"
        fix = "give a range (--dim NAME=1..4), or --target ane_ios18"
        raise LegalityError([refusal(f"inputs {', '.join(map(repr, shapes))}", what, why, fix)])


def refuse_other_operators(programs: Sequence[Program]) -> None:
    """Refuse programs that are not the same operations, and name the first that is not."""
    for ops in zip_longest(*(p.operations for p in programs)):
        codes = [op.code if op else "nothing" for op in ops]
        if len(set(codes)) > 1:
            here = next(op for op in reversed(ops) if op)
            others = " or ".join(sorted(set(codes) - {here.code}))
            where = place_of(here.code, here.sources)
            raise LegalityError([refusal(where, f"is {others} at another size")])


def merged(
    programs: Sequence[Program], uneven: list[Operation], repeats: Repeats
) -> Iterator[Diagnostic]:
    """Write the constants of the last program for all sizes; yield what has no such form.

    Reshapes that need axes of 1 added to operand or result are collected in `uneven`, what is
    repeated to the size in `repeats`.
    """
    places = [dict(defined(p)) for p in programs]
    for ops in zip(*(p.operations for p in programs), strict=True):
        last = ops[-1]
        for name, group in list(last.inputs.items()):
            for i in range(len(group)):
                operands = [op.inputs[name][i] for op in ops]
                if not same(operands, places):
                    try:
                        group[i] = general(ops, name, operands, uneven, repeats)
                    except Unsupported as reason:
                        where = place_of(last.code, last.sources)
                        yield refusal(where, f"its {name} depends on the size", str(reason))
        if len({tuple((v.dtype, len(v.shape)) for v in op.outputs) for op in ops}) > 1:
            yield refusal(place_of(last.code, last.sources), "has another rank at other sizes")


def defined(program: Program) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the id of every computed variable, and the place that defines it."""
    for i, feature in enumerate(program.inputs):
        yield id(feature.var), (-1, i)
    for i, op in enumerate(program.operations):
        for j, var in enumerate(op.outputs):
            yield id(var), (i, j)


def same(operands: Sequence[Var], places: Sequence[Mapping[int, tuple[int, int]]]) -> bool:
    """Say whether operands are the same value at every size."""
    first = operands[0]
    if not first.is_constant:
        pairs = zip(operands, places, strict=True)
        return len({known.get(id(v)) for v, known in pairs}) == 1
    return all(
        v.is_constant
        and v.dtype == first.dtype
        and (v.data is first.data or np.array_equal(np.asarray(v.data), np.asarray(first.data)))
        for v in operands[1:]
    )


def general(
    ops: Sequence[Operation],
    name: str,
    operands: Sequence[Var],
    uneven: list[Operation],
    repeats: Repeats,
) -> Var:
    """Return the operand that follows the size; raises Unsupported."""
    key = ops[-1].code, name
    if any(not v.is_constant for v in operands):
        raise Unsupported("it is computed otherwise at each size")
    if key == ("tile", "reps"):
        repeats.tile(ops)
        return operands[-1]
    if key not in FOLLOWING:
        return repeats.constant(ops, name, operands)
    wanted = [np.asarray(v.data).tolist() for v in operands]
    found = FOLLOWING[key](ops, wanted)
    if key == RESHAPE and 0 in found and len(wanted[0]) != len(ops[0].inputs["x"][0].shape):
        uneven.append(ops[-1])
    data = np.array(found, np.int32)
    return Var(f"{ops[-1].output.name}_{name}_open", "int32", data.shape, data)


def reshaped(ops: Sequence[Operation], wanted: Sequence[list[int]]) -> list[int]:
    """Return a shape with -1 for one extent that differs, and 0 for those that stay in place.

    0 needs as many axes on both sides: the shorter one is thought of with axes of 1 at its end.
    """
    given = [list(op.inputs["x"][0].shape) for op in ops]
    found = open_shape(given, wanted)
    if 0 not in found:
        return found
    rank = max(len(given[0]), len(found))
    return [*found, *[1] * (rank - len(found))]


def open_shape(given: Sequence[list[int]], wanted: Sequence[list[int]]) -> list[int]:
    """Return the shape wanted of one that is given, at every size; raises Unsupported."""
    rows, found = list(zip(*wanted, strict=True)), list(wanted[-1])
    moving = [axis for axis, row in enumerate(rows) if len(set(row)) > 1]
    if len(moving) > 1:
        pairs = list(zip(given, wanted, strict=True))
        for axis in moving:
            if all(axis < len(g) and g[axis] == w[axis] for g, w in pairs):
                found[axis] = 0
    rest = [axis for axis in moving if found[axis]]
    if len(rest) > 1:
        raise Unsupported("several extents of the result change")
    for axis in rest:
        found[axis] = -1
    return found


def even_out(program: Program, op: Operation) -> None:
    """Let a reshape have as many axes as its operand: axes of 1 come before or go after it."""
    x, y = op.inputs["x"][0], op.output
    place = next(i for i, other in enumerate(program.operations) if other is op)
    axes = np.arange(*sorted((len(x.shape), len(y.shape))), dtype=np.int32)
    where = [Var(f"{y.name}_axes", "int32", axes.shape, axes)]
    ones = (1,) * len(axes)
    if len(x.shape) < len(y.shape):
        whole = Var(f"{y.name}_whole", x.dtype, (*x.shape, *ones))
        wider = Operation("expand_dims", {"x": [x], "axes": where}, [whole], op.sources)
        program.operations.insert(place, wider)
        op.inputs["x"] = [whole]
    else:
        whole = Var(f"{y.name}_whole", y.dtype, (*y.shape, *ones))
        narrower = Operation("squeeze", {"x": [whole], "axes": where}, [y], op.sources)
        program.operations.insert(place + 1, narrower)
        op.outputs = [whole]


def sliced_begin(ops: Sequence[Operation], wanted: Sequence[list[int]]) -> list[int]:
    """Return begins; one that keeps its distance from the end counts from there."""
    return [
        row[-1] if len(set(row)) == 1 else from_end(ops, axis, row)
        for axis, row in enumerate(zip(*wanted, strict=True))
    ]


def from_end(ops: Sequence[Operation], axis: int, row: Sequence[int]) -> int:
    """Return a place as a negative number, if that is the same at every size."""
    found = {int(v) - op.inputs["x"][0].shape[axis] for v, op in zip(row, ops, strict=True)}
    if len(found) > 1 or 0 in found:
        raise Unsupported("a part begins or ends at no fixed distance from an end")
    return found.pop()


def sliced_end(ops: Sequence[Operation], wanted: Sequence[list[int]]) -> list[int]:
    """Return ends; what reaches the end of the axis is masked, other ends count from there."""
    last, found, mask = ops[-1], [], []
    for axis, row in enumerate(zip(*wanted, strict=True)):
        sizes = [op.inputs["x"][0].shape[axis] for op in ops]
        moving = len(set(row)) > 1
        stride = (last.parameter("stride") or [1] * len(wanted[0]))[axis]
        mask.append(moving and all(s - v < stride for v, s in zip(row, sizes, strict=True)))
        found.append(row[-1] if mask[-1] or not moving else from_end(ops, axis, row))
    if any(mask):
        old = last.parameter("end_mask") or [False] * len(mask)
        data = np.array([a or b for a, b in zip(old, mask, strict=True)])
        last.inputs["end_mask"] = [Var(f"{last.output.name}_end_mask", "bool", data.shape, data)]
    return found


RESHAPE = ("reshape", "shape")
Rule = Callable[[Sequence[Operation], Sequence[list[int]]], list[int]]
FOLLOWING: dict[tuple[str, str], Rule] = {
    RESHAPE: reshaped,
    ("slice_by_index", "begin"): sliced_begin,
    ("slice_by_index", "end"): sliced_end,
}
"""Operator and operand -> how the operand follows the size."""


def widened(shapes: Sequence[Shape]) -> Shape:
    """Return a shape with -1 where the shapes differ."""
    return tuple(row[0] if len(set(row)) == 1 else -1 for row in zip(*shapes, strict=True))


def widen_feature(
    features: Sequence[Feature], shapes: Mapping[str, Sequence[Shape]], ranged: bool
) -> None:
    """Open the extents of the last feature, and let an input declare its shapes."""
    last = features[-1]
    last.var.shape = widened([f.var.shape for f in features])
    last.shape = widened([f.shape for f in features])
    if declared := shapes.get(last.onnx_name):
        picture = last.picture
        turned = picture is not None and picture.axis(declared[0]) == 3
        chosen = [(n, c, h, w) for n, h, w, c in declared] if turned else declared
        last.shapes, last.ranged = tuple(chosen), ranged
