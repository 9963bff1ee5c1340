"""Write a model as ONNX that ONNX Runtime loads; large weights can go to one file beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import IO, NamedTuple

import onnx
import onnx_ir as ir

from mmc.diagnostics import EmitError
from mmc.frontend.protobuf import LIMIT
from mmc.staging import staged
from mmc.values import tensor_digest

INLINE_LIMIT = 64 << 20
"""With more weight bytes than this, weights go to a file of their own."""

SHAPE_LIMIT = 256 << 10
"""Integers of rank 0 or 1 up to this size stay in the model file."""

ALIGNMENT = 64


class Place(NamedTuple):
    """Where a tensor's bytes are: a file beside the model, and the range in it."""

    location: str
    offset: int
    length: int


def save(
    model: ir.Model,
    path: str | os.PathLike[str],
    *,
    external: bool | None = None,
    weights: Path | None = None,
) -> None:
    """Write `model` to `path`; no half-written file is ever seen under that name.

    Args:
        external: whether weights above 1 KB go to `<name>.data` next to the model; None lets their
            total size decide. That file is renamed into place before the model that refers to it.
        weights: a folder next to the model that holds every large weight once, in a file named by
            its content; models saved with the same folder share them.
    Raises:
        EmitError: MMC401 when a file cannot be written.
    """
    _save(model, Path(path), external, weights, None)


def save_standard(model: ir.Model, path: str | os.PathLike[str]) -> int:
    """Write `model` without functions of its own, in the lowest opset that it fits (`portable`).

    Returns the operators in the file, without Constant.

    Raises:
        EmitError: MMC401 when a file cannot be written.
    """
    from mmc.portable import portable

    proto = _save(model, Path(path), None, None, portable)
    return sum(node.op_type != "Constant" for node in proto.graph.node)


def _save(
    model: ir.Model,
    target: Path,
    external: bool | None,
    weights: Path | None,
    finish: Callable[[onnx.ModelProto], onnx.ModelProto] | None,
) -> onnx.ModelProto:
    large = _large_weights(model)
    if external is None:
        external = sum(tensor.nbytes for tensor in large.values()) > INLINE_LIMIT
    try:
        if weights is not None:
            places = _share(large, weights, target.parent)
        elif external and large:
            places = _concatenate(large, target.with_name(target.name + ".data"))
        else:
            places = {}
        proto = _proto(model, large, places)
        proto = finish(proto) if finish else proto
        with replacing(target) as file:
            file.write(proto.SerializeToString(deterministic=True))
        return proto
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmitError("MMC401", str(target), "cannot be written", why=reason) from error


def save_proto(proto: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write a protobuf as it is; raises EmitError (MMC401)."""
    try:
        with replacing(Path(path)) as file:
            file.write(proto.SerializeToString(deterministic=True))
    except (OSError, ValueError) as error:  # ValueError: beyond protobuf's 2 GB
        raise EmitError("MMC401", str(path), "cannot be written", why=str(error)) from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when the block ends without an error."""
    with staged(path) as new, open(new, "wb") as file:
        yield file


def _large_weights(model: ir.Model) -> dict[str, ir.TensorProtocol]:
    found = ((name, value.const_value) for name, value in model.graph.initializers.items())
    return {
        name: tensor
        for name, tensor in found
        if tensor is not None and tensor.nbytes > limit_of(tensor)
    }


def limit_of(tensor: ir.TensorProtocol) -> float:
    """Return from which size on, in bytes, a tensor may lie outside of the model file.

    Shapes and split sizes stay inside: ONNX Runtime reads them before it loads external data.
    """
    if tensor.dtype == ir.DataType.STRING:
        return inf
    shape_like = tensor.dtype in (ir.DataType.INT64, ir.DataType.INT32)
    return SHAPE_LIMIT if shape_like and len(tensor.shape) < 2 else LIMIT


def _concatenate(large: dict[str, ir.TensorProtocol], path: Path) -> dict[str, Place]:
    """Write all tensors to one file, aligned; return where each lies."""
    places = {}
    with replacing(path) as file:
        for name, tensor in large.items():
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            places[name] = Place(path.name, file.tell(), tensor.nbytes)
            _write(file, tensor)
    return places


def _share(large: dict[str, ir.TensorProtocol], folder: Path, home: Path) -> dict[str, Place]:
    """Write each tensor that `folder` lacks to a file named by its content."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for name, tensor in large.items():
        path = folder / tensor_digest(tensor)
        if not path.exists():
            with replacing(path) as file:
                _write(file, tensor)
        places[name] = Place(path.relative_to(home).as_posix(), 0, tensor.nbytes)
    return places


def _write(file: IO[bytes], tensor: ir.TensorProtocol) -> None:
    if isinstance(tensor, (ir.Tensor, ir.PackedTensor, ir.ExternalTensor)):
        tensor.tofile(file)
    else:
        file.write(tensor.tobytes())


def _proto(
    model: ir.Model,
    weights: dict[str, ir.TensorProtocol],
    places: dict[str, Place],
) -> onnx.ModelProto:
    """Serialize the model; weights are external at `places`, or inline where they have none.

    Also those that are no large `weights`, but lie in the file that the model came from.
    """
    with _detached(model, weights, places):
        proto = ir.to_proto(model)
    for tensor in proto.graph.initializer:
        value = model.graph.initializers[tensor.name].const_value
        if tensor.external_data and tensor.name not in places and value is not None:
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = value.tobytes()
    return proto


@contextmanager
def _detached(
    model: ir.Model,
    weights: dict[str, ir.TensorProtocol],
    places: dict[str, Place],
) -> Iterator[None]:
    """Let the large weights be references while the model is serialized, so nothing is copied."""
    initializers = model.graph.initializers
    try:
        for name, tensor in weights.items():
            place = places.get(name, Place("", 0, 0))
            shape = ir.Shape(tensor.shape.numpy())
            initializers[name].const_value = ir.ExternalTensor(
                place.location, place.offset, place.length, tensor.dtype, shape=shape, name=name
            )
        yield
    finally:
        for name, tensor in weights.items():
            initializers[name].const_value = tensor
