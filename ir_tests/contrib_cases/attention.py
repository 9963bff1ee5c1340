"""Contrib nodes with inputs: attention and rotary positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from contrib_cases import Case, Const, c, case, f
from mmc.ir import Array

MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
CACHE = f(16, 4)


def grouped(
    batch: int,
    queries: int,
    *,
    last: tuple[int, ...] = (),
    past: int = 0,
    heads: tuple[int, int] = (4, 2),
    packed: bool = False,
    angles: int = 0,
    places: Array | None = None,
    bias: Array | None = None,
    sink: Array | None = None,
    total: int = 0,
    **options: Any,
) -> Case:
    """Return GroupQueryAttention with heads of 32; `last` are the places of the last tokens."""
    count, shared = heads
    sizes = [(count + 2 * shared) * 32] if packed else [count * 32, shared * 32, shared * 32]
    states = [f(batch, queries, size) for size in sizes] + [None, None] * packed
    cache = [f(batch, shared, past, 32) for _ in range(2)] if past else [None, None]
    ends = np.array(last or (queries - 1,) * batch, np.int32)
    total = Const(np.array(total or ends.max() + 1, np.int32))
    waves = [c(f(16, angles)) for _ in range(2)] if angles else [None, None]
    inputs = [*states, *cache, ends, total, *waves, places, bias, sink]
    while inputs[-1] is None:
        inputs.pop()
    options |= {"num_heads": count, "kv_num_heads": shared}
    return case("GroupQueryAttention", *inputs, outputs=(0, 1, 2) if past else (0,), **options)


CASES = (
    case("Attention", f(2, 4, 8), c(f(8, 24)), c(f(24)), MASK, num_heads=2),
    case("Attention", f(2, 4, 8), c(f(8, 24)), c(f(24)), np.array([3, 2], np.int32), num_heads=2),
    case(
        "Attention",
        f(2, 4, 8),
        c(f(8, 24)),
        c(f(24)),
        None,
        f(2, 2, 2, 3, 4),
        outputs=(0, 1),
        num_heads=2,
        unidirectional=1,
    ),
    case(
        "Attention",
        f(2, 4, 8),
        c(f(8, 20)),
        c(f(20)),
        None,
        None,
        f(1, 2, 4, 4),
        num_heads=2,
        qkv_hidden_sizes=[8, 8, 4],
        scale=0.3,
    ),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 5, 8),
        f(2, 5, 8),
        c(f(24)),
        np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32),
        num_heads=2,
    ),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 4, 8),
        f(2, 4, 12),
        None,
        None,
        f(2, 2, 4, 4),
        num_heads=2,
    ),
    case("MultiHeadAttention", f(2, 4, 8), f(2, 2, 5, 4), f(2, 2, 5, 4), num_heads=2),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 4, 8),
        f(2, 4, 8),
        None,
        None,
        None,
        f(2, 2, 3, 4),
        f(2, 2, 3, 4),
        outputs=(0, 1, 2),
        num_heads=2,
        unidirectional=1,
    ),
    case("RotaryEmbedding", f(2, 4, 16), c(np.array([3])), c(CACHE), c(CACHE)),
    case(
        "RotaryEmbedding",
        f(2, 2, 4, 8),
        np.array([[0, 1, 2, 3], [4, 5, 6, 7]]),
        c(CACHE),
        c(CACHE),
        interleaved=1,
    ),
    grouped(1, 4),
    grouped(2, 4, last=(3, 2)),
    grouped(1, 4, local_window_size=2),
    grouped(1, 4, softcap=1.5, bias=f(1, 4, 4, 4), scale=0.3),
    grouped(1, 4, smooth_softmax=1),
    grouped(1, 4, sink=f(4)),
    grouped(1, 4, causal=0),
    grouped(2, 4, packed=True, do_rotary=1, angles=8),
    grouped(1, 4, do_rotary=1, rotary_interleaved=1, angles=16, heads=(2, 2)),
    grouped(1, 4, do_rotary=1, angles=16, places=np.array([[3, 4, 9, 9]])),
    grouped(1, 4, past=6, last=(9,)),
    grouped(1, 3, past=6, last=(7,), total=9, bias=f(1, 1, 3, 9)),
    grouped(2, 1, past=6, last=(6, 3), do_rotary=1, angles=16),
    grouped(2, 1, past=6, last=(4, 3), sink=f(4)),
    grouped(2, 1, past=6, last=(4, 3), bias=f(1, 4, 1, 5)),
    grouped(1, 1, past=6, last=(5,), do_rotary=1, angles=16, places=np.array([[9]])),
    grouped(2, 4, past=6, last=(3, 2), do_rotary=1, angles=16),
    grouped(1, 4, past=6, last=(3,), do_rotary=1, angles=16, places=np.array([[3, 4, 9, 9]])),
)
