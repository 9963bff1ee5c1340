"""Cases of the rules in passes/rules/computed_slices.py."""

from cases import Case

PLACE = """u1 = Constant<value = int64[1] {1}>() u2 = Constant<value = int64[1] {2}>()
u3 = Constant<value = int64[1] {3}>() s = Mod(z, u2) """

CASES = (
    Case("slice-of-known-length", PLACE + "e = Add(s, u3) y = Slice(x, s, e, u2)", z="int64[1]"),
    Case(
        "slice-of-known-length",
        PLACE
        + """sizes = Constant<value = int64[2] {4, 2}>() uz = Constant<value = int64[1] {0}>()
        ua = Constant<value = int64[2] {1, 3}>() p = Squeeze(s) q = Unsqueeze(p, uz)
        starts = Concat<axis = 0>(uz, q) stop = Add(sizes, starts)
        y = Slice(x, starts, stop, ua)""",
        z="int64[1]",
    ),
    Case(
        "slice-of-known-length",
        PLACE + "n = Neg(s) t = Mod(n, u3) stop = Add(t, u1) y = Slice(x, t, stop)",
        x="float[5,5,5]",
        z="int64[2]",
    ),
    Case(
        "slice-of-known-length",
        PLACE + "e = Add(s, u3) y = Slice(x, s, e, u2, u2)",
        "it takes steps",
        z="int64[1]",
    ),
    Case(
        "slice-of-known-length",
        PLACE + "e = Sub(u3, s) y = Slice(x, s, e, u2)",
        "its length is computed, too",
        z="int64[1]",
    ),
    Case("slice-of-known-length", "y = Slice(x, i1, i2, i2)", "its start is known"),
    Case("compress-by-constant", "y = Compress<axis = 2>(x, mixed)"),
    Case("compress-by-constant", "y = Compress(x, mixed)"),
    Case(
        "compress-by-constant",
        "f = Constant<value = bool[2] {0, 0}>() y = Compress<axis = 1>(x, f)",
        "it keeps nothing",
    ),
)
