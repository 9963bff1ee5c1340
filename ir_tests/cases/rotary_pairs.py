"""Cases of the rules in passes/rules/rotary_pairs.py."""

from cases import Case

Q = "float[1,4,5,6]"
ALTERNATE = "low = Slice(x, i0, i6, i3, by2) high = Slice(x, i1, i6, i3, by2)"
HALVES = (
    "a = Mul(low, cosine3) b = Mul(high, sine3) re = Sub(a, b) "
    "d = Mul(high, cosine3) e = Mul(low, sine3) im = Add(d, e)"
)
LOW = "low = Slice(x, i0, i3, i3, i1) high = Slice(x, i3, i6, i3, i1)"
VIEWED = "v = Reshape(x, pairs2) low, high = Split<axis = 4>(v, ones2)"
HALVES1 = HALVES.replace("cosine3", "cosine31").replace(", sine3)", ", sine31)")
STACKED = (
    "n = Neg(high) r = Reshape(n, pairs) l = Reshape(low, pairs) "
    "c = Concat<axis = 4>(r, l) t = Reshape(c, same6)"
)
TWICE = (
    "mono = Constant<value = int64[5] {1, 1, 5, 3, 1}>() two2 = Constant<value = int64[5] "
    "{1, 1, 5, 3, 2}>() all6 = Constant<value = int64[4] {1, 1, 5, 6}>() e = Reshape(z, mono) "
    "f = Expand(e, two2) g = Reshape(f, all6) k = Cos(g) h = Sin(g)"
)
CASES = (
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
        "no member of pairs",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{VIEWED} {HALVES1} c = Concat<axis = 4>(re, im) y = Reshape(c, same6)",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{ALTERNATE} {HALVES} r = Reshape(re, pairs) i = Reshape(im, pairs) "
        "c = Concat<axis = 3>(r, i) y = Reshape(c, same6)",
        "not stacked as pairs",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{ALTERNATE} {HALVES} r = Reshape(re, pairs) i = Reshape(im, pairs) "
        "c = Concat<axis = 4>(r, i) y = Reshape(c, twenty_four)",
        "one axis again",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"{VIEWED} {HALVES1.replace(', sine31', ', half')} c = Concat<axis = 4>(re, im) "
        "y = Reshape(c, same6)",
        "not one a pair",
        x=Q,
    ),
    Case(
        "rotary-embedding-interleaved",
        f"v = Reshape(x, crossed) low, high = Split<axis = 4>(v, ones2) {HALVES1} "
        "c = Concat<axis = 4>(re, im) y = Reshape(c, same6)",
        "no neighbours",
        x="float[1,4,3,10]",
        y="float[1,4,5,6]",
    ),
    Case(
        "rotary-embedding-interleaved",
        f"low = Slice(x, i0, i6, i3, by2) high = Slice(z, i1, i6, i3, by2) {HALVES} "
        "r = Reshape(re, pairs) i = Reshape(im, pairs) c = Concat<axis = 4>(r, i) "
        "y = Reshape(c, same6)",
        "every second number of one value",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} a = Mul(x, pairwise) b = Mul(t, pairsine) y = Add(a, b)",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} a = Mul(z, pairwise) b = Mul(t, pairsine) y = Add(a, b)",
        "not what is scaled",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} a = Mul(x, cosine) b = Mul(t, pairsine) y = Add(a, b)",
        "differs within pairs",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} a = Mul(x, z) b = Mul(t, pairsine) y = Add(a, b)",
        "is an input",
        x=Q,
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} {TWICE} a = Mul(x, k) b = Mul(t, h) y = Add(a, b)",
        x=Q,
        z="float[1,1,5,3]",
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} k = Relu(z) a = Mul(x, k) b = Mul(t, k) y = Add(a, b)",
        "no number twice in turn",
        x=Q,
        z="float[1,1,5,6]",
    ),
    Case(
        "rotary-embedding-of-pairs",
        f"{ALTERNATE} {STACKED} a = Mul(x, pairwise) b = Mul(t, half) y = Add(a, b)",
        "is not one a pair",
        x=Q,
    ),
)
