"""Program -> .tflite. The weights are streamed behind the flatbuffer, never copied in memory.

Every constant lies 16-byte aligned after the tables. Up to 2 GB the file is one ordinary
flatbuffer: the weights are `ubyte` vectors that the Buffer tables point to, which every runtime
reads. Beyond, where a flatbuffer's own offsets end, Buffer.offset and Buffer.size locate them.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.diagnostics import EmitError
from mmc.spilling import write_and_forget
from mmc.staging import staged

from .packing import stored_bytes, to_stored
from .program import NUMPY_TYPES, Array, Operator, Program, Quantization, Tensor

ALIGNMENT = 16
FLATBUFFER_LIMIT = 2**31 - 2**20
LENGTH = struct.Struct("<I")
SOURCES = "mmc.sources"
SIGNATURE = "serving_default"


def write(program: Program, path: str | os.PathLike[str], *, limit: int = FLATBUFFER_LIMIT) -> None:
    """Write `program` to `path`, all or nothing; equal programs give equal bytes.

    Args:
        limit: the size in bytes from which weights are addressed by Buffer.offset and Buffer.size.
    Raises:
        EmitError: MMC401 if the file cannot be written, MMC402 if the program is inconsistent.
    """
    constants = Constants()
    model = to_model(program, constants)
    far = sum(c.nbytes + ALIGNMENT for c in constants.kept) + 2**20 > limit
    tables, positions = build(model, constants, far)
    target = Path(path)
    try:
        with staged(target) as new, open(new, "wb") as file:
            stream(file, tables, constants, positions)
    except OSError as error:
        raise EmitError(
            "MMC401", str(target), "cannot write the artifact", why=str(error)
        ) from error


@dataclass(frozen=True)
class Constant:
    """Bytes for the file: a tensor's data, packed on writing.

    Metadata is `near`, always a vector: readers do not look for it elsewhere.
    """

    tensor: Tensor
    nbytes: int
    near: bool = False

    def same_as(self, other: Tensor) -> bool:
        """Say whether `other` would be stored as the same bytes."""
        mine, theirs = self.tensor.data, other.data
        if mine is None or theirs is None:
            return mine is theirs
        return self.tensor.dtype == other.dtype and (mine is theirs or equal_bytes(mine, theirs))


@dataclass
class Constants:
    """The distinct constants, in order; constant i is buffer i + 1, as buffer 0 means "none"."""

    kept: list[Constant] = field(default_factory=list)
    known: dict[tuple[int, bytes], list[int]] = field(default_factory=dict)

    def add(self, tensor: Tensor, near: bool = False) -> int:
        """Return the buffer of the tensor's constant; equal constants share one."""
        assert tensor.data is not None
        key = (stored_bytes(tensor.dtype, tensor.shape), sample(tensor.data))
        alike = self.known.setdefault(key, [])
        for index in alike:
            if self.kept[index].same_as(tensor):
                return index + 1
        alike.append(len(self.kept))
        self.kept.append(Constant(tensor, key[0], near))
        return len(self.kept)

    def add_bytes(self, data: bytes) -> int:
        """Return the buffer that holds `data`."""
        array = np.frombuffer(data, np.uint8)
        return self.add(Tensor("", array.shape, "UINT8", array), near=True)


def sample(data: Array) -> bytes:
    """Return a few bytes that tell most arrays apart without reading all of a mapped file."""
    flat = data.reshape(-1)
    return flat[:: max(1, flat.size // 16)].tobytes()


def equal_bytes(a: Array, b: Array) -> bool:
    """Compare bit patterns: -0.0 is not 0.0, and a NaN equals itself."""
    a, b = (np.ascontiguousarray(x).reshape(-1).view(np.uint8) for x in (a, b))
    return np.array_equal(a, b)


def to_model(program: Program, constants: Constants) -> Any:
    """Return the schema's ModelT; its buffers are left to `build`."""
    codes: dict[tuple[str, int], int] = {}
    described = [  # before the tensors, so that a vector's offset reaches it in any file
        schema.MetadataT(name=name, buffer=constants.add_bytes(data))
        for name, data in metadata(program)
    ]
    graph = schema.SubGraphT(
        tensors=[to_tensor(t, constants) for t in program.tensors],
        inputs=[index for _, index in program.inputs],
        outputs=[index for _, index in program.outputs],
        operators=[to_operator(op, codes) for op in program.operators],
        name="main",
    )
    return schema.ModelT(
        version=3,
        operatorCodes=[to_code(*key) for key in codes],
        subgraphs=[graph],
        description="mmc",
        metadata=described,
        signatureDefs=[
            schema.SignatureDefT(
                inputs=[schema.TensorMapT(*entry) for entry in program.inputs],
                outputs=[schema.TensorMapT(*entry) for entry in program.outputs],
                signatureKey=SIGNATURE,
            )
        ],
    )


def metadata(program: Program) -> Iterator[tuple[str, bytes]]:
    """Yield the program's metadata, then the ONNX nodes that each operator came from.

    They are listed by the name of the operator's first output: other tools renumber operators.
    """
    yield from program.metadata.items()
    tensors = program.tensors
    origins = {tensors[op.outputs[0]].name: op.sources for op in program.operators if op.sources}
    if origins:
        yield SOURCES, json.dumps(origins, ensure_ascii=False, separators=(",", ":")).encode()


def to_tensor(tensor: Tensor, constants: Constants) -> Any:
    """Return the schema's TensorT after checking that type, shape and data agree."""
    if tensor.dtype not in NUMPY_TYPES:
        raise inconsistent(tensor.name, f"unknown tensor type {tensor.dtype}")
    data = tensor.data
    if data is not None and (data.shape, data.dtype.name) != (
        tensor.shape,
        NUMPY_TYPES[tensor.dtype],
    ):
        found = f"{data.dtype}{list(data.shape)}"
        raise inconsistent(tensor.name, f"{tensor.dtype}{list(tensor.shape)} holds {found}")
    return schema.TensorT(
        shape=np.array(tensor.shape, np.int32),
        type=getattr(schema.TensorType, tensor.dtype),
        buffer=0 if data is None else constants.add(tensor),
        name=tensor.name,
        quantization=tensor.quantization and to_quantization(tensor, tensor.quantization),
        isVariable=tensor.variable,
        hasRank=True,
    )


def to_quantization(tensor: Tensor, quantization: Quantization) -> Any:
    """Return the schema's QuantizationParametersT, affine, per tensor or per slice."""
    scale, zero_point = np.atleast_1d(quantization.scale), np.atleast_1d(quantization.zero_point)
    slices = tensor.shape[quantization.axis] if scale.size > 1 else 1
    if scale.size != slices or zero_point.size != slices:
        sizes = f"{scale.size} scales and {zero_point.size} zero points for {slices} slices"
        raise inconsistent(tensor.name, sizes)
    return schema.QuantizationParametersT(
        scale=scale.astype(np.float32),
        zeroPoint=zero_point.astype(np.int64),
        quantizedDimension=quantization.axis,
    )


def to_operator(op: Operator, codes: dict[tuple[str, int], int]) -> Any:
    """Return the schema's OperatorT; `codes` collects the distinct (code, version)."""
    result = schema.OperatorT(
        opcodeIndex=codes.setdefault((op.code, op.version), len(codes)),
        inputs=np.array(op.inputs, np.int32),
        outputs=np.array(op.outputs, np.int32),
    )
    if op.options is not None:
        name = type(op.options).__name__.removesuffix("T")
        if hasattr(schema.BuiltinOptions, name):
            result.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            result.builtinOptions = op.options
        else:
            result.builtinOptions2Type = getattr(schema.BuiltinOptions2, name)
            result.builtinOptions2 = op.options
    return result


def to_code(code: str, version: int) -> Any:
    """Return the schema's OperatorCodeT; codes above 127 exist in the newer field only."""
    number = getattr(schema.BuiltinOperator, code, None)
    if number is None or code == "CUSTOM":
        raise inconsistent(code, "is no builtin operator")
    return schema.OperatorCodeT(min(number, 127), None, version, number)


def inconsistent(where: str, what: str) -> EmitError:
    """Return the error for a program that no lowering should have made."""
    return EmitError("MMC402", where, what, fix="this is a defect of mmc, please report it")


@dataclass
class Slot:
    """Stands for a schema BufferT; packs the fields that are patched once positions are known."""

    far: bool = False
    empty: bool = False

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 (the schema calls it)
        """Write a Buffer table with a placeholder in each field it will need."""
        schema.BufferStart(builder)
        if self.far:
            schema.BufferAddOffset(builder, 1)
            schema.BufferAddSize(builder, 1)
        elif not self.empty:
            builder.PrependUint32Slot(0, 1, 0)
        return int(schema.BufferEnd(builder))


def build(model: Any, constants: Constants, far: bool) -> tuple[bytearray, list[int]]:
    """Return the finished tables and the position of each constant in the file."""
    model.buffers = [Slot(empty=True), *(Slot(far and not c.near) for c in constants.kept)]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    tables = builder.Output()
    positions = place(len(tables), [c.nbytes for c in constants.kept])
    root = schema.Model.GetRootAs(tables)
    for index, (constant, position) in enumerate(zip(constants.kept, positions, strict=True)):
        patch(tables, root.Buffers(index + 1)._tab, constant, position, far)
    return tables, positions


def place(start: int, sizes: Sequence[int]) -> list[int]:
    """Return an aligned position for each size, with room for a vector's length before it."""
    positions = []
    for size in sizes:
        positions.append(-(-(start + LENGTH.size) // ALIGNMENT) * ALIGNMENT)
        start = positions[-1] + size
    return positions


def patch(tables: bytearray, table: Any, constant: Constant, position: int, far: bool) -> None:
    """Point a Buffer table at its constant: by file offset and size, or by a vector's offset."""
    if far and not constant.near:
        struct.pack_into("<Q", tables, table.Pos + table.Offset(6), position)
        struct.pack_into("<Q", tables, table.Pos + table.Offset(8), constant.nbytes)
    else:
        field_position = table.Pos + table.Offset(4)
        struct.pack_into("<I", tables, field_position, position - LENGTH.size - field_position)


def stream(file: BinaryIO, tables: bytearray, constants: Constants, positions: list[int]) -> None:
    """Write the tables, then each constant at its position, behind its length.

    It is not read where offset and size locate the constant, which may then be longer than 4 GB.
    """
    file.write(tables)
    end = len(tables)
    for constant, position in zip(constants.kept, positions, strict=True):
        length = LENGTH.pack(min(constant.nbytes, 2**32 - 1))
        file.write(bytes(position - end - LENGTH.size) + length)
        if constant.nbytes:
            write_and_forget(file, to_bytes(constant.tensor), constant.tensor.data)
        end = position + constant.nbytes


def to_bytes(tensor: Tensor) -> memoryview:
    """Return the tensor's stored bytes without a copy, where they need no packing."""
    try:
        return to_stored(tensor).reshape(-1).view(np.uint8).data
    except ValueError as error:
        raise inconsistent(tensor.name, str(error)) from error
