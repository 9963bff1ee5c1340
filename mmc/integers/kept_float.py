"""The operators that stay float under integer activations, and why: what a report says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import onnx_ir as ir

from mmc.integers.layers import base_of
from mmc.ir import Graph, Model, Node, constant, sources

KEPT_FLOAT = "mmc.kept-float"
"""Metadata of a node: why it is computed on floats."""
FLOAT_WEIGHT = "mmc.float-weight"
"""Metadata of a layer whose weight stays float (`mmc.integers.float_weights`)."""
CRUDE = "8 bits of its weight are most of the error at the outputs"
DELICATE = "a quotient, root or logarithm: codes are off by a large part of a small number"
EXACT = (
    "whole numbers are made of it, or it is compared for equality: codes are off by part of a step"
)
NO_KERNEL = "no integer kernel computes it rightly in this form"
COSTLY = "8 bits of what it reads or makes are most of the error at the outputs"
STEEP = (
    "its result is next to nothing beside what it is made of: kernels do not multiply by so much"
)
UNEVEN = "it joins parts of far different ranges: codes of the whole hardly tell the smallest apart"
BEYOND_HALF = "what it reads or makes has a step or an end that float16 does not hold"
SLOWER = "codes would make it no faster, their conversions counted"
LAST = "it makes an output, whose floats would be rounded to the kernel's own scale first"
NO_GRID = "the model has no scale for what it makes, and there is no data to measure one"
OWN_FLOATS = "the model itself computes it on floats"
MOVES_FLOATS = "only moves what float operators make"


@dataclass(frozen=True)
class KeptFloat:
    """One operator that stays float: the node that it came from, its type, and the reason."""

    name: str
    op: str
    why: str


def tell_floats(graph: Graph, coded: Iterable[Node], reasons: Mapping[str, Set[Node]]) -> None:
    """Note why operators stay float: those that are not `coded`, by the first reason that fits."""
    for node in {n for n in graph if computes_floats(n)} - {*coded}:
        found = (why for why, nodes in reasons.items() if node in nodes)
        node.metadata_props[KEPT_FLOAT] = next(found, MOVES_FLOATS)


def computes_floats(node: Node) -> bool:
    """Say whether a node makes floats of what is computed."""
    if node.op_type == "DequantizeLinear":
        return False
    made = [v for v in node.outputs if v.dtype == ir.DataType.FLOAT]
    return bool(made and any(constant(v) is None for v in node.inputs if v is not None))


def kept_float(model: Model) -> Iterator[KeptFloat]:
    """Yield the operators that stayed float, in graph order."""
    for node in model.graph:
        if why := node.metadata_props.get(KEPT_FLOAT):
            names = sources(node)
            yield KeptFloat(names[0] if names else str(node.name), base_of(node)[1], why)
