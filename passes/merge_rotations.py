"""One rotation for the queries and keys that one projection makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmc.ir import Model, Node, Value, attrs, constant, is_static, origin_of, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.passes.merge_heads import only_reader
from mmc.pattern import Builder, adopt, remove_unused, substitute

HEADS = 1
"""The axis of the heads, of RotaryEmbedding's (batch, heads, length, size)."""


@dataclass(frozen=True)
class MergeRotations(Pass):
    """rotary(a), rotary(b) of neighbouring parts of a Split  ->  Split(rotary([a, b]))."""

    name = "merge-rotations"
    contract = Contract.EXACT

    def run(self, model: Model) -> int:
        """Return the number of rotations that were merged with others."""
        return sum(merge(model, node) for node in list(model.graph) if splits_heads(node))


def splits_heads(node: Node) -> bool:
    """Say whether a node splits the heads of a value of four axes."""
    x = node.inputs[0] if node.inputs else None
    if node.op_type != "Split" or node.domain or x is None or not is_static(x):
        return False
    return len(shape_of(x)) == 4 and attrs(node)["axis"] == HEADS


def merge(model: Model, split: Node) -> int:
    """Merge the runs of equal rotations among the parts of a Split."""
    runs = runs_of(split)
    merged = [r for run in runs if len(run) > 1 for r in run if r is not None]
    if not merged:
        return 0
    out, x, done = Builder(), split.inputs[0], iter(split.outputs)
    sizes = [[shape_of(next(done))[HEADS] for _ in run] for run in runs]
    wide = out.node("Split", [x, [sum(s) for s in sizes]], outputs=len(runs), axis=HEADS)
    results: list[Value] = []
    for run, size, value in zip(runs, sizes, [wide] if len(runs) == 1 else wide, strict=True):
        if len(run) == 1 or run[0] is None:
            results.append(value)
            continue
        given = {k: v for k, v in attrs(run[0]).items() if k in run[0].attributes}
        turned = out.node("RotaryEmbedding", [value, *run[0].inputs[1:]], **given)
        results.extend(out.node("Split", [turned, size], outputs=len(run), axis=HEADS))
    origin = origin_of([split, *merged])
    adopt(model, out, split, origin, "merge-rotations")
    for part, value in zip(list(split.outputs), results, strict=True):
        turned = only_reader(part, "RotaryEmbedding")
        substitute(turned.outputs[0] if turned in merged and turned is not None else part, value)
    remove_unused(model.graph, [*merged, split])
    if any(constant(angles) is None for node in merged for angles in node.inputs[1:]):
        model.graph.sort()  # angles that are made behind the Split come first now
    return len(merged)


def runs_of(split: Node) -> list[list[Node | None]]:
    """Return what rotates each part of a Split, neighbours with equal angles together."""
    runs: list[list[Node | None]] = []
    for part in split.outputs:
        rotation = only_reader(part, "RotaryEmbedding")
        if rotation is not None and depends(rotation.inputs[1:], split):
            rotation = None
        if runs and rotation is not None and equal(runs[-1][0], rotation):
            runs[-1].append(rotation)
        else:
            runs.append([rotation])
    return runs


def depends(values: Sequence[Value | None], node: Node) -> bool:
    """Say whether values are made of a node's results."""
    todo, seen = list(values), set[Node]()
    while todo:
        last = todo.pop()
        made = last.producer() if last is not None else None
        if made is node:
            return True
        if made is not None and made not in seen:
            seen.add(made)
            todo += made.inputs
    return False


def equal(a: Node | None, b: Node) -> bool:
    """Say whether two rotations turn by the same angles."""
    if a is None or attrs(a) != attrs(b) or len(a.inputs) != len(b.inputs):
        return False
    return all(same(x, y) for x, y in zip(a.inputs[1:], b.inputs[1:], strict=True))


def same(a: Value | None, b: Value | None) -> bool:
    """Say whether two values are one, or equal constants."""
    first, second = constant(a), constant(b)
    known = first is not None and second is not None
    return a is b or (known and np.array_equal(first, second))  # type: ignore[arg-type]
