"""Cases of the rules in passes/rules/attention.py."""

from cases import Case

Q = "float[1,4,5,6]"
TURN = "t = Transpose<perm = [0, 1, 3, 2]>(z) s = MatMul(x, t)"
SDPA = "scaled-dot-product"
P3 = "float[4,5,6]"
TURN3 = "t = Transpose<perm = [0, 2, 1]>(z) s = MatMul(x, t)"
F5 = "float[1,5,6]"
HEADS = " ".join(
    f"{v}r = Reshape({s}, split6) {v}t = Transpose<perm = [0, 2, 1, 3]>({v}r)"
    for v, s in (("q", "x"), ("k", "z"), ("v", "z"))
)
FOUR = "a = Attention(x, z, z)"
TWO = "float[1,2,5,6]"
TWICE = " ".join(
    f"{n}r = Reshape(z, twice5) {n}e = Expand({n}r, wide2) {n}2 = Reshape({n}e, same6)"
    for n in "kv"
)
LAST, WEIGHTS = "values-of-features-first", "p = Softmax(z)"
CASES = (
    Case(SDPA, f"{TURN} d = Mul(s, half) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Add(s, causal) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Add(causal, s) p = Softmax(d) y = MatMul(p, z)", x=Q),
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
    Case(
        SDPA,
        f"{TURN} k = ReduceMax(z, last) c = Greater(k, one) e = Where(c, zero, never) "
        "d = Add(s, e) p = Softmax(d) y = MatMul(p, z)",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Mul(s, half) u = Tanh(d) e = Mul(u, half) f = Add(e, causal) "
        "p = Softmax(f) y = MatMul(p, z)",
        x=Q,
    ),
    Case(SDPA, f"{TURN} d = Mul(s, minus) p = Softmax(d) y = MatMul(p, z)", "not positive", x=Q),
    Case(SDPA, f"{TURN3} d = Tanh(s) p = Softmax(d) y = MatMul(p, z)", x=P3),
    Case(
        SDPA,
        f"{TURN} d = Mul(s, minus) u = Tanh(d) e = Mul(u, minus) p = Softmax(e) y = MatMul(p, z)",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Tanh(s) e = Tanh(d) p = Softmax(e) y = MatMul(p, z)",
        "another tanh",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Add(s, causal) e = Tanh(d) p = Softmax(e) y = MatMul(p, z)",
        "covers the mask, or another tanh",
        x=Q,
    ),
    Case(SDPA, f"{TURN} d = Mul(s, c4) p = Softmax(d) y = MatMul(p, z)", x=Q),
    Case(SDPA, f"{TURN} d = Mul(s, g5) p = Softmax(d) y = MatMul(p, z)", "one number a head", x=Q),
    Case(
        SDPA,
        f"{TURN} a = Add(s, causal) d = Mul(a, c4) p = Softmax(d) y = MatMul(p, z)",
        "of the heads covers",
        x=Q,
    ),
    Case(
        SDPA,
        f"{TURN} d = Add(s, causal) e = Add(d, m55) p = Softmax(e) y = MatMul(p, z)",
        x=Q,
    ),
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
    Case(
        "merge-heads-of-one",
        f"{FOUR} f = Reshape(a, heads456) y = Transpose<perm = [1, 0, 2]>(f)",
        x=Q,
    ),
    Case(
        "merge-heads-of-one",
        f"{FOUR} f = Reshape(a, back456) y = Transpose<perm = [1, 0, 2]>(f)",
        "the axis of the batch",
        x=Q,
    ),
    Case("attention-of-repeated-heads", f"{TWICE} y = Attention(x, k2, v2)", x=Q, z=TWO),
    Case(
        "attention-of-repeated-heads",
        f"{TWICE} y = Attention(x, k2, x)",
        "repeated alike",
        x=Q,
        z=TWO,
    ),
    Case(
        "attention-of-repeated-heads",
        "y = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "packed, or it has caches",
        x="float[1,5,6]",
    ),
    Case(
        "attention-of-packed-heads",
        "a = Attention<q_num_heads = 2, kv_num_heads = 2>(x, z, z) b = Reshape(a, sp) "
        "t = Transpose<perm = [0, 2, 1, 3]>(b) y = Reshape(t, one53)",
        "is not Attention",
        x="float[1,5,6]",
    ),
    Case(
        "scaled-dot-product",
        f"{TURN3} k = MatMul(x, t) c = Greater(k, zero) e = Where(c, zero, ten) d = Add(s, e) "
        "p = Softmax(d) y = MatMul(p, z)",
        "computed mask of three axes",
        x=P3,
    ),
    Case(LAST, f"{WEIGHTS} t = Transpose<perm = [0, 1, 3, 2]>(p) y = MatMul(x, t)"),
    Case(
        LAST,
        f"{WEIGHTS} t = Transpose<perm = [1, 0, 3, 2]>(p) y = MatMul(x, t)",
        "not transposed alone",
    ),
    Case(LAST, f"{WEIGHTS} t = Transpose<perm = [0, 1, 3, 2]>(p) y = MatMul(m55, t)", "constant"),
)
