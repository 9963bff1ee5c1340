"""Tree ensembles, as comparisons and two products with constants.

All trees are walked at once: every split of every tree is decided, and a leaf is reached where all
the splits above it went its way. With d (T, N, I) the decisions, C (T, I, L) = +1 where leaf l lies
on the true side of split i, -1 on its false side and 0 elsewhere, and D (T, 1, L) the number of
splits that must be true, leaf l is reached exactly where d @ C = D: whole numbers below 2^24, which
float32 counts without error. The result is one product of what is reached (N, T L) with what the
leaves give (T L, K). A single tree needs no dimension T.

Source: Nakandala et al., "A Tensor Compiler for Unified Machine Learning Prediction Serving"
(GEMM), 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.classical import (
    as_float,
    classical,
    floats,
    is_open,
    rows,
    transformed,
)
from mmc.frontend.contrib.registry import Call, NotExpandable
from mmc.ir import DataType
from mmc.values import Array

if TYPE_CHECKING:
    from onnx_ir import Value

LARGEST = 64 << 20
"""Bytes that C may take: it grows with the square of a tree's leaves."""

COMPARE = {
    "BRANCH_LEQ": ("LessOrEqual", "Greater"),
    "BRANCH_LT": ("Less", "GreaterOrEqual"),
    "BRANCH_GTE": ("GreaterOrEqual", "Less"),
    "BRANCH_GT": ("Greater", "LessOrEqual"),
}
"""The comparison of a split, and its opposite: what is not that is true of NaN as well."""


@dataclass(frozen=True)
class Tree:
    """One tree: its splits and leaves as node numbers, and for each leaf the way to it."""

    splits: tuple[int, ...]
    leaves: tuple[int, ...]
    ways: tuple[tuple[tuple[int, bool], ...], ...]


@dataclass(frozen=True)
class Nodes:
    """The attributes of all nodes; position p is node `ids[p]` of tree `trees[p]`."""

    trees: Array
    ids: Array
    modes: tuple[str, ...]
    features: Array
    values: Array
    yes: Array
    no: Array
    missing: Array

    def forest(self) -> list[Tree]:
        """Return the trees, each from its first node down."""
        at = {
            (int(t), int(i)): p for p, (t, i) in enumerate(zip(self.trees, self.ids, strict=True))
        }
        roots = [
            int(np.flatnonzero(self.trees == t)[0]) for t in dict.fromkeys(self.trees.tolist())
        ]
        return [self._tree(root, at) for root in roots]

    def _tree(self, root: int, at: dict[tuple[int, int], int]) -> Tree:
        found = list(self._walk(root, at))
        splits = tuple(p for p, _ in found if self.modes[p] != "LEAF")
        leaves = [(p, way) for p, way in found if self.modes[p] == "LEAF"]
        return Tree(splits, tuple(p for p, _ in leaves), tuple(way for _, way in leaves))

    def _walk(
        self, root: int, at: dict[tuple[int, int], int]
    ) -> Iterator[tuple[int, tuple[tuple[int, bool], ...]]]:
        """Yield every node with the splits above it and the sides taken, each node once."""
        work: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(root, ())]
        seen = set[int]()
        while work:
            p, way = work.pop()
            if p in seen:
                raise NotExpandable("a node of a tree has two ways to it")
            seen.add(p)
            yield p, way
            if self.modes[p] == "LEAF":
                continue
            for side, child in ((False, self.no[p]), (True, self.yes[p])):
                place = at.get((int(self.trees[p]), int(child)))
                if place is None:
                    raise NotExpandable(f"a split goes to node {int(child)}, which is not there")
                work.append((place, (*way, (p, side))))


def modes_of(call: Call) -> tuple[str, ...]:
    """Return the mode of every node: LEAF, or how it splits."""
    given: list[Any] = call.attributes.get("nodes_modes", [])
    return tuple(m.decode() if isinstance(m, bytes) else m for m in given)


def read_nodes(call: Call) -> Nodes:
    """Return the attributes nodes_* as arrays, checked against each other and the features."""
    if any(name.endswith("_as_tensor") for name in call.attributes):
        raise NotExpandable("its numbers are double: what float32 rounds can change the decision")
    modes = modes_of(call)
    values = floats(call, "nodes_values")
    names = ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids")
    trees, ids, places, yes, no = (
        np.asarray(call.attributes.get(f"nodes_{name}", ()), np.int64) for name in names
    )
    missing = call.attributes.get("nodes_missing_value_tracks_true", ())
    missing = np.asarray(missing or [0] * len(modes), np.int64)
    if not modes or {len(a) for a in (trees, ids, places, yes, no, values, missing)} != {
        len(modes)
    }:
        raise NotExpandable("its lists nodes_* differ in length, or are empty")
    unknown = set(modes) - {*COMPARE, "LEAF"}
    if unknown:
        raise NotExpandable(f"splits of mode {', '.join(sorted(unknown))}")
    features = places.max() + 1 if is_open(call) else rows(call)
    if places.min() < 0 or places.max() >= features:
        raise NotExpandable(f"a split reads feature {places.max()} of {features}")
    return Nodes(trees, ids, modes, places, values, yes, no, missing)


def decisions(out: Any, x: Value, nodes: Nodes, forest: list[Tree], width: int) -> Value:
    """Return what every split decides as floats 0 or 1, (T, N, width); padding repeats a split.

    One tree: (N, width).
    """
    order = np.array([(t.splits + t.splits[:1] * width)[:width] for t in forest]).reshape(-1)
    read = out.Gather(x, nodes.features[order], axis=1)
    limits = nodes.values[order]
    kinds = [(nodes.modes[p], bool(nodes.missing[p])) for p in order]
    made: Any = None
    for mode, tracks in dict.fromkeys(kinds):
        holds, fails = COMPARE[mode]
        one = (
            out.Not(out.node(fails, [read, limits])) if tracks else out.node(holds, [read, limits])
        )
        number = out.Cast(one, to=int(DataType.FLOAT))
        mask = np.array([kind == (mode, tracks) for kind in kinds])
        made = number if made is None else out.Where(mask, number, made)
    if len(forest) > 1:
        by_tree = out.Reshape(made, np.array([-1, len(forest), width], np.int64))
        made = out.Transpose(by_tree, perm=[1, 0, 2])
    decided: Value = made
    return decided


def paths(forest: list[Tree], width: int, leaves: int) -> tuple[Array, Array]:
    """Return C (T, width, leaves) and D (T, 1, leaves); a leaf that is padding is never reached."""
    ways = np.zeros((len(forest), width, leaves), np.float32)
    needed = np.ones((len(forest), 1, leaves), np.float32)
    for t, tree in enumerate(forest):
        row = {p: i for i, p in enumerate(tree.splits)}
        for leaf, way in enumerate(tree.ways):
            for p, side in way:
                ways[t, row[p], leaf] = 1 if side else -1
            needed[t, 0, leaf] = sum(side for _, side in way)
    return ways, needed


def reached(out: Any, x: Value, nodes: Nodes, forest: list[Tree]) -> Value:
    """Return 1.0 for the leaf that each tree reaches, 0.0 for others: (N, T L)."""
    width = max(len(t.splits) for t in forest)
    leaves = max(len(t.leaves) for t in forest)
    if not all(t.splits for t in forest):
        raise NotExpandable("a tree has no split")
    if len(forest) * width * leaves * 4 > LARGEST:
        raise NotExpandable(f"{len(forest)} trees with up to {leaves} leaves take too much memory")
    ways, needed = paths(forest, width, leaves)
    one = len(forest) == 1
    decided = decisions(out, x, nodes, forest, width)
    counts = out.MatMul(decided, ways[0] if one else ways)
    equal = out.Equal(counts, needed[0] if one else needed)
    hit: Value = out.Cast(equal, to=int(DataType.FLOAT))
    if not one:
        by_sample = out.Transpose(hit, perm=[1, 0, 2])
        hit = out.Reshape(by_sample, np.array([-1, len(forest) * leaves], np.int64))
    return hit


def weights_of(call: Call, kind: str, nodes: Nodes, forest: list[Tree], count: int) -> Array:
    """Return what each leaf gives to each target or class, (T L, count)."""
    place = {
        (int(nodes.trees[p]), int(nodes.ids[p])): (t, leaf)
        for t, tree in enumerate(forest)
        for leaf, p in enumerate(tree.leaves)
    }
    given = np.zeros((len(forest), max(len(t.leaves) for t in forest), count), np.float32)
    lists = (call.attributes.get(f"{kind}_{n}", ()) for n in ("treeids", "nodeids", "ids"))
    for tree, node, column, weight in zip(*lists, floats(call, f"{kind}_weights"), strict=True):
        leaf = place.get((int(tree), int(node)))
        if leaf is None or not 0 <= column < count:
            raise NotExpandable(f"node {node} of tree {tree} gives to {column}, and is no leaf")
        given[*leaf, column] += weight
    return given.reshape(-1, count)


def sums_of(out: Any, call: Call, kind: str, count: int) -> Value:
    """Return the sums, or means, over trees: (N, count)."""
    nodes = read_nodes(call)
    forest = nodes.forest()
    hit = reached(out, as_float(out, call), nodes, forest)
    total: Value = out.MatMul(hit, weights_of(call, kind, nodes, forest, count))
    way = call.get("aggregate_function", "SUM")
    if way not in ("SUM", "AVERAGE"):
        raise NotExpandable(f"it takes the {way} over trees")
    if way == "AVERAGE":
        total = out.Mul(total, np.float32(1 / len(forest)))
    return total


def scores_of(out: Any, call: Call, kind: str, count: int) -> Value:
    """Return the sums over trees plus base values: (N, count)."""
    base = floats(call, "base_values")
    if base.size not in (0, count):
        raise NotExpandable(f"it has {base.size} base values for {count} results")
    total = sums_of(out, call, kind, count)
    if base.size:
        total = out.Add(total, base)
    return total


@classical("TreeEnsembleRegressor")
def tree_ensemble_regressor(out: Any, call: Call) -> Any:
    """y = sum, or mean, over trees of what the reached leaf gives, plus base values."""
    scores = scores_of(out, call, "target", call.get("n_targets", 1))
    return transformed(out, call, scores)
