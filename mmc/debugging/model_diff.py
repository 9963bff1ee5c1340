"""Compare two models: what became of every operator, and how far every tensor moved."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmc.debugging.alignment import Group, agree, align
from mmc.diagnostics import UsageError
from mmc.structure import Op, Structure, read_structure
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison


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


def diff(a: str | Path, b: str | Path, inputs: Mapping[str, Array] | None = None) -> ModelDiff:
    """Compare two files: .onnx, artifacts, and (structure only) dumps of the IR.

    Args:
        inputs: arrays by input name; with them, every tensor that both compute is compared.
    Raises:
        MmcError: when a file cannot be read, or does not run on the inputs.
    """
    one, two = read_structure(Path(a)), read_structure(Path(b))
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
        found.tensors = sorted(numbers(Path(a), Path(b), inputs, pairs, one), key=badness)
    return found


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
    a: Path,
    b: Path,
    inputs: Mapping[str, Array],
    pairs: list[tuple[str, str]],
    structure: Structure,
) -> Iterator[TensorDifference]:
    """Yield the comparison of every pair that both models compute in one shape."""
    from mmc.verification.survivors import best
    from mmc.verification.tensors import batches_of

    other = dict(pairs)
    makers = structure.makers()
    sizes = {name: size_of(text) for name, text in structure.types.items()}
    done: set[str] = set()
    for names in batches_of([x for x, _ in pairs], sizes):
        here, there = run(a, inputs, names), run(b, inputs, [other[n] for n in names])
        for name in (*names, *structure.outputs):
            partner = other.get(name, name)
            if name in done or name not in here or partner not in there:
                continue
            done.add(name)
            found = best(name, here[name], there[partner])
            if found is not None:
                origin = structure.ops[makers[name]].sources if name in makers else ()
                yield TensorDifference(found, partner, list(origin))


def run(path: Path, inputs: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
    """Return the outputs and named inner tensors of a model or artifact."""
    from mmc.backends.base import backend_of
    from mmc.verification.execute import execute
    from mmc.verification.reference import JOB

    backend = backend_of(path)
    return execute(backend.job if backend else JOB, path, inputs, values=names).outputs


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
