"""Types and shapes as ONNX's inference tells them, each kept once however many values have it."""

from __future__ import annotations

from functools import lru_cache

import onnx
import onnx_ir as ir

KEPT = 20_000
"""Types that are kept at most."""

Known = tuple[ir.TypeProtocol, ir.Shape | None]
"""A type and a frozen shape: all values that have them share the two."""


def known_by(proto: onnx.TypeProto | None) -> Known | None:
    """Return what a type of ONNX says, None if nothing."""
    return None if proto is None else _known(proto.SerializeToString())


@lru_cache(KEPT)
def _known(data: bytes) -> Known | None:
    proto = onnx.TypeProto.FromString(data)
    kind = ir.serde.deserialize_type_proto_for_type(proto)
    if kind is None or getattr(kind, "dtype", None) == ir.DataType.UNDEFINED:
        return None
    shape = ir.serde.deserialize_type_proto_for_shape(proto)
    if shape is not None:
        shape.freeze()
    return kind, shape


def set_type(value: ir.Value, known: Known) -> None:
    """Record an inferred type; inferred dimensions win over recorded ones, unknown ones do not."""
    value.type, shape = known
    if shape is None:
        return
    old = value.shape
    if old is not None and len(old) == len(shape) and not shape.is_static():
        dims = [b if _unknown(a) else a for a, b in zip(shape.dims, old.dims, strict=True)]
        shape = ir.Shape(dims)
    value.shape = shape


def _unknown(dim: int | ir.SymbolicDim) -> bool:
    return not isinstance(dim, int)
