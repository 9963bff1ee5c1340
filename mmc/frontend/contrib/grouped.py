"""GroupQueryAttention: attention whose heads share keys, with a cache, as model builders do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.attention import attend, axis_length, heads, last_dimension
from mmc.frontend.contrib.layers import scalar
from mmc.frontend.contrib.registry import Call, NotExpandable, expands
from mmc.ir import DataType
from mmc.values import dtype_of

if TYPE_CHECKING:
    from onnx_ir import Value

REFUSED_INPUTS = {
    12: "a quantized cache",
    13: "a quantized cache",
    14: "heads that it normalizes itself: ONNX Runtime has that on GPUs only",
    16: "padded query chunks",
}
REFUSED_OPTIONS = {
    "sliding_window_cache": (0, "a cache of the size of a window"),
    "kv_cache_bit_width": (0, "a quantized cache"),
    "k_quant_type": ("NONE", "a quantized cache"),
    "v_quant_type": ("NONE", "a quantized cache"),
}


@dataclass(frozen=True)
class Lengths:
    """Where the new tokens lie in the cache; each is a value of int64."""

    filled: Any
    """(B,): how many tokens each row of the batch has after them."""

    queries: Any
    """(1,): how many tokens are new, S."""
    before: Any
    """(B,): how many tokens each row of the batch had before them."""
    total: Any
    """(1,): what the longest row has after them."""


@expands("GroupQueryAttention")
def group_query_attention(out: Any, call: Call) -> Any:
    """y = softmax(q kᵀ / sqrt(D) + masks) v over the cache and the new keys, causally.

    Row b of the batch had p = seqlens_k + 1 - S tokens; the new ones are written behind them.
    Outputs: y (B, S, N D), and the keys and values of the cache (B, M, max(P, total), D).
    """
    refuse(call)
    q, k, v = separate(out, call)
    like, past = call.need(0), call.input(3)
    lengths = measured(out, call, q)
    if call.get("do_rotary", 0):
        where = positions(out, call, lengths)
        q, k = (rotated(out, call, x, where) for x in (q, k))
    if past is not None:
        k, v = (cached(out, call.need(3 + i), x, lengths) for i, x in enumerate((k, v)))
    present, extra = (k, v), call.input(10)
    if extra is not None:  # it has a column for every token, not for the room behind them
        k, v = (out.Slice(x, [0], lengths.total, [2]) for x in (k, v))
    biases = [visible(out, call, axis_length(out, k, 2), lengths, like)]
    biases += [] if extra is None else [extra]
    size = head_size(call)
    k, v = (repeated(out, call, x, size) for x in (k, v))
    scale = scalar(like, call.get("scale", 0.0) or size**-0.5)
    y = attend(out, q, k, v, scale, biases, cap=call.get("softcap", 0.0), sink=sink(call, like))
    return y, *present


def refuse(call: Call) -> None:
    """Refuse what has no standard form."""
    call.only(0, 1, 2)
    for index, what in REFUSED_INPUTS.items():
        if call.input(index) is not None:
            raise NotExpandable(what)
    for name, (usual, what) in REFUSED_OPTIONS.items():
        if call.get(name, usual) != usual:
            raise NotExpandable(what)


def head_size(call: Call) -> int:
    """Return D; the query may hold the keys and values as well."""
    packed = 0 if call.input(1) is not None else 2 * call.get("kv_num_heads", 0)
    return last_dimension(call.need(0)) // (call.get("num_heads", 0) + packed)


def separate(out: Any, call: Call) -> tuple[Any, Any, Any]:
    """Return q (B, N, S, D), k and v (B, M, S, D)."""
    count, shared = call.get("num_heads", 0), call.get("kv_num_heads", 0)
    parts: Any = [call.input(i) for i in range(3)]
    if parts[1] is None:
        sizes = np.array([count, shared, shared]) * head_size(call)
        parts = out.node("Split", [parts[0], sizes], outputs=3, axis=-1)
    q, k, v = (heads(out, x, n) for x, n in zip(parts, (count, shared, shared), strict=True))
    return q, k, v


def measured(out: Any, call: Call, q: Value) -> Lengths:
    """Return the lengths; without a cache there is nothing before the new tokens."""
    queries = axis_length(out, q, 2)
    last = out.Reshape(out.Cast(call.need(5), to=int(DataType.INT64)), np.array([-1]))
    filled = out.Add(last, np.int64(1))
    if call.input(3) is None:
        return Lengths(filled, queries, np.array([0]), queries)
    before = out.Max(out.Sub(filled, queries), np.int64(0))
    total = out.Reshape(out.Cast(call.need(6), to=int(DataType.INT64)), np.array([1]))
    return Lengths(filled, queries, before, total)


def steps(out: Any, count: Any) -> Any:
    """Return 0, 1, ... count - 1."""
    return out.Range(np.int64(0), out.Squeeze(count, [0]), np.int64(1))


def positions(out: Any, call: Call, lengths: Lengths) -> Any:
    """Return the positions (B, S) to rotate by: those behind the cache, if none are given.

    Of the positions of a first prompt ONNX Runtime reads the first only.
    """
    new = out.Unsqueeze(steps(out, lengths.queries), [0])
    given = call.input(9)
    if given is None:
        return out.Add(out.Unsqueeze(lengths.before, [1]), new)
    first = out.Slice(out.Reshape(given, np.array([-1])), [0], [1])
    counted = out.Add(new, first)
    if call.input(3) is None:
        return counted
    return out.Where(out.Equal(lengths.total, lengths.queries), counted, given)


def rotated(out: Any, call: Call, x: Value, where: Any) -> Any:
    """Rotate the heads x (B, N, S, D), or their first part, by the angles of the positions."""
    size, angles = head_size(call), last_dimension(call.need(7))
    rows = out.Expand(where, out.Concat(axis_length(out, x, 0), np.array([1]), axis=0))
    options = {
        "interleaved": call.get("rotary_interleaved", 0),
        "rotary_embedding_dim": 0 if 2 * angles == size else 2 * angles,
    }
    return out.node("RotaryEmbedding", [x, call.need(7), call.need(8), rows], **options)


def cached(out: Any, past: Value, new: Value, lengths: Lengths) -> Any:
    """Return the cache (B, M, max(P, total), D) with the new rows written; zeros behind them."""
    length = out.Max(axis_length(out, past, 2), lengths.total)
    room = out.Slice(out.Concat(past, new, axis=2), [0], length, [2])
    rows = out.Expand(lengths.before, axis_length(out, new, 0))
    written = out.node("TensorScatter", [room, new, rows], axis=2)
    end = out.Unsqueeze(out.Add(lengths.before, lengths.queries), [1, 2, 3])
    place = out.Unsqueeze(steps(out, length), [0, 1, 3])
    return out.Where(out.Less(place, end), written, scalar(past, 0))


def visible(out: Any, call: Call, keys: Any, lengths: Lengths, like: Value) -> Any:
    """Return what hides keys from queries, (B or 1, 1, S, keys): 0 or the lowest number."""
    key = out.Unsqueeze(steps(out, keys), [0, 1, 2])
    before = out.Unsqueeze(lengths.before, [1, 2, 3])
    window = call.get("local_window_size", -1)
    seen = out.Less(key, out.Unsqueeze(lengths.filled, [1, 2, 3]))
    if call.get("causal", 1):
        query = out.Add(before, out.Unsqueeze(steps(out, lengths.queries), [0, 1, 3]))
        seen = out.And(seen, out.LessOrEqual(key, query))
        if window > 0:
            seen = out.And(seen, out.Greater(key, out.Sub(query, np.int64(window))))
    low = float(np.finfo(dtype_of(like)).min)
    return out.Where(seen, scalar(like, 0), scalar(like, low))


def repeated(out: Any, call: Call, x: Value, size: int) -> Any:
    """(B, M, T, D) -> (B, N, T, D): every key serves N / M heads in a row."""
    count, shared = call.get("num_heads", 0), call.get("kv_num_heads", 0)
    if count == shared:
        return x
    wide = out.Expand(out.Unsqueeze(x, [2]), np.array([1, 1, count // shared, 1, 1]))
    return out.Reshape(wide, np.array([0, count, -1, size]))


def sink(call: Call, like: Value) -> Any:
    """Return what every head adds to the sum of the softmax, as a score (N,), or None."""
    if call.input(11) is not None:
        return call.input(11)
    if call.get("smooth_softmax", 0):
        return np.zeros(call.get("num_heads", 0), dtype_of(like))
    return None
