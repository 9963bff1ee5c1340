""".tflite -> Program: the inverse of the writer, for files of any origin, also damaged ones.

Constants are views into the mapped file (sub-byte types are unpacked). Nothing in the file is
believed: every index, length and size is checked, and what does not fit is a ModelError.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.counting import counted
from mmc.diagnostics import ModelError

from .flatbuffer import SOURCES
from .packing import from_stored, stored_bytes
from .program import NUMPY_TYPES, Array, Operator, Program, Quantization, Tensor

IDENTIFIER = b"TFL3"
# More entries than any real model has: a damaged length must not keep us busy for hours.
MOST_ENTRIES = 1_000_000
SHOWN = 8
"""Dimensions of a damaged shape that a message shows."""
DAMAGE = (
    struct.error,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def read(path: str | os.PathLike[str]) -> Program:
    """Return the program in the file; a model without a signature is given its tensors' names.

    Raises:
        ModelError: MMC120 if the file cannot be opened or is not .tflite, MMC121 if it is damaged,
            MMC122 if it holds what a Program cannot express.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < 8:
                raise ModelError("MMC120", str(path), "is not a .tflite file: too short")
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise ModelError("MMC120", str(path), "cannot be read", why=str(error)) from error
    if content[4:8] != IDENTIFIER:
        raise ModelError("MMC120", str(path), "is not a .tflite file: no TFL3 identifier")
    try:
        return Reader(content).program()
    except DAMAGE as error:
        why = f"{type(error).__name__}: {error}"
        raise ModelError("MMC121", str(path), "is a damaged .tflite file", why=why) from error


def names(enum: type) -> dict[int, str]:
    """Return the names of a schema enum by number."""
    return {v: k for k, v in vars(enum).items() if isinstance(v, int)}


TENSOR_TYPES = names(schema.TensorType)
BUILTINS = names(schema.BuiltinOperator)


class Reader:
    """Reads one mapped file; every method raises one of DAMAGE where the file makes no sense."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self.model = schema.Model.GetRootAs(content)
        self.buffers = entries(self.model.BuffersLength, self.model.Buffers)

    def program(self) -> Program:
        """Return the model's only subgraph."""
        graphs = entries(self.model.SubgraphsLength, self.model.Subgraphs)
        if len(graphs) != 1:
            raise ModelError(
                "MMC122", "the file", f"has {counted(len(graphs), 'subgraph')}, mmc reads one"
            )
        graph = graphs[0]
        found = dict(self.metadata())
        tensors = [self.tensor(t) for t in entries(graph.TensorsLength, graph.Tensors)]
        operators = self.operators(graph)
        for op in operators:
            check_indices(op.inputs, len(tensors), first=-1)
            check_indices(op.outputs, len(tensors))
        restore_sources(operators, tensors, found.pop(SOURCES, b"{}"))
        inputs, outputs = self.signature(graph, tensors)
        return Program(tensors, operators, inputs, outputs, found)

    def metadata(self) -> list[tuple[str, bytes]]:
        """Return the names and bytes of the metadata."""
        found = entries(self.model.MetadataLength, self.model.Metadata)
        return [(text(m.Name()), bytes(self.constant(m.Buffer()))) for m in found]

    def constant(self, index: int) -> memoryview:
        """Return the bytes of a buffer that must hold some."""
        data = self.stored(index)
        if data is None:
            raise ValueError(f"buffer {index} is empty")
        return data

    def stored(self, index: int) -> memoryview | None:
        """Return the bytes of a buffer, or None for one without data: the tensor is computed."""
        check_indices([index], len(self.buffers))
        buffer = self.buffers[index]
        start, size = buffer.Offset(), buffer.Size()
        if start <= 1:
            field = buffer._tab.Offset(4)
            if not field:
                return None
            start, size = buffer._tab.Vector(field), buffer._tab.VectorLen(field)
        if start < 0 or start + size > len(self.content):
            raise ValueError(f"buffer {index} ends at {start + size} of {len(self.content)} bytes")
        return self.content[start : start + size]

    def tensor(self, tensor: Any) -> Tensor:
        """Return one tensor, its constant as a view."""
        name = text(tensor.Name())
        dtype = TENSOR_TYPES[tensor.Type()]
        shape = tuple(integers(tensor.ShapeAsNumpy()))
        if any(extent < 0 for extent in shape):
            more = ", ..." if len(shape) > SHOWN else ""
            known = ", ".join(map(str, shape[:SHOWN]))
            raise ValueError(f"tensor {name!r} has shape [{known}{more}]")
        data = self.data(tensor.Buffer(), name, dtype, shape)
        quantization = to_quantization(tensor.Quantization())
        return Tensor(name, shape, dtype, data, quantization, bool(tensor.IsVariable()))

    def data(self, index: int, name: str, dtype: str, shape: tuple[int, ...]) -> Array | None:
        """Return the constant in a tensor's buffer, or None if it is computed."""
        raw = self.stored(index)
        if raw is None or (len(raw) == 0 and math.prod(shape) > 0):
            return None
        if dtype not in NUMPY_TYPES:
            raise ModelError("MMC122", f"tensor {name!r}", f"constants of type {dtype}")
        if stored_bytes(dtype, shape) != len(raw):
            raise ValueError(f"{dtype}{list(shape)} {name!r} has {counted(len(raw), 'byte')}")
        return from_stored(np.frombuffer(raw, np.uint8), dtype, shape)

    def operators(self, graph: Any) -> list[Operator]:
        """Return the operators in order of execution."""
        codes = entries(self.model.OperatorCodesLength, self.model.OperatorCodes)
        found = entries(graph.OperatorsLength, graph.Operators)
        check_indices([op.OpcodeIndex() for op in found], len(codes))
        return [to_operator(op, codes[op.OpcodeIndex()]) for op in found]

    def signature(
        self, graph: Any, tensors: list[Tensor]
    ) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """Return the named inputs and outputs: the first signature's, else the graph's own."""
        signatures = entries(self.model.SignatureDefsLength, self.model.SignatureDefs)
        if signatures:
            first = signatures[0]
            inputs = to_named(entries(first.InputsLength, first.Inputs))
            outputs = to_named(entries(first.OutputsLength, first.Outputs))
        ins = integers(graph.InputsAsNumpy())
        outs = integers(graph.OutputsAsNumpy())
        check_indices([*ins, *outs], len(tensors))
        if not signatures:
            return [(tensors[i].name, i) for i in ins], [(tensors[i].name, i) for i in outs]
        check_indices([i for _, i in inputs + outputs], len(tensors))
        return inputs, outputs


def entries(length: Callable[[], int], get: Callable[[int], Any]) -> list[Any]:
    """Return the tables of a vector."""
    count = length()
    if not 0 <= count <= MOST_ENTRIES:
        raise ValueError(f"a vector has {count} entries")
    return [get(index) for index in range(count)]


def integers(found: Any) -> list[int]:
    """Return the numbers of a vector, which the schema gives as an array, or as 0 if it is none."""
    return found.tolist() if isinstance(found, np.ndarray) else []


def text(raw: Any) -> str:
    """Return a string of the file; names need not be valid UTF-8, JSON need not hold strings."""
    if isinstance(raw, str):
        return raw
    return "" if raw is None else bytes(raw).decode(errors="replace")


def check_indices(indices: Sequence[int], count: int, first: int = 0) -> None:
    """Raise IndexError unless every index is in first..count-1."""
    for index in indices:
        if not first <= index < count:
            raise IndexError(f"index {index} of {count}")


def to_named(found: list[Any]) -> list[tuple[str, int]]:
    """Return a signature's names and tensor indices."""
    return [(text(entry.Name()), entry.TensorIndex()) for entry in found]


def to_quantization(found: Any) -> Quantization | None:
    """Return the affine parameters, or None if there are no scales."""
    if found is None or not found.ScaleLength():
        return None
    if found.DetailsType():
        raise ModelError("MMC122", "a tensor", "blockwise or custom quantization")
    scale = np.array(found.ScaleAsNumpy(), np.float32)
    zero_point = np.zeros(scale.size, np.int64)
    if found.ZeroPointLength():
        zero_point = np.array(found.ZeroPointAsNumpy(), np.int64)
    return Quantization(scale, zero_point, found.QuantizedDimension())


def to_operator(op: Any, code: Any) -> Operator:
    """Return one operator; a custom one is called CUSTOM:name."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = BUILTINS[number]
    if name == "CUSTOM":
        name = f"CUSTOM:{text(code.CustomCode())}"
    options = schema.BuiltinOptionsCreator(op.BuiltinOptionsType(), op.BuiltinOptions())
    if op.BuiltinOptions2Type():
        options = schema.BuiltinOptions2Creator(op.BuiltinOptions2Type(), op.BuiltinOptions2())
    inputs = integers(op.InputsAsNumpy())
    outputs = integers(op.OutputsAsNumpy())
    return Operator(name, inputs, outputs, options, code.Version())


def restore_sources(operators: list[Operator], tensors: list[Tensor], stored: bytes) -> None:
    """Give each operator the names of its ONNX nodes, where the file has them."""
    origins = json.loads(stored)
    for op in operators:
        if op.outputs:
            op.sources = tuple(map(text, origins.get(tensors[op.outputs[0]].name, ())))
