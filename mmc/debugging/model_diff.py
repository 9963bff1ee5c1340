"""Compare two models: what became of every operator, and how far every tensor moved."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.backends.base import backend_of
from mmc.debugging.alignment import Group, agree, align
from mmc.debugging.binding import asks, bind_all
from mmc.diagnostics import UsageError
from mmc.ir import load
from mmc.options import CompileOptions
from mmc.structure import Op, Structure, read_structure, structure_of
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison

if TYPE_CHECKING:
    from mmc.layout.stored_names import StoredNames


@dataclass(frozen=True)
class Change:
    """What became of some operators: `what` is changed, added or removed."""

    what: str
    before: list[str]
    after: list[str]
    sources: list[str]
    details: list[str]


@dataclass(frozen=True)
class TensorDifference:
    """One tensor that both models compute; `sources` are the user's nodes that make it."""

    comparison: Comparison
    name_in_b: str
    sources: list[str]


@dataclass
class ModelDiff:
    """The operators' changes in order, and the tensors, worst first."""

    a: str
    b: str
    operators: tuple[int, int]
    same: int
    changes: list[Change]
    tensors: list[TensorDifference] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything is not equal."""
        return bool(self.changes) or any(not is_equal(t.comparison) for t in self.tensors)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data (mmc.diff/1)."""
        tensors = [
            {**t.comparison.to_json(), "name_in_b": t.name_in_b, "sources": t.sources}
            for t in self.tensors
        ]
        return {"schema": "mmc.diff/1", **asdict(self), "tensors": tensors}


def diff(
    a: str | Path,
    b: str | Path,
    inputs: Mapping[str, Array] | None = None,
    options: CompileOptions | None = None,
) -> ModelDiff:
    """Compare two files: .onnx, artifacts, and (structure only) dumps of the IR.

    Args:
        inputs: arrays by input name; with them, every tensor that both compute is compared.
        options: shapes and constants to bind in the models that have a name for them.
    Raises:
        MmcError: when a file cannot be read, or does not run on the inputs.
    """
    (one, also_a), (two, also_b) = read_both(Path(a), Path(b), options)
    groups = align(one, two)
    found = ModelDiff(
        str(a),
        str(b),
        (len(one.ops), len(two.ops)),
        sum(group.change == "same" for group in groups),
        [change(group, one, two) for group in groups if group.change != "same"],
    )
    if inputs is not None:
        for path in (a, b):
            if Path(path).suffix == ".ir":
                fix = "give the .onnx beside it, or leave out --inputs"
                raise UsageError("MMC003", str(path), "is text, which cannot run", fix=fix)
        pairs = list(tensor_pairs(one, two, groups))
        sides = Side(Path(a), {**inputs, **also_a}), Side(Path(b), {**inputs, **also_b})
        found.tensors = sorted(numbers(*sides, pairs, (one, two)), key=badness)
    return found


@dataclass(frozen=True)
class Side:
    """A model or artifact to run, and on what."""

    path: Path
    feeds: Mapping[str, Array]

    def run(self, names: list[str]) -> dict[str, Array]:
        """Return the outputs and named inner tensors."""
        from mmc.verification.execute import execute
        from mmc.verification.reference import JOB

        backend = backend_of(self.path)
        job = backend.job if backend else JOB
        return execute(job, self.path, self.feeds, values=names).outputs


def read_both(
    a: Path, b: Path, options: CompileOptions | None
) -> list[tuple[Structure, Mapping[str, Array]]]:
    """Return the structures, and the constants that each model takes besides its inputs.

    Raises:
        ModelError: MMC115 to MMC118 for shapes that do not fit; when a file cannot be read.
    """
    if options is None or not asks(options):
        return [(read_structure(path), {}) for path in (a, b)]
    models = {p: load(p) for p in (a, b) if p.suffix != ".ir" and backend_of(p) is None}
    taken = dict(zip(models, bind_all(models.values(), options), strict=True))
    return [
        (structure_of(models[p]), taken[p]) if p in models else (read_structure(p), {})
        for p in (a, b)
    ]


def change(group: Group, a: Structure, b: Structure) -> Change:
    """Describe what became of a group."""
    before, after = [a.ops[i] for i in group.before], [b.ops[i] for i in group.after]
    origin = dict.fromkeys(s for op in (*before, *after) for s in op.sources if s)
    details = list(_details(before[0], after[0], a, b)) if len(before) == len(after) == 1 else []
    return Change(
        group.change, [title(o) for o in before], [title(o) for o in after], list(origin), details
    )


def title(op: Op) -> str:
    """Return an operator's kind and name."""
    return f"{op.kind} {op.name!r}" if op.name else op.kind


def _details(x: Op, y: Op, a: Structure, b: Structure) -> Iterator[str]:
    for label, left, right in (
        ("kind", x.kind, y.kind),
        ("attributes", x.attributes, y.attributes),
        ("constants", ", ".join(x.constants), ", ".join(y.constants)),
        ("type", _types(x, a), _types(y, b)),
    ):
        if left != right and "?" not in (left, right):
            yield f"{label}: {left or '-'} -> {right or '-'}"
    if x.content == y.content and agree(_types(x, a), _types(y, b)):
        yield f"operands: {', '.join(x.inputs)} -> {', '.join(y.inputs)}"


def _types(op: Op, s: Structure) -> str:
    return ", ".join(s.types.get(name, "?") for name in op.outputs)


def tensor_pairs(a: Structure, b: Structure, groups: list[Group]) -> Iterator[tuple[str, str]]:
    """Yield the tensors that stand for each other: of one name, or results of matched operators."""
    named = a.named and b.named
    seen: set[str] = set()
    for group in groups:
        before = [n for i in group.before for n in a.ops[i].outputs if n]
        after = [n for i in group.after for n in b.ops[i].outputs if n]
        pairs = [(n, n) for n in after if named and n in before]
        if len(group.before) == len(group.after) == 1 and len(before) == len(after) and not pairs:
            pairs = list(zip(before, after, strict=True))
        yield from pairs
        seen.update(name for name, _ in pairs)
    if len(a.outputs) == len(b.outputs):
        same = set(a.outputs) == set(b.outputs)
        other = a.outputs if same else b.outputs
        yield from ((x, y) for x, y in zip(a.outputs, other, strict=True) if x not in seen)


def numbers(
    a: Side,
    b: Side,
    pairs: list[tuple[str, str]],
    structures: tuple[Structure, Structure],
    stored: StoredNames | None = None,
) -> Iterator[TensorDifference]:
    """Yield the comparison of every pair that both models compute in one shape.

    Codes are compared as the numbers that they stand for, unless both sides have codes.

    Args:
        stored: which tensors of `b` are known to be one of `a` in another layout.
    """
    from mmc.verification.survivors import best
    from mmc.verification.tensors import batches_of

    structure, codes = structures[0], structures[1].codes
    other, layouts = dict(pairs), {name: perm for name, (_, perm) in (stored or {}).items()}
    makers = structure.makers()
    sizes = {name: size_of(text) for name, text in structure.types.items()}
    done: set[str] = set()
    for names in batches_of([x for x, _ in pairs], sizes):
        here, there = a.run(names), b.run([other[n] for n in names])
        for name in (*names, *structure.outputs):
            partner = other.get(name, name)
            if name in done or name not in here or partner not in there:
                continue
            done.add(name)
            made = there[partner]
            if here[name].dtype.kind not in "iu" and partner in codes:
                made = real(made, *codes[partner])
            found = best(name, here[name], made, layouts.get(partner))
            if found is not None:
                origin = structure.ops[makers[name]].sources if name in makers else ()
                yield TensorDifference(found, partner, list(origin))


def real(codes: Array, scale: float, zero: int) -> Array:
    """Return the numbers that codes stand for; what are numbers already, as they are."""
    return codes if codes.dtype.kind not in "iu" else (codes.astype(np.float64) - zero) * scale


def size_of(text: str) -> int:
    """Return about how many bytes a tensor of this type has; 8 an element."""
    return 8 * math.prod(int(size) for size in re.findall(r"[\[,](\d+)", text))


def is_equal(found: Comparison) -> bool:
    """Say whether two tensors are equal."""
    return found.positions_match and not found.max_abs_error and not found.mismatches


def badness(tensor: TensorDifference) -> tuple[bool, bool, float]:
    """Return what sorts the worst first: wrong NaN, then the lowest SQNR; equal ones last."""
    found = tensor.comparison
    return found.positions_match, is_equal(found), found.level_db
