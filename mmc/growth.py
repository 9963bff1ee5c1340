"""Whether a rewrite would make the file larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx_ir import Node, Value

from mmc.matching import NoMatch
from mmc.values import constant

OPERATOR = 256
"""About what an operator with its result takes in a TFLite file; a merge frees that much."""

SMALL = 1024
"""Constants up to this size are compared byte by byte."""


def check_growth(nodes: Sequence[Node], out: Any, most: int) -> None:
    """Refuse a replacement of nodes whose constants take `most` bytes beyond what it frees.

    A constant that is one of theirs in another shape is stored once.
    """
    read = {v for n in nodes for v in n.inputs if v is not None and v.is_initializer()}
    made = [v for v in out.tape.initializers if v.uses()]
    shared = [(new, old) for new in made for old in read if same(new, old)]
    gone, kept = {*nodes}, {old for _, old in shared}
    freed = [v for v in read - kept if all(use.node in gone for use in v.uses())]
    added = {*made} - {new for new, _ in shared}
    grown = sum(map(bytes_of, added)) - sum(map(bytes_of, freed))
    if grown > most:
        raise NoMatch(f"its constants would take {grown} bytes more")


def bytes_of(value: Value) -> int:
    """Return the size of a constant."""
    return 0 if value.const_value is None else value.const_value.nbytes


def same(a: Value, b: Value) -> bool:
    """Say whether two constants are views of one array, or equal small ones, in the same order."""
    x, y = constant(a), constant(b)
    if x is None or y is None or x.nbytes != y.nbytes or x.dtype != y.dtype:
        return False
    if x.nbytes <= SMALL:
        return x.tobytes() == y.tobytes()
    return bool(np.may_share_memory(x, y) and x.flags.c_contiguous and y.flags.c_contiguous)
