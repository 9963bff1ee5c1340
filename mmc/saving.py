"""Write a model as ONNX that ONNX Runtime loads; large weights can go to one file beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import onnx
import onnx_ir as ir

from mmc.diagnostics import EmitError
from mmc.protobuf import LIMIT

INLINE_LIMIT = 64 << 20
"""With more weight bytes than this, weights go to a file of their own."""

ALIGNMENT = 64


def save(model: ir.Model, path: str | os.PathLike[str], *, external: bool | None = None) -> None:
    """Write `model` to `path`; no half-written file is ever seen under that name.

    Args:
        external: whether weights above 1 KB go to `<name>.data` next to the model; None lets their
            total size decide. That file is renamed into place before the model that refers to it.
    Raises:
        EmitError: MMC401 when a file cannot be written.
    """
    target = Path(path)
    weights = _large_weights(model)
    if external is None:
        external = sum(tensor.nbytes for tensor in weights.values()) > INLINE_LIMIT
    try:
        if external and weights:
            data = target.with_name(target.name + ".data")
            with replacing(data) as file:
                places = {name: _append(file, tensor) for name, tensor in weights.items()}
            proto = _proto(model, weights, data.name, places)
        else:
            proto = _proto(model, weights, "", {})
        with replacing(target) as file:
            file.write(proto.SerializeToString(deterministic=True))
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmitError("MMC401", str(target), "cannot be written", why=reason) from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when the block ends without an error."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        try:
            yield file
            file.flush()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _large_weights(model: ir.Model) -> dict[str, ir.TensorProtocol]:
    found = ((name, value.const_value) for name, value in model.graph.initializers.items())
    return {
        name: tensor
        for name, tensor in found
        if tensor is not None and tensor.nbytes > LIMIT and tensor.dtype != ir.DataType.STRING
    }


def _append(file: IO[bytes], tensor: ir.TensorProtocol) -> tuple[int, int]:
    """Write a tensor's bytes, aligned; return their offset and length."""
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    offset = file.tell()
    if isinstance(tensor, (ir.Tensor, ir.PackedTensor, ir.ExternalTensor)):
        tensor.tofile(file)
    else:
        file.write(tensor.tobytes())
    return offset, file.tell() - offset


def _proto(
    model: ir.Model,
    weights: dict[str, ir.TensorProtocol],
    location: str,
    places: dict[str, tuple[int, int]],
) -> onnx.ModelProto:
    """Serialize the model; `weights` are external at `places`, or inline when there are none."""
    with _detached(model, weights, location, places):
        proto = ir.to_proto(model)
    if not places:
        for tensor in proto.graph.initializer:
            if tensor.name in weights:
                tensor.ClearField("external_data")
                tensor.ClearField("data_location")
                tensor.raw_data = weights[tensor.name].tobytes()
    return proto


@contextmanager
def _detached(
    model: ir.Model,
    weights: dict[str, ir.TensorProtocol],
    location: str,
    places: dict[str, tuple[int, int]],
) -> Iterator[None]:
    """Let the large weights be references while the model is serialized, so nothing is copied."""
    initializers = model.graph.initializers
    try:
        for name, tensor in weights.items():
            offset, length = places.get(name, (0, 0))
            shape = ir.Shape(tensor.shape.numpy())
            initializers[name].const_value = ir.ExternalTensor(
                location, offset, length, tensor.dtype, shape=shape, name=name
            )
        yield
    finally:
        for name, tensor in weights.items():
            initializers[name].const_value = tensor
