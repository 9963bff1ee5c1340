"""Attention, in the forms that ONNX Runtime's transformer optimizer writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.layers import scalar
from mmc.frontend.contrib.registry import Call, NotExpandable, expands
from mmc.values import dtype_of

if TYPE_CHECKING:
    from onnx_ir import Value

INT32 = 6


def heads(out: Any, x: Value, count: int) -> Any:
    """(B, S, N D) -> (B, N, S, D)."""
    return out.Transpose(out.Reshape(x, np.array([0, 0, count, -1])), perm=[0, 2, 1, 3])


def merged(out: Any, x: Value) -> Any:
    """(B, N, S, D) -> (B, S, N D)."""
    return out.Reshape(out.Transpose(x, perm=[0, 2, 1, 3]), np.array([0, 0, -1]))


def axis_length(out: Any, x: Value, axis: int) -> Any:
    """Return one dimension as a vector of one."""
    return out.Shape(x, start=axis, end=axis + 1)


def key_mask(out: Any, mask: Value, like: Value, keys: Any, fill: float) -> Any:
    """Return what to add to scores (B, N, S, T) for a mask of keys: 0 where kept, else `fill`.

    The mask is (B,) lengths, (B, T) or (B, S, T) with 0 where hidden.
    """
    rank = None if mask.shape is None else len(mask.shape)
    if rank == 1:
        places = out.Unsqueeze(out.Range(np.int64(0), out.Squeeze(keys), np.int64(1)), [0])
        mask = out.Less(places, out.Unsqueeze(out.Cast(mask, to=7), [1]))
    elif rank in (2, 3):
        mask = out.Greater(out.Cast(mask, to=INT32), np.int32(0))
    else:
        raise NotExpandable(f"a mask of rank {rank} is not supported")
    mask = out.Unsqueeze(mask, [1] if rank == 3 else [1, 2])
    return out.Where(mask, scalar(like, 0), scalar(like, fill))


def causal_mask(out: Any, queries: Any, keys: Any, like: Value) -> Any:
    """Return (S, T) with 0 where key <= query (the last query sees all keys), else the lowest."""
    low = float(np.finfo(dtype_of(like)).min)
    row = out.Range(np.int64(0), out.Squeeze(keys), np.int64(1))
    past = out.Sub(keys, queries)
    column = out.Unsqueeze(
        out.Add(out.Range(np.int64(0), out.Squeeze(queries), np.int64(1)), past), [1]
    )
    return out.Where(out.LessOrEqual(row, column), scalar(like, 0), scalar(like, low))


def attend(
    out: Any,
    q: Value,
    k: Value,
    v: Value,
    scale: Any,
    biases: list[Any],
    *,
    cap: float = 0.0,
    sink: Any = None,
) -> Any:
    """softmax(scale q kᵀ + biases) v  for q (B, N, S, D), k (B, N, T, D), v (B, N, T, E).

    Scores s become cap tanh(s / cap) before the biases; `sink` (N,) are scores of no key.
    """
    scores = out.Mul(out.MatMul(q, out.Transpose(k, perm=[0, 1, 3, 2])), scale)
    if cap:
        limit = np.asarray(cap, scale.dtype)
        scores = out.Mul(out.Tanh(out.Div(scores, limit)), limit)
    for bias in biases:
        scores = out.Add(scores, bias)
    weights = out.Softmax(scores, axis=-1) if sink is None else sunk(out, scores, sink)
    return merged(out, out.MatMul(weights, v))


def sunk(out: Any, scores: Any, sink: Any) -> Any:
    """Return softmax over scores (B, N, S, T) and one more of each head, which gets no weight."""
    rows = out.Concat(out.Shape(scores, start=0, end=3), np.array([1]), axis=0)
    column = out.Expand(out.Reshape(sink, np.array([1, -1, 1, 1])), rows)
    weights = out.Softmax(out.Concat(scores, column, axis=-1), axis=-1)
    return out.Slice(weights, [0], [-1], [3])


@expands("Attention")
def attention(out: Any, call: Call) -> Any:
    """x W + b is q, k, v;  y = softmax(q kᵀ / sqrt(D) + masks) v."""
    joint = out.MatMul(call.need(0), call.need(1))
    if call.input(2) is not None:
        joint = out.Add(joint, call.need(2))
    places = {"mask": 3, "past": 4, "extra": 5}
    return joint_attention(out, call, joint, call.need(0), places)


def joint_attention(out: Any, call: Call, joint: Value, like: Value, places: dict[str, int]) -> Any:
    """Return output and present of attention over joint = (B, S, q k v)."""
    if call.get("do_rotary", 0) or call.get("past_present_share_buffer", 0):
        raise NotExpandable("rotary positions or a shared cache inside Attention")
    count, width = call.get("num_heads", 0), last_dimension(call.need(1))
    sizes = [int(s) for s in call.get("qkv_hidden_sizes", ()) or [width // 3] * 3]
    parts = out.node("Split", [joint, np.array(sizes)], outputs=3, axis=-1)
    q, k, v = (heads(out, part, count) for part in parts)
    past = call.input(places["past"])
    if past is not None:
        old = out.node("Split", [past, np.array([1, 1])], outputs=2, axis=0)
        k, v = (
            out.Concat(out.Squeeze(o, [0]), x, axis=2) for o, x in zip(old, (k, v), strict=True)
        )
    biases = masks(out, call, (places["mask"], places["extra"]), (q, k), like)
    scale = call.get("scale", 0.0) or (sizes[0] // count) ** -0.5
    y = attend(out, q, k, v, scalar(like, scale), biases)
    if not call.wants(1):
        return y, None
    return y, out.Concat(out.Unsqueeze(k, [0]), out.Unsqueeze(v, [0]), axis=0)


def last_dimension(x: Value) -> int:
    """Return the last dimension, which must be known."""
    size = None if x.shape is None else x.shape[-1]
    if not isinstance(size, int):
        raise NotExpandable("the hidden size is not known")
    return size


def masks(
    out: Any, call: Call, places: tuple[int, int], states: tuple[Any, Any], like: Value
) -> list[Any]:
    """Return all that is added to the scores: the mask of keys, of the future, and a given bias."""
    queries, keys = (axis_length(out, x, 2) for x in states)
    mask, extra = call.input(places[0]), call.input(places[1])
    biases = []
    if mask is not None:
        if mask.shape is not None and len(mask.shape) == 1 and mask.shape[0] != batch_of(call):
            raise NotExpandable("a mask of starts and ends")
        fill = call.get("mask_filter_value", -10000.0)
        biases.append(key_mask(out, mask, like, keys, fill))
    if call.get("unidirectional", 0):
        biases.append(causal_mask(out, queries, keys, like))
    if extra is not None:
        biases.append(extra)
    return biases


def batch_of(call: Call) -> Any:
    """Return the first dimension of input 0."""
    shape = call.need(0).shape
    return None if shape is None else shape[0]


@expands("MultiHeadAttention")
def multi_head_attention(out: Any, call: Call) -> Any:
    """y = softmax(q kᵀ / sqrt(D) + masks) v, from projected q, k and v."""
    call.only(0, 1, 2)
    count = call.get("num_heads", 0)
    q, k, v, width = separate(out, call, count)
    cached = [call.input(i) for i in (6, 7)]
    if call.input(8) is not None or call.input(9) is not None:
        raise NotExpandable("a cache of a length known at run time")
    k, v = (
        x if old is None else out.Concat(old, x, axis=2)
        for old, x in zip(cached, (k, v), strict=True)
    )
    like = call.need(0)
    biases = masks(out, call, (4, 5), (q, k), like)
    scale = call.get("scale", 0.0) or width**-0.5
    return attend(out, q, k, v, scalar(like, scale), biases), k, v


def separate(out: Any, call: Call, count: int) -> tuple[Any, Any, Any, int]:
    """Return q, k, v as (B, N, S, D), whichever way they are packed, and D."""
    q, k, v, bias = (call.input(i) for i in range(4))
    assert q is not None
    if k is None:
        return (*unpacked(out, q, 3, bias), last_dimension(q))
    width = last_dimension(q)
    if v is None:
        if bias is not None:
            raise NotExpandable("a bias with packed keys and values")
        return heads(out, q, count), *unpacked(out, k, 2, None), width // count
    offsets: list[Any] = [None, None, None]
    if bias is not None:
        sizes = np.array([width, width, last_dimension(bias) - 2 * width])
        offsets = list(out.node("Split", [bias, sizes], outputs=3, axis=0))
    states = []
    for x, offset in zip((q, k, v), offsets, strict=True):
        flat = x.shape is not None and len(x.shape) == 3
        if not flat and offset is not None:
            offset = out.Reshape(offset, np.array([1, count, 1, -1]))
        moved = x if offset is None else out.Add(x, offset)
        states.append(heads(out, moved, count) if flat else moved)
    return states[0], states[1], states[2], width // count


def unpacked(out: Any, x: Value, parts: int, bias: Value | None) -> tuple[Any, ...]:
    """(B, S, N, parts, D) -> parts of (B, N, S, D)."""
    if bias is not None:
        raise NotExpandable("a bias with packed queries, keys and values")
    if x.shape is None or len(x.shape) != 5:
        raise NotExpandable("packed states of another rank than 5")
    split = out.node("Split", [x], outputs=parts, axis=3, num_outputs=parts)
    return tuple(out.Transpose(out.Squeeze(s, [3]), perm=[0, 2, 1, 3]) for s in split)


@expands("RotaryEmbedding")
def rotary_embedding(out: Any, call: Call) -> Any:
    """Rotate pairs of the head by the angles of their positions, as ONNX has it since opset 23."""
    if call.get("is_packed_batching", 0) or call.get("scale", 1.0) != 1.0:
        raise NotExpandable("packed batches or a scale")
    x, positions = call.need(0), call.need(1)
    flat = call.rank(0) == 3
    if call.rank(1) == 1:  # the position of the first token
        steps = out.Range(
            np.int64(0), out.Squeeze(axis_length(out, x, 1 if flat else 2)), np.int64(1)
        )
        rows = out.Concat(axis_length(out, x, 0), np.array([1]), axis=0)
        positions = out.Expand(out.Add(steps, positions), rows)
    options = {"interleaved": call.get("interleaved", 0)}
    rotated = call.get("rotary_embedding_dim", 0)
    if flat:
        size = 0 if rotated else 2 * last_dimension(call.need(2))
        options["num_heads"] = call.get("num_heads", 0) or last_dimension(x) // size
    inputs = [x, call.need(2), call.need(3), positions]
    return out.node("RotaryEmbedding", inputs, rotary_embedding_dim=rotated, **options)


@expands("RelativePositionBias")
def relative_position_bias(out: Any, call: Call) -> Any:
    """T5's bias (1, N, S, T): a table row for the logarithmic bucket of key - query."""
    table, queries, keys = call.need(0), call.need(1), call.need(2)
    distance = call.get("max_distance", 128)
    both = call.get("is_bidirectional", 0)
    count = table.shape[0] if table.shape is not None else None
    if not isinstance(count, int):
        raise NotExpandable("the number of buckets is not known")
    steps = [
        out.Range(np.int64(0), out.Squeeze(out.Cast(n, to=7)), np.int64(1)) for n in (queries, keys)
    ]
    behind = out.Sub(out.Unsqueeze(steps[0], [1]), out.Unsqueeze(steps[1], [0]))
    start: Any = np.int64(0)
    if both:
        count //= 2
        start = out.Mul(out.Cast(out.Less(behind, np.int64(0)), to=7), np.int64(count))
        behind = out.Abs(behind)
    else:
        behind = out.Max(behind, np.int64(0))
    exact = count // 2
    ratio = out.Div(out.Cast(out.Max(behind, np.int64(1)), to=1), float(exact))
    scale = float((count - exact) / np.log(distance / exact))
    far = out.Add(out.Cast(out.Mul(out.Log(ratio), scale), to=7), np.int64(exact))
    near = out.Less(behind, np.int64(exact))
    bucket = out.Where(near, behind, out.Min(far, np.int64(count - 1)))
    rows = out.Gather(table, out.Add(bucket, start))
    return out.Unsqueeze(out.Transpose(rows, perm=[2, 0, 1]), [0])
