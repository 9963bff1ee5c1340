"""Weights that stay in their file: memory-mapped tensors, and what can be wrong with the file."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir

from mmc.counting import counted
from mmc.diagnostics import ModelError

CHUNK = 1 << 20
"""Bytes looked at together, so that a scan needs no memory to speak of."""

LARGEST = 2**31 - 1
COMPLEX = (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128)
FLOATS: dict[ir.DataType, Any] = {
    ir.DataType.FLOAT: np.float32,
    ir.DataType.DOUBLE: np.float64,
    ir.DataType.FLOAT16: np.float16,
    ir.DataType.BFLOAT16: ml_dtypes.bfloat16,
}


class MappedTensor(ir.ExternalTensor):
    """An external tensor that shares one memory map per file.

    onnx_ir maps the file once for every tensor, and every map holds a file descriptor: a model with
    a thousand weights runs into the limit of open files. It also refuses files with several hard
    links, which is how package managers install models. Paths are checked once, at load.
    """

    __slots__ = ()

    def _check_path_containment(self) -> None:
        pass

    def _load(self) -> None:
        self._check_validity()
        dtype = np.dtype(self.dtype.numpy())
        shape = self.shape.numpy()
        if self.size == 0:
            self._array = np.empty(shape, dtype)
            return
        assert self.raw is not None
        if self.dtype.bitwidth < 8:
            packed = np.frombuffer(self.raw, np.uint8, self.nbytes, self.offset or 0)
            tensor = ir.PackedTensor(packed.copy(), self.dtype, shape=self.shape, name=self.name)
            self._array = tensor.numpy()
        else:
            flat = np.frombuffer(self.raw, dtype.newbyteorder("<"), self.size, self.offset or 0)
            self._array = flat.reshape(shape)

    def tofile(self, file: Any) -> None:
        """Write the bytes to a file, from the map: the file of this name may be another by now."""
        assert self.raw is not None
        start, end = self.offset or 0, (self.offset or 0) + self.nbytes
        for at in range(start, end, CHUNK):
            file.write(self.raw[at : min(at + CHUNK, end)])
            # the pages just read need not stay in memory: the file has them
            page = at - at % mmap.PAGESIZE
            self.raw.madvise(mmap.MADV_DONTNEED, page, min(CHUNK, end - page))

    def tobytes(self) -> bytes:
        """Return a copy of the bytes."""
        assert self.raw is not None
        return self.raw[self.offset or 0 : (self.offset or 0) + self.nbytes]

    def release(self) -> None:
        """Forget the array; the map is shared with other tensors and stays."""
        self._array = None


_maps: WeakValueDictionary[tuple[str, tuple[int, ...]], mmap.mmap] = WeakValueDictionary()


def file_map(path: str, version: tuple[int, ...]) -> mmap.mmap:
    """Return the read-only map of a file; `version` keeps a rewritten file apart."""
    found = _maps.get((path, version))
    if found is None:
        with open(path, "rb") as file:
            found = _maps[path, version] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return found


def mapped(tensor: ir.ExternalTensor, folder: Path) -> MappedTensor:
    """Return the tensor as one that maps `folder`'s file, now: the file may be replaced later."""
    result = MappedTensor(
        tensor.location,
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=tensor.name,
        base_dir=folder,
    )
    status = os.stat(result.path)
    if result.size:
        result.raw = file_map(result.path, (status.st_ino, status.st_mtime_ns, status.st_size))
    return result


def protos(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield every tensor of a graph and its subgraphs with the name that a user knows it by."""
    yield from ((f"initializer {t.name!r}", t) for t in graph.initializer)
    for node in graph.node:
        yield from node_protos(node)


def node_protos(node: onnx.NodeProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield the tensors in a node's attributes."""
    for attribute in node.attribute:
        for tensor in [attribute.t, *attribute.tensors] if attribute.type in (4, 9) else []:
            yield f"constant {(node.output or [node.name])[0]!r}", tensor
        for graph in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
            yield from protos(graph)


def tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield every tensor of a model, its functions included, with its name for messages."""
    yield from protos(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from node_protos(node)


def check_data(model: onnx.ModelProto, path: Path) -> None:
    """Refuse data that does not fit its shape (MMC105), and unusable external data (MMC107)."""
    sound: set[str] = set()
    for where, tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            location = next((e.value for e in tensor.external_data if e.key == "location"), "")
            if location not in sound:
                _check_location(where, location, path)
                sound.add(location)
            _check_external(where, tensor, path.parent / location)
        elif tensor.HasField("raw_data"):
            _check_length(where, tensor, len(tensor.raw_data))
        else:
            _check_count(where, tensor)


def _check_count(where: str, tensor: onnx.TensorProto) -> None:
    """Refuse numbers written one by one that are not as many as the shape has (MMC105)."""
    if tensor.data_type == onnx.TensorProto.STRING:
        needed, stored = math.prod(tensor.dims), len(tensor.string_data)
    else:
        needed = byte_size(where, tensor)
        dtype = ir.DataType(tensor.data_type)
        if dtype.bitwidth >= 8:  # smaller ones are packed: each number is a byte
            needed = needed * 8 // dtype.bitwidth * (2 if dtype in COMPLEX else 1)
        field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
        stored = len(getattr(tensor, field))
    if stored != needed:
        why = f"shape {list(tensor.dims)} needs {counted(needed, 'number')}, {stored} are stored"
        raise ModelError("MMC105", where, "its data does not fit its shape", why=why)


def _check_length(where: str, tensor: onnx.TensorProto, length: int) -> None:
    needed = byte_size(where, tensor)
    if length != needed:
        bytes_needed = counted(needed, "byte")
        why = f"type and shape {list(tensor.dims)} need {bytes_needed}, {length} are stored"
        raise ModelError("MMC105", where, "its data does not fit its shape", why=why)


def _check_location(where: str, location: str, path: Path) -> None:
    """Refuse a file of external data that is missing or leaves the model's folder (MMC107)."""
    folder, fix = path.parent, "keep the data file next to the model, as it was exported"
    if not location or "\0" in location:
        raise ModelError("MMC107", where, "its external data has no file name", fix=fix)
    if Path(location).is_absolute() or not _inside(folder / location, path):
        why = f"{location!r} points outside the model's folder; mmc reads nothing from there"
        raise ModelError("MMC107", where, "its external data leaves the folder", why=why, fix=fix)
    if not (folder / location).is_file():
        raise ModelError("MMC107", where, f"its data file {location!r} is missing", fix=fix)


def _check_external(where: str, tensor: onnx.TensorProto, file: Path) -> None:
    """Refuse external data that its file is too short for, or that does not fit its shape."""
    entries = {e.key: e.value for e in tensor.external_data}
    fix = "keep the data file next to the model, as it was exported"
    try:
        offset, length = (int(entries.get(key, "0") or "0") for key in ("offset", "length"))
    except ValueError:
        raise ModelError("MMC107", where, "offset or length is not a number", fix=fix) from None
    needed, size = byte_size(where, tensor), file.stat().st_size
    available = size - offset
    if offset < 0 or length < 0 or max(needed, length) > available:
        location = entries["location"]
        why = f"{max(needed, length)} bytes from byte {offset} on, but {location!r} has {size}"
        raise ModelError("MMC107", where, "its data file is too short", why=why, fix=fix)
    if "length" in entries:
        _check_length(where, tensor, length)


def _inside(file: Path, model: Path) -> bool:
    """Say whether `file` stays in the model's folder, by its name and where its links lead.

    In a cache whose files are all links into a store, links may lead to where the model's own does.
    """
    folder = os.path.abspath(model.parent)
    if not Path(os.path.normpath(os.path.abspath(file))).is_relative_to(folder):
        return False
    homes = (os.path.realpath(folder), os.path.dirname(os.path.realpath(model)))
    return any(Path(os.path.realpath(file)).is_relative_to(home) for home in homes)


def byte_size(where: str, tensor: onnx.TensorProto) -> int:
    """Return the bytes that a tensor's type and shape need; raises MMC105 for impossible ones."""
    count = 1
    for dim in tensor.dims:
        count *= dim
    try:
        bits = ir.DataType(tensor.data_type).bitwidth
    except (ValueError, TypeError):
        raise ModelError("MMC105", where, f"type {tensor.data_type} has no fixed size") from None
    if any(dim < 0 for dim in tensor.dims):
        raise ModelError("MMC105", where, f"its shape {list(tensor.dims)} is negative")
    if any(dim > LARGEST for dim in tensor.dims):  # beside a 0 it needs no bytes, and is no shape
        raise ModelError("MMC105", where, f"its shape {list(tensor.dims)} is beyond 32 bits")
    return (count * bits + 7) // 8


def check_finite(name: str, value: ir.Value) -> None:
    """Refuse a float weight that holds NaN (MMC108); the file is read in pieces.

    One that is only selected where something is wrong (JAX's variance of no samples) is meant so.
    """
    tensor = value.const_value
    if tensor is None or tensor.dtype not in FLOATS or is_selected(value):
        return
    dtype = np.dtype(FLOATS[tensor.dtype])
    done = 0
    for piece in _pieces(tensor, dtype):
        if has_nan(piece):
            bad = np.flatnonzero(np.isnan(piece))
            why = f"element {done + int(bad[0])} of {tensor.size}; every result would be NaN"
            fix = "export the model again from a checkpoint without NaN"
            raise ModelError("MMC108", f"weight {name!r}", "holds NaN", why=why, fix=fix)
        done += piece.size


def is_selected(value: ir.Value) -> bool:
    """Say whether a constant is only chosen from, by Where behind changes of shape, or not read."""
    uses = list(value.uses())
    for node, index in uses:
        if node.op_type in ("Expand", "Reshape", "Cast", "Unsqueeze", "Identity") and not index:
            uses += node.outputs[0].uses()
        elif node.op_type != "Where" or not index:
            return False
    return True


def has_nan(numbers: np.ndarray[Any, Any]) -> bool:
    """Say whether NaN is among the numbers of one axis.

    Nothing else makes a sum of squares NaN, and BLAS takes that at the speed of memory.
    """
    if numbers.dtype.kind == "f" and numbers.dtype.itemsize >= 4:
        with np.errstate(all="ignore"):
            return bool(np.isnan(np.dot(numbers, numbers)))
    return bool(np.isnan(numbers).any())


def _pieces(tensor: ir.TensorProtocol, dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the numbers of a tensor; each piece of a file takes the place of the one before."""
    if not isinstance(tensor, ir.ExternalTensor):
        yield tensor.numpy().reshape(-1)
        return
    remaining = tensor.nbytes
    place = bytearray(min(CHUNK, remaining))
    with open(tensor.path, "rb", buffering=0) as file:
        file.seek(tensor.offset or 0)
        while remaining > 0:
            count = file.readinto(memoryview(place)[:remaining])
            if not count:
                return
            yield np.frombuffer(place, dtype.newbyteorder("<"), count // dtype.itemsize)
            remaining -= count
