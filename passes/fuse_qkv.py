"""One wide projection for the queries, keys and values of an attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmc.ir import (
    Array,
    DataType,
    Graph,
    Model,
    Node,
    Value,
    attrs,
    constant,
    dtype_of,
    operand,
    origin_of,
    shape_of,
)
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, adopt, remove_unused, substitute

PASSED = frozenset(
    "Reshape Transpose Expand Tile Slice Split Concat Neg Add Sub Mul"
    " RotaryEmbedding RMSNormalization LayerNormalization".split()
)
"""What may lie between a projection and attention."""


@dataclass(frozen=True)
class Projection:
    """x w + b: its nodes (last first), weight (K, M) and bias (M,)."""

    nodes: tuple[Node, ...]
    x: Value
    weight: Value
    bias: Value | None
    transposed: bool

    @property
    def result(self) -> Value:
        """The value that it makes."""
        return self.nodes[0].outputs[0]

    @property
    def width(self) -> int:
        """Its number of columns."""
        return shape_of(self.weight)[0 if self.transposed else 1]


@dataclass(frozen=True)
class FuseQkv(Pass):
    """x Wq + bq, x Wk + bk, x Wv + bv  ->  Split(x [Wq Wk Wv] + [bq bk bv]): one wide projection.

    Widths may differ (grouped queries); two projections of one input (keys and values of what an
    encoder gives) are merged unless that adds an operator, as their heads are moved together then;
    a weight that something else reads too stays.
    """

    name = "fuse-qkv"
    contract = Contract.REASSOCIATES

    def run(self, model: Model) -> int:
        """Return the number of projections that were made."""
        groups = list(groups_of(model.graph))
        made: dict[tuple[Value | None, ...], Value] = {}
        todo = [group for group in groups if worthwhile(group, groups)]
        done = 0
        for group in todo:
            if all(node.graph is not None for p in group for node in p.nodes):  # else merged before
                merge(model, group, made)
                done += 1
        return done


def groups_of(graph: Graph) -> Iterator[list[Projection]]:
    """Yield the projections of one input that lead to one attention, in graph order."""
    place = {node: i for i, node in enumerate(graph)}
    for node in graph:
        if node.op_type != "Attention" or node.domain:
            continue
        found = [p for v in node.inputs[:3] if v is not None and (p := projection(v)) is not None]
        by_input: dict[tuple[Value, bool], dict[Value, Projection]] = {}
        for p in found:
            by_input.setdefault((p.x, p.transposed), {})[p.result] = p
        for members in by_input.values():
            yield sorted(members.values(), key=lambda p: place[p.nodes[-1]])


def projection(value: Value) -> Projection | None:
    """Return the projection that makes a value, looking through what moves, scales or turns it.

    All that the value is made of must come from one projection and constants.
    """
    found: dict[Value, Projection] = {}
    todo, seen = [value], {value}
    while todo:
        here = todo.pop()
        made = here.producer()
        if made is None or made.domain:
            return None
        if (p := of_node(made)) is not None:
            found[p.result] = p
        elif made.op_type in PASSED:
            turned = made.op_type == "RotaryEmbedding"  # its angles may be computed
            operands = made.inputs[:1] if turned else made.inputs
            fresh = {v for v in operands if v is not None and constant(v) is None} - seen
            seen |= fresh
            todo += fresh
        else:
            return None
    return next(iter(found.values())) if len(found) == 1 else None


def of_node(made: Node) -> Projection | None:
    """Return the projection whose result a node makes."""
    if made.op_type == "Gemm":
        return of_gemm(made)
    if made.op_type != "Add":
        return of_matmul(made, (made,), None)
    x, bias = made.inputs
    product = x.producer() if x is not None and len(x.uses()) == 1 else None
    if x is None or product is None or x.is_graph_output():
        return None
    return of_matmul(product, (made, product), bias)


def of_gemm(node: Node) -> Projection | None:
    """Return a Gemm in normal form as a projection."""
    x, weight = node.inputs[:2]
    bias = operand(node, 2)
    options = attrs(node)
    plain = options["alpha"] == options["beta"] == 1 and not options["transA"]
    if not plain or x is None or weight is None or not is_matrix(weight):
        return None
    rows = bool(options["transB"])
    width = shape_of(weight)[0 if rows else 1]
    if bias is not None and (constant(bias) is None or shape_of(bias) != (width,)):
        return None
    return Projection((node,), x, weight, bias, rows)


def of_matmul(node: Node, nodes: tuple[Node, ...], bias: Value | None) -> Projection | None:
    """Return a MatMul, with its bias, as a projection."""
    if node.op_type != "MatMul" or node.domain or node.outputs[0].shape is None:
        return None
    x, weight = node.inputs
    if x is None or weight is None or not is_matrix(weight):
        return None
    if bias is not None and (constant(bias) is None or shape_of(bias) != shape_of(weight)[1:]):
        return None
    return Projection(nodes, x, weight, bias, transposed=False)


def is_matrix(value: Value) -> bool:
    """Say whether a value is a constant matrix, perhaps stored as integers and a scale."""
    return stored(value) is not None


def stored(value: Value) -> tuple[Value, ...] | None:
    """Return the constants that a matrix is made of: itself, or integers and a scale by column."""
    if value.is_initializer() and value.const_value is not None and len(shape_of(value)) == 2:
        return (value,)
    made = value.producer()
    cast = made.inputs[0].producer() if made is not None and made.inputs[0] is not None else None
    if made is None or cast is None or (made.op_type, cast.op_type) != ("Mul", "Cast"):
        return None
    whole, scale = cast.inputs[0], made.inputs[1]
    if whole is None or scale is None or constant(whole) is None or constant(scale) is None:
        return None
    rank, width = len(shape_of(value)), shape_of(value)[-1]
    return (whole, scale) if rank == 2 and shape_of(scale) == (1, width) else None


def worthwhile(group: list[Projection], groups: list[list[Projection]]) -> bool:
    """Say whether merging adds no operator and no second copy of a weight stays behind."""
    gemm = group[0].nodes[0].op_type == "Gemm"
    biased = any(p.bias is not None for p in group)
    after = 2 + (biased and not gemm)
    kinds = {len(stored(p.weight) or ()) for p in group}
    if len(group) < 2 or len(kinds) > 1 or (gemm and kinds == {2}):
        return False
    if sum(len(p.nodes) + 2 * len(kinds - {1}) for p in group) < after:
        return False
    members = [p for g in groups if len(g) == len(group) for p in g]
    return all(len(p.weight.uses()) == sum(m.weight is p.weight for m in members) for p in group)


def merge(
    model: Model, group: list[Projection], made: dict[tuple[Value | None, ...], Value]
) -> None:
    """Put one projection and a Split in the place of a group; equal weights are joined once."""
    out, first = Builder(), group[0]
    weight = joined(out, group, made)
    bias = out.lift(biases(group)) if any(p.bias is not None for p in group) else None
    if first.nodes[0].op_type == "Gemm":
        operands = [first.x, weight] + ([] if bias is None else [bias])
        wide = out.node("Gemm", operands, transB=int(first.transposed) or None)
    else:
        wide = out.MatMul(first.x, weight)
        wide = wide if bias is None else out.Add(wide, bias)
    sizes = np.array([p.width for p in group], np.int64)
    axis = len(first.result.shape or ()) - 1
    parts = out.node("Split", [wide, sizes], outputs=len(group), axis=axis)
    nodes = [node for p in group for node in p.nodes]
    origin = origin_of(nodes)
    adopt(model, out, first.nodes[-1], origin, "fuse-qkv")
    made[tuple(p.weight for p in group)] = weight
    for p, part in zip(group, parts, strict=True):
        substitute(p.result, part)
        remove_unused(model.graph, p.nodes)


def joined(
    out: Builder, group: list[Projection], made: dict[tuple[Value | None, ...], Value]
) -> Value:
    """Return the weights side by side."""
    known = made.get(tuple(p.weight for p in group))
    if known is not None:
        return known
    columns = list(zip(*(stored(p.weight) or () for p in group), strict=True))
    axis = 0 if group[0].transposed else 1
    wide = [np.concatenate([np.asarray(constant(v)) for v in c], axis=axis) for c in columns]
    if len(wide) == 1:
        found = out.lift(wide[0])
        assert found is not None
        return found
    kind = int(DataType.from_numpy(wide[1].dtype))
    return out.Mul(out.Cast(wide[0], to=kind), wide[1])


def biases(group: list[Projection]) -> Array:
    """Return the biases side by side, zeros where there is none."""
    dtype = dtype_of(group[0].result)
    parts = [constant(p.bias) for p in group]
    rows = [np.zeros(p.width, dtype) if b is None else b for p, b in zip(group, parts, strict=True)]
    return np.concatenate(rows)
