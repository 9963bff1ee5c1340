"""Cases of the rules that recognise attention: see rule_cases."""

from __future__ import annotations

import numpy as np
from rule_cases import WEIGHTS, Case, weight

INFINITE = np.float32(-np.inf)
ANGLES = np.outer(np.arange(5), [1.0, 0.1, 0.01]).astype(np.float32)
ROWS = np.arange(5)[:, None]
WEIGHTS |= {
    "causal": np.where(np.tri(5, dtype=bool), np.float32(0), INFINITE),
    "seen": np.where(np.eye(5, dtype=bool), INFINITE, np.float32(0)),
    "hidden": np.where(ROWS > 2, INFINITE, np.float32(0)) + np.zeros((1, 5), np.float32),
    "visible": np.tri(5, dtype=bool),
    "large": np.float32(-1e9),
    "ten": np.float32(-10),
    "halved6": np.array([1, 2, 1, 5, 6]),
    "tiles2": np.array([1, 1, 2, 1, 1]),
    "same6": np.array([1, 4, 5, 6]),
    "split6": np.array([1, 5, 2, 3]),
    "split8": np.array([1, 5, 2, 4]),
    "packed6": np.array([1, 5, 6]),
    "packed8": np.array([5, 8]),
    "rows24": np.array([1, 5, 24]),
    "rc": np.cos(ANGLES[None, :, :2]),
    "rs": np.sin(ANGLES[None, :, :2]),
    "cosine": np.cos(np.concatenate([ANGLES, ANGLES], -1)),
    "sine": np.sin(np.concatenate([ANGLES, ANGLES], -1)),
    "cosine3": np.cos(ANGLES),
    "sine3": np.sin(ANGLES),
    "lopsided": np.cos(np.concatenate([ANGLES, ANGLES + 1], -1)).astype(np.float32),
    "cosinet": np.cos(np.concatenate([ANGLES, ANGLES], -1))[:, None],
    "sinet": np.sin(np.concatenate([ANGLES, ANGLES], -1))[:, None],
    "i3": np.array([3]),
    "i6": np.array([6]),
    "pairs": np.array([1, 4, 5, 3, 1]),
    "qkv": np.array([1, 5, 3, 2, 1]),
    "row4": np.array([4, 25]),
    "axis4": np.array([4]),
    "stacked": np.array([1, 4, 5, 5, 1]),
    "conv4": weight(4, 4, 1, 1),
    "by2": np.array([2]),
    "ones3": np.array([1, 1, 1]),
    "ones2": np.array([1, 1]),
    "heads25": np.array([1, 25, 4, 1]),
    "square100": np.array([1, 25, 4]),
    "regrouped": np.array([1, 20, 5, 1]),
    "row20": np.array([20, 5]),
    "up4": np.array([1, 1, 4, 5]),
    "back5": np.array([1, 5, 4]),
    "g25": weight(25),
}

Q, P3, F5, Q5 = "float[1,4,5,6]", "float[4,5,6]", "float[1,5,6]", "float[1,4,7,6]"
TURN = "t = Transpose<perm = [0, 1, 3, 2]>(z) s = MatMul(x, t)"
SDPA = "scaled-dot-product"
TURN3 = "t = Transpose<perm = [0, 2, 1]>(z) s = MatMul(x, t)"
HEADS = " ".join(
    f"{v}r = Reshape({s}, split6) {v}t = Transpose<perm = [0, 2, 1, 3]>({v}r)"
    for v, s in (("q", "x"), ("k", "z"), ("v", "z"))
)
LOW = "low = Slice(x, i0, i3, i3, i1) high = Slice(x, i3, i6, i3, i1)"
TURNED = f"{LOW} n = Neg(high) c = Concat<axis = 3>(n, low)"
ALTERNATE = "low = Slice(x, i0, i6, i3, by2) high = Slice(x, i1, i6, i3, by2)"
HALVES = (
    "a = Mul(low, cosine3) b = Mul(high, sine3) re = Sub(a, b) "
    "d = Mul(high, cosine3) e = Mul(low, sine3) im = Add(d, e)"
)
ROPE = "rotary-embedding"
ATTENTION_CASES = (
    Case(SDPA, f"{TURN} d = Mul(s, half) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Add(s, causal) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Add(s, seen) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Where(visible, s, large) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN3} p = Softmax(s) y = MatMul(p, z)", x=P3),
    Case(
        SDPA,
        f"{TURN} d = Add(s, hidden) p = Softmax(d) b = IsNaN(p) e = Where(b, zero, p) "
        "y = MatMul(e, z)",
        x=Q,
    ),
    Case(
        SDPA,
        "k = Slice(z, i0, i2, channel, i1) r = Reshape(k, halved6) "
        "f = Tile(r, tiles2) u = Reshape(f, same6) t = Transpose<perm = [0, 1, 3, 2]>(u) "
        "r2 = Reshape(k, halved6) f2 = Tile(r2, tiles2) v = Reshape(f2, same6) "
        "s = MatMul(x, t) p = Softmax(s) y = MatMul(p, v)",
        x=Q,
    ),
    Case(SDPA, f"{TURN} d = Add(s, hidden) p = Softmax(d) y = MatMul(p, z)", "no key", x=Q),
    Case(SDPA, f"{TURN} d = Add(s, s) p = Softmax(d) y = MatMul(p, z)", "neither summand", x=Q),
    Case(SDPA, f"{TURN} d = Relu(s) p = Softmax(d) y = MatMul(p, z)", "no part of scores", x=Q),
    Case(SDPA, f"{TURN} p = Softmax<axis = 2>(s) y = MatMul(p, z)", "over the keys", x=Q),
    Case(SDPA, "p = Softmax(z) y = MatMul(p, x)", "for the scores alone", x="float[1,4,5,5]"),
    Case(SDPA, "s = MatMul(x, z) p = Softmax(s) y = MatMul(p, z)", "rank 3 or 4", x="float[5,5]"),
    Case(
        SDPA,
        f"{TURN} a = Add(s, causal) d = Mul(a, half) p = Softmax(d) y = MatMul(p, z)",
        "covers the mask",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Where(visible, s, ten) p = Softmax(d) y = MatMul(p, z)",
        "not certain to hide",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Where(visible, s, seen) p = Softmax(d) y = MatMul(p, z)",
        "not one number",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} k = Slice(z, i0, i1, channel, i1) p = Softmax(s) y = MatMul(p, k)",
        "different heads",
        x=Q,
    ),
    Case(
        SDPA,
        "k = Slice(z, i0, i1, i0, i1) t = Transpose<perm = [0, 1, 3, 2]>(k) "
        "s = MatMul(x, t) p = Softmax(s) y = MatMul(p, k)",
        "no multiple",
        x="float[2,4,5,6]",
    ),
    Case(
        SDPA,
        "k = Slice(z, i0, i1, i0, i1) t = Transpose<perm = [0, 2, 1]>(k) "
        "s = MatMul(x, t) p = Softmax(s) y = MatMul(p, z)",
        "batches differ",
        x=P3,
    ),
    Case(
        "attention-of-packed-heads",
        f"{HEADS} a = Attention(qt, kt, vt) b = Transpose<perm = [0, 2, 1, 3]>(a) "
        "y = Reshape(b, packed6)",
        x=F5,
    ),
    Case(
        "attention-of-packed-heads",
        f"{HEADS.replace('split6', 'split8')} q2 = RotaryEmbedding(qt, rc, rs) "
        "a = Attention(q2, kt, vt) b = Transpose<perm = [0, 2, 1, 3]>(a) y = Reshape(b, packed8)",
        x="float[1,5,8]",
    ),
    Case(
        "attention-of-packed-heads",
        "a = Attention(x, z, z) b = Transpose<perm = [0, 2, 1, 3]>(a) y = Reshape(b, rows24)",
        "splitting heads",
        x=Q,
    ),
    Case(ROPE, f"{TURNED} a = Mul(x, cosine) b = Mul(c, sine) y = Add(a, b)", x=Q),
    Case(
        ROPE,
        f"{TURNED} a = Mul(z, cosine) b = Mul(c, sine) y = Add(a, b)",
        "not what is scaled",
        x=Q,
    ),
    Case(ROPE, f"{TURNED} a = Mul(x, lopsided) b = Mul(c, sine) y = Add(a, b)", "differ", x=Q),
    Case(ROPE, f"{TURNED} a = Mul(x, z) b = Mul(c, sine) y = Add(a, b)", "not constant", x=Q),
    Case(
        ROPE,
        "low = Slice(x, i0, i3, i3, i1) high = Slice(z, i3, i6, i3, i1) "
        "n = Neg(high) c = Concat<axis = 3>(n, low) a = Mul(x, cosine) b = Mul(c, sine) "
        "y = Add(a, b)",
        "different values",
        x=Q,
    ),
    Case(
        ROPE,
        "low = Slice(x, i3, i6, i3, i1) high = Slice(x, i0, i3, i3, i1) "
        "n = Neg(high) c = Concat<axis = 3>(n, low) a = Mul(x, cosine) b = Mul(c, sine) "
        "y = Add(a, b)",
        "not the halves",
        x=Q,
    ),
    Case(
        ROPE,
        "low = Relu(x) high = Relu(z) n = Neg(high) c = Concat<axis = 3>(n, low) "
        "d = Concat<axis = 3>(x, z) a = Mul(d, cosine) b = Mul(c, sine) y = Add(a, b)",
        "no part of the last axis",
        x="float[1,4,5,3]",
    ),
    Case(
        ROPE,
        f"{TURNED} a = Mul(x, cosinet) b = Mul(c, sinet) y = Add(a, b)",
        x="float[1,5,4,6]",
    ),
    Case(
        ROPE,
        f"{TURNED} a = Mul(x, cosine) b = Mul(c, sinet) y = Add(a, b)",
        "alone",
        x="float[1,5,5,6]",
    ),
    Case("rotary-embedding-of-halves", f"{LOW} {HALVES} y = Concat<axis = 3>(re, im)", x=Q),
    Case(
        "rotary-embedding-of-halves",
        f"{LOW} {HALVES} y = Concat<axis = 2>(re, im)",
        "where the halves were",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{ALTERNATE} {HALVES} r = Reshape(re, pairs) i = Reshape(im, pairs) "
        "c = Concat<axis = 4>(r, i) y = Reshape(c, same6)",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{LOW} {HALVES} r = Reshape(re, pairs) i = Reshape(im, pairs) "
        "c = Concat<axis = 4>(r, i) y = Reshape(c, same6)",
        "where the parts were",
        x=Q,
    ),
    Case("slice-of-transpose", "t = Transpose(x) y = Slice(t, i0, i3, i1, i1)"),
    Case("slice-of-transpose", "y = Slice(x, i0, i3, i2, i1)", "no part of a transpose"),
    Case(
        "slice-of-transpose",
        "t = Transpose(x) a = Slice(t, i0, i3, i1, i1) b = Slice(t, i1, i4, i1, i1) "
        "c = Add(a, b) d = ReduceMax(t, i1) y = Add(c, d)",
        "whole transpose",
    ),
    Case("split-of-transpose", "t = Transpose(x) a, b = Split<axis = 2>(t, parts) y = Mul(a, b)"),
    Case("split-of-transpose", "a, b = Split<axis = 1>(x, parts) y = Mul(a, b)", "no part"),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, qkv) a, b, c = Split<axis = 2>(r, ones3) d = Mul(a, b) y = Mul(d, c)",
        x=F5,
    ),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, qkv) a, b = Split<axis = 3>(r, ones2) y = Mul(a, b)",
        "does not split the last axis",
        x=F5,
    ),
    Case("split-of-split-axis", "a, b = Split<axis = 1>(x, parts) y = Mul(a, b)", "a reshape"),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, heads25)",
    ),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, square100)",
        "does not make heads",
    ),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, regrouped)",
        "regrouped",
    ),
    Case(
        "unit-axes-stay",
        "t = Transpose<perm = [2, 0, 1, 3]>(x) y = Reshape(t, row20)",
    ),
    Case("unit-axes-stay", "t = Transpose<perm = [0, 2, 1, 3]>(x) y = Reshape(t, row20)", "place"),
    Case(
        "transpose-between-reshapes",
        "a = Reshape(x, up4) b = Transpose<perm = [0, 1, 3, 2]>(a) y = Reshape(b, back5)",
        x="float[1,4,5]",
    ),
    Case(
        "transpose-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, heads25)",
        "more axes",
    ),
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) t = Transpose<perm = [0, 2, 3, 1]>(a) y = Mul(t, g4)",
    ),
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) r = Reshape(a, row4) t = Transpose<perm = [1, 0]>(r) y = Mul(t, two)",
    ),
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) r = Reshape(a, row4) t = Transpose<perm = [1, 0]>(r) y = Mul(t, g4)",
        "no product",
    ),
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, half) y = MatMul(a, b)"),
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, g5) y = MatMul(a, b)", "has shape"),
    Case("constant-before-transpose", "t = Transpose(x) y = Mul(t, two)", "no product"),
    Case("number-before-reshape", "a = Conv(x, conv4) t = Reshape(a, row4) y = Mul(t, two)"),
    Case(
        "number-before-reshape",
        "a = Conv(x, conv4) t = Reshape(a, row4) y = Mul(t, g25)",
        "not one number",
    ),
    Case("number-before-reshape", "t = Reshape(x, row4) y = Mul(t, two)", "no product"),
    Case(
        "reduce-of-stack",
        "a = Reshape(x, stacked) b = Reshape(z, stacked) c = Concat<axis = 4>(a, b) "
        "y = ReduceMax<keepdims = 0>(c, axis4)",
    ),
    Case("reduce-of-stack", "y = ReduceMax<keepdims = 0>(x, i1)", "not reduce a stack"),
    Case(
        "reduce-of-stack",
        "c = Concat<axis = 1>(x, z) y = ReduceMax<keepdims = 0>(c, i2)",
        "another axis",
    ),
    Case(
        "reduce-of-stack",
        "c = Concat<axis = 1>(x, z) y = ReduceMax<keepdims = 0>(c, i1)",
        "new axis",
    ),
    Case("elementwise-of-transposed", "a = Transpose(x) b = Transpose(z) y = Sub(a, b)"),
    Case(
        "elementwise-of-transposed",
        "a = Transpose(x) b = Transpose<perm = [3, 2, 0, 1]>(z) y = Sub(a, b)",
        "alike",
    ),
    Case(
        "elementwise-of-transposed",
        "a = Transpose(x) b = Transpose(z) c = Sub(a, b) y = Mul(c, b)",
        "used elsewhere",
    ),
    Case(
        "elementwise-of-transposed",
        "peak = ReduceMax(z, i2) a = Transpose(x) b = Transpose(peak) y = Sub(a, b)",
        "broadcast",
    ),
    Case(
        "elementwise-of-three-transposed",
        "a = Transpose(x) b = Transpose(z) r = Relu(x) c = Transpose(r) y = Max(a, b, c)",
    ),
    Case("elementwise-of-three-transposed", "y = Max(x, z, x)", "alike"),
)
