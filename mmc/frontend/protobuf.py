"""Read an ONNX file without its weights: the protobuf is scanned in place, and every large tensor
becomes *external data* that points at its own bytes in the same file.

Only messages larger than `LIMIT` are opened; everything else is copied as it stands, so the cost is
that of the model without weights. The wire format: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from mmap import mmap

import onnx

LIMIT = 1024
"""Tensors with more bytes than this stay in the file."""

Buffer = mmap | bytes

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 90  # protobuf itself gives up at 100 nested messages


class WireError(ValueError):
    """The bytes are no protobuf message; `at_end` tells a cut file from a wrong one."""

    def __init__(self, what: str, *, at_end: bool = False) -> None:
        super().__init__(what)
        self.at_end = at_end


@dataclass(frozen=True)
class Field:
    """A field of a message: its bytes with the tag are [begin, end), its content [content, end)."""

    number: int
    wire: int
    begin: int
    content: int
    end: int


def varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    """Return the number encoded at `at` and the position behind it."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise WireError("a number runs over the end of its message", at_end=at >= end)


def fields(data: Buffer, begin: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in [begin, end); raises WireError."""
    at = begin
    while at < end:
        tag, content = varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == BYTES:
            length, content = varint(data, content, end)
            stop = content + length
        elif wire == VARINT:
            _, stop = varint(data, content, end)
        elif wire in (FIXED32, FIXED64):
            stop = content + (4 if wire == FIXED32 else 8)
        else:
            raise WireError(f"wire type {wire} at byte {at} does not exist")
        if number == 0:
            raise WireError(f"field number 0 at byte {at}")
        if stop > end:
            raise WireError(
                f"field {number} at byte {at} needs {stop - end} bytes more", at_end=True
            )
        yield Field(number, wire, at, content, stop)
        at = stop


Rewriter = Callable[[Buffer, int, int, int], bytes]


def _rewritten(
    data: Buffer, begin: int, end: int, parts: Mapping[int, Rewriter], depth: int
) -> bytes:
    """Return the message with the large fields that `parts` names rewritten, the others copied."""
    if depth > MAX_DEPTH:
        raise WireError("messages are nested too deeply")
    out = bytearray()
    copied = begin
    for field in fields(data, begin, end):
        rewrite = parts.get(field.number)
        if rewrite is None or field.wire != BYTES or field.end - field.content <= LIMIT:
            continue
        out += data[copied : field.begin]
        out += _message(field.number, rewrite(data, field.content, field.end, depth + 1))
        copied = field.end
    out += data[copied:end]
    return bytes(out)


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | BYTES) + _encoded(len(content)) + content


def strip(data: Buffer, location: str) -> bytes:
    """Return the serialized ModelProto in `data` with its large tensors external, in `location`.

    Raises:
        WireError: when the bytes are not a protobuf message.
    """
    tensor = partial(_tensor, location=location)
    attribute: dict[int, Rewriter] = {5: tensor, 10: tensor}
    node: dict[int, Rewriter] = {5: _message_of(attribute)}
    graph: dict[int, Rewriter] = {1: _message_of(node), 5: tensor}
    attribute |= {6: _message_of(graph), 11: _message_of(graph)}
    function: dict[int, Rewriter] = {7: _message_of(node), 11: _message_of(attribute)}
    model: dict[int, Rewriter] = {7: _message_of(graph), 25: _message_of(function)}
    return _rewritten(data, 0, len(data), model, 0)


def _message_of(parts: Mapping[int, Rewriter]) -> Rewriter:
    def rewrite(data: Buffer, begin: int, end: int, depth: int) -> bytes:
        return _rewritten(data, begin, end, parts, depth)

    return rewrite


FLOAT_DATA, RAW_DATA, DOUBLE_DATA, DATA_TYPE, DATA_LOCATION = 4, 9, 10, 2, 14
PACKED_TYPE = {FLOAT_DATA: onnx.TensorProto.FLOAT, DOUBLE_DATA: onnx.TensorProto.DOUBLE}


def _tensor(data: Buffer, begin: int, end: int, depth: int, *, location: str) -> bytes:
    """Return a TensorProto whose content, when it lies in one piece, is external.

    `raw_data` is; packed `float_data` and `double_data` have the very same bytes.
    """
    found = list(fields(data, begin, end))
    content = [f for f in found if f.number in (RAW_DATA, *PACKED_TYPE) and f.wire == BYTES]
    types = [varint(data, f.content, f.end)[0] for f in found if f.number == DATA_TYPE]
    external = any(f.number == DATA_LOCATION and data[f.content] for f in found)
    if len(content) != 1 or len(types) != 1 or external:
        return data[begin:end]
    field = content[0]
    if field.end - field.content <= LIMIT or PACKED_TYPE.get(field.number, types[0]) != types[0]:
        return bytes(data[begin:end])
    tail = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL)
    where = (
        ("location", location),
        ("offset", field.content),
        ("length", field.end - field.content),
    )
    for key, value in where:
        tail.external_data.add(key=key, value=str(value))
    rest = data[begin : field.begin] + data[field.end : end]
    return rest + bytes(tail.SerializeToString())
