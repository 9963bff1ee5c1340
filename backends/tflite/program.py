"""A TFLite program as plain data: what lowering produces, the check reads and the writer writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from mmc.values import digest

Array = npt.NDArray[Any]

NUMPY_TYPES: dict[str, str] = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "INT64": "int64",
    "INT32": "int32",
    "INT16": "int16",
    "INT8": "int8",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "BOOL": "bool",
    "INT4": "int8",
    "INT2": "int8",
}


@dataclass(slots=True)
class Quantization:
    """real = scale * (code - zero_point); one entry per tensor, or per slice along `axis`."""

    scale: Array
    zero_point: Array
    axis: int = 0


@dataclass(slots=True)
class Tensor:
    """A TFLite tensor. `dtype` is a TensorType name; INT4 and INT2 data are unpacked int8."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None = None
    quantization: Quantization | None = None
    variable: bool = False

    def content(self) -> tuple[object, ...]:
        """Return what tells a constant from others but its name: all that it holds as digests."""
        assert self.data is not None
        q = self.quantization
        scales = None if q is None else (digest(q.scale), digest(q.zero_point), q.axis)
        return self.dtype, self.shape, digest(self.data), scales


@dataclass(slots=True)
class Operator:
    """One op: `code` is a BuiltinOperator name, -1 among the inputs is an omitted one.

    `options` is the schema's `XxxOptionsT` object; `sources` name the user's ONNX nodes.
    """

    code: str
    inputs: list[int]
    outputs: list[int]
    options: object | None = None
    version: int = 1
    sources: tuple[str, ...] = ()


@dataclass
class Program:
    """One subgraph. `inputs` and `outputs` are (ONNX name, tensor index) in signature order."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[tuple[str, int]] = field(default_factory=list)
    outputs: list[tuple[str, int]] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)


def compact(program: Program) -> None:
    """Drop tensors that no operator, input or output names: a file would hold their data."""
    ends = [index for _, index in (*program.inputs, *program.outputs)]
    named = {i for op in program.operators for i in (*op.inputs, *op.outputs)} | {*ends}
    kept = sorted(named - {-1})
    places = {old: new for new, old in enumerate(kept)} | {-1: -1}
    program.tensors = [program.tensors[index] for index in kept]
    for op in program.operators:
        op.inputs = [places[index] for index in op.inputs]
        op.outputs = [places[index] for index in op.outputs]
    program.inputs = [(name, places[index]) for name, index in program.inputs]
    program.outputs = [(name, places[index]) for name, index in program.outputs]
