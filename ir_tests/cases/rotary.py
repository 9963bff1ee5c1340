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
CASES = (
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
        "is not constant, or of another size",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-halves",
        f"{LOW} a = Mul(low, low) b = Mul(high, sine3) re = Sub(a, b) "
        "d = Mul(high, low) e = Mul(low, sine3) im = Add(d, e) y = Concat<axis = 3>(re, im)",
        "is not constant",
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
)
