"""The scale of attention as part of the projection that makes its queries."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmc.builder import initializer
from mmc.ir import Attr, AttributeType, Model, Node, Value, attrs, constant, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.passes.fuse_qkv import Projection, projection, stored

LINEAR = frozenset({"Reshape", "Transpose", "RotaryEmbedding"})
"""What a factor passes through on its way from the scores to the projection."""


@dataclass(frozen=True)
class ScaleQueries(Pass):
    """softmax(s (x w + b) kᵀ)  ->  softmax((x (s w) + s b) kᵀ): the scores need no product by s."""

    name = "scale-queries"
    contract = Contract.REASSOCIATES
    own: bool = False
    """Leave 1 / sqrt(size), which the backend's attention multiplies by itself, instead of 1."""

    def run(self, model: Model) -> int:
        """Return the number of attentions whose scale moved."""
        attentions = [n for n in model.graph if n.op_type == "Attention" and not n.domain]
        wanted = {node: own_scale(node) if self.own else 1.0 for node in attentions}
        found = [(n, made) for n in attentions if (made := queries_of(n, wanted[n])) is not None]
        for node, made in found:
            scale(model, node, made, wanted[node])
        return len(found)


def queries_of(node: Node, wanted: float) -> Projection | None:
    """Return the projection that makes the queries of an Attention, and nothing else."""
    if math.isclose(factor_of(node), wanted, rel_tol=1e-6):
        return None
    q = node.inputs[0]
    if q is None or len(q.uses()) != 1 or q.is_graph_output():
        return None
    value, made = q, q.producer()
    while made is not None and made.op_type in LINEAR and made.inputs[0] is not None:
        value, made = made.inputs[0], made.inputs[0].producer()
    found = projection(q)
    if found is None or found.result is not value:
        return None
    own = [found.weight, *([found.bias] if found.bias is not None else [])]
    return found if all(len(v.uses()) == 1 for v in own) else None


def factor_of(node: Node) -> float:
    """Return what the scores of an Attention are multiplied by."""
    return float(attrs(node).get("scale") or own_scale(node))


def own_scale(node: Node) -> float:
    """Return 1 / sqrt(size), which an Attention multiplies by unless it says otherwise."""
    given, shape = attrs(node), shape_of(node.inputs[0])
    size = shape[3] if len(shape) == 4 else shape[2] // given["q_num_heads"]
    return 1 / math.sqrt(size)


def scale(model: Model, node: Node, queries: Projection, wanted: float) -> None:
    """Multiply weight and bias by the scale, of which `wanted` is left."""
    factor = factor_of(node) / wanted
    last = (stored(queries.weight) or (queries.weight,))[-1]
    owner = queries.nodes[-1] if last is queries.weight else queries.weight.producer()
    multiply(model, owner, last, factor)
    if queries.bias is not None:
        multiply(model, queries.nodes[0], queries.bias, factor)
    node.attributes["scale"] = Attr("scale", AttributeType.FLOAT, wanted)


def multiply(model: Model, reader: Node | None, value: Value, factor: float) -> None:
    """Let `reader` read factor times a constant."""
    data = constant(value)
    assert reader is not None
    assert data is not None
    made = initializer(model.graph, value, data * data.dtype.type(factor))
    reader.replace_input_with(list(reader.inputs).index(value), made)
