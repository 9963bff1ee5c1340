"""Cases of the rules in passes/rules/rotary.py."""

from cases import Case

Q = "float[1,4,5,6]"
LOW = "low = Slice(x, i0, i3, i3, i1) high = Slice(x, i3, i6, i3, i1)"
TURNED = f"{LOW} n = Neg(high) c = Concat<axis = 3>(n, low)"
ROPE = "rotary-embedding"
HALVES = (
    "a = Mul(low, cosine3) b = Mul(high, sine3) re = Sub(a, b) "
    "d = Mul(high, cosine3) e = Mul(low, sine3) im = Add(d, e)"
)
LOW5 = "low = Slice(x, i0, i3, i2, i1) high = Slice(x, i3, i6, i2, i1)"
HALVES2 = HALVES.replace("cosine3", "cosine2").replace("sine3", "sine2")
FREE = "float[1,5,3]"
JOINED = "j = Concat<axis = -1>(z, z) k = Cos(j) l = Sin(j) u = Reshape(k, up6) v = Reshape(l, up6)"
TABLE = "i = Cast<to = 7>(z) t = Gather(cosine, i) u = Reshape(t, up6)"
CASES = (
    Case(ROPE, f"{TURNED} a = Mul(x, cosine) b = Mul(c, sine) y = Add(a, b)", x=Q),
    Case(
        ROPE,
        f"{TURNED} a = Mul(z, cosine) b = Mul(c, sine) y = Add(a, b)",
        "not what is scaled",
        x=Q,
    ),
    Case(ROPE, f"{TURNED} a = Mul(x, lopsided) b = Mul(c, sine) y = Add(a, b)", "differ", x=Q),
    Case(ROPE, f"{TURNED} a = Mul(x, z) b = Mul(c, sine) y = Add(a, b)", "is an input", x=Q),
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
        "rotary-embedding-of-part",
        "low, high = Split<axis = 3>(x, half24) r = RotaryEmbedding(low, batched2, batched2) "
        "y = Concat<axis = 3>(r, high)",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-part",
        "low, high = Split<axis = 3>(x, half24) r = RotaryEmbedding(low, batched2, batched2) "
        "y = Concat<axis = 2>(r, low)",
        "four axes along the last",
        x="float[1,4,5,6]",
    ),
    Case(
        "rotary-embedding-of-part",
        "low, high = Split<axis = 3>(x, half24) r = RotaryEmbedding(low, batched2, batched2) "
        "y = Concat<axis = 3>(r, low)",
        "first part and the rest",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(x, cosine) b = Mul(c, opposite) "
        "y = Add(a, b)",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(x, cosine) b = Mul(c, opposite4) "
        "y = Add(a, b)",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(x, cosine) b = Mul(c, sine) y = Add(a, b)",
        "not opposite",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(z, cosine) b = Mul(c, opposite) "
        "y = Add(a, b)",
        "not what is scaled",
        x=Q,
    ),
    Case(
        "rotary-embedding",
        f"{TURNED} a = Mul(z, cosine) b = Mul(c, sine) y = Add(a, b)",
        "not what is scaled",
        x=Q,
    ),
    Case(
        "rotary-embedding",
        f"{TURNED} d = Exp(z) a = Mul(x, d) b = Mul(c, sine) y = Add(a, b)",
        "no value joined with itself",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-halves",
        f"{LOW} a = Mul(low, low) b = Mul(high, sine3) re = Sub(a, b) "
        "d = Mul(high, low) e = Mul(low, sine3) im = Add(d, e) y = Concat<axis = 3>(re, im)",
        "place alone",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-halves",
        f"{LOW5} {HALVES} y = Concat<axis = 2>(re, im)",
        "float of four axes",
        x="float[4,5,6]",
    ),
    Case(
        "rotary-embedding-of-halves",
        f"low, k, high = Split<axis = 3>(x, twos) {HALVES2} y = Concat<axis = 3>(re, im)",
        "not the halves",
        x=Q,
        y="float",
    ),
    Case(
        "rotary-embedding-of-halves",
        f"{HALVES.replace('low', 'x').replace('high', 'z')} y = Concat<axis = 3>(re, im)",
        "no part of another value",
        x="float[1,4,5,3]",
    ),
    Case(ROPE, f"{TURNED} {JOINED} a = Mul(x, u) b = Mul(c, v) y = Add(a, b)", x=Q, z=FREE),
    Case(
        ROPE,
        f"{TURNED} {JOINED} p = Mul(u, two) a = Mul(x, p) b = Mul(c, v) y = Add(a, b)",
        x=Q,
        z=FREE,
    ),
    Case(
        ROPE,
        f"{TURNED} {JOINED} p = Mul(u, g6) a = Mul(x, p) b = Mul(c, v) y = Add(a, b)",
        "not by one number",
        x=Q,
        z=FREE,
    ),
    Case(ROPE, f"{TURNED} {TABLE} a = Mul(x, u) b = Mul(c, u) y = Add(a, b)", x=Q, z="bool[1,5]"),
    Case(
        ROPE,
        f"{TURNED} {TABLE} a = Mul(x, u) b = Mul(c, u) y = Add(a, b)".replace("cosine", "lopsided"),
        "differ",
        x=Q,
        z="bool[1,5]",
    ),
    Case(
        ROPE,
        f"{TURNED} q = Relu(z) a = Mul(x, q) b = Mul(c, q) y = Add(a, b)",
        "no value joined with itself",
        x=Q,
    ),
    Case(ROPE, f"{TURNED} a = Mul(x, one) b = Mul(c, one) y = Add(a, b)", "another size", x=Q),
    Case(
        "rotary-embedding-of-halves",
        f"{LOW} {HALVES} y = Concat<axis = 3>(re, im)".replace("cosine3", "z").replace(
            "sine3", "z"
        ),
        x=Q,
        z="float[1,1,5,3]",
    ),
    Case(
        ROPE,
        f"{TURNED} j = Concat<axis = 1>(z, z) k = Cos(j) a = Mul(x, k) b = Mul(c, k) y = Add(a, b)",
        "along another axis",
        x=Q,
        z="float[1,2,5,6]",
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(x, cosine) b = Mul(c, z) y = Add(a, b)",
        "not constant",
        x=Q,
    ),
    Case(
        ROPE,
        "low = Slice(x, i0, i1, i3, i1) high = Slice(x, i1, i2, i3, i1) n = Neg(high) "
        "c = Concat<axis = 2>(n, low) a = Mul(x, half) b = Mul(c, half) y = Add(a, b)",
        "not what is scaled",
        x="float[1,1,1,2]",
    ),
    Case(
        "rotary-embedding-of-rolled",
        "low = Slice(x, i0, i1, i3, i1) high = Slice(x, i1, i2, i3, i1) "
        "c = Concat<axis = 2>(high, low) a = Mul(x, half) b = Mul(c, half) y = Add(a, b)",
        "not what is scaled",
        x="float[1,1,1,2]",
    ),
    Case(
        "rotary-embedding-of-rolled",
        f"{LOW} c = Concat<axis = 3>(high, low) a = Mul(x, cosine) b = Mul(c, half) y = Add(a, b)",
        "of another size",
        x=Q,
    ),
    Case(
        ROPE,
        f"{TURNED} s = Constant<value = int64[4] {{1, 1, 1, 2}}>() j = Tile(z, s) k = Cos(j) "
        "l = Sin(j) a = Mul(x, k) b = Mul(c, l) y = Add(a, b)",
        x=Q,
        z="float[1,1,5,3]",
    ),
)
