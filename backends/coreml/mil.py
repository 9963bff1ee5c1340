"""What an ML Program says, as plain data: the evaluator's own view of a saved package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STORED = {
    "BOOL": np.dtype(np.bool_),
    "FLOAT16": np.dtype("<f2"),
    "FLOAT32": np.dtype("<f4"),
    "FLOAT64": np.dtype("<f8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT4": np.dtype(np.int8),
    "UINT1": np.dtype(np.uint8),
    "UINT2": np.dtype(np.uint8),
    "UINT3": np.dtype(np.uint8),
    "UINT4": np.dtype(np.uint8),
    "UINT6": np.dtype(np.uint8),
}
"""Element type of the format -> the numpy type that holds its values here."""

BITS = {"INT4": 4, "UINT1": 1, "UINT2": 2, "UINT3": 3, "UINT4": 4, "UINT6": 6}
"""The types that are packed, several elements a byte."""


@dataclass(frozen=True)
class Type:
    """A tensor's element type and sizes (-1: open), or another kind of value without either."""

    kind: str
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Named:
    """A value that a function, a block or an operation defines."""

    name: str
    type: Type


@dataclass(frozen=True)
class Blob:
    """A constant that lies in the weight file: what a reader gets when it is asked for."""

    file: str
    offset: int
    type: Type


@dataclass(frozen=True)
class Reference:
    """An operand that another operation defines."""

    name: str


Literal = Array | str | Blob | tuple[Any, ...]
Operand = Reference | Literal


@dataclass(frozen=True)
class Operation:
    """One operation; a parameter that takes several values has them in order."""

    kind: str
    inputs: Mapping[str, tuple[Operand, ...]]
    attributes: Mapping[str, Literal]
    outputs: tuple[Named, ...]
    blocks: tuple[Block, ...] = ()

    @property
    def where(self) -> str:
        """Return the operation's place for messages."""
        made = f" '{self.outputs[0].name}'" if self.outputs else ""
        return f"{self.kind}{made}"


@dataclass(frozen=True)
class Block:
    """Operations in order; nested blocks see the values around them."""

    inputs: tuple[Named, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function and the number of the opset that gives its operations their meaning."""

    inputs: tuple[Named, ...]
    opset: int
    body: Block
