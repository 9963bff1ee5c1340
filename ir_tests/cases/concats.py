"""Cases of the rules in passes/rules/concats.py."""

from cases import Case

CASES = (
    Case("concat-of-parts", "a, b = Split<axis=1>(x, parts) c = Concat<axis=1>(a, b) y = Relu(c)"),
    Case("concat-of-parts", "a, b = Split<axis=1>(x, parts) y = Concat<axis=1>(b, a)", "order"),
    Case("concat-of-parts", "y = Concat<axis = 1>(x, z)", "parts of one Split"),
    Case("concat-of-concats", "a = Concat<axis=1>(x, z) y = Concat<axis=1>(z, a, x)"),
    Case(
        "concat-of-concats", "a = Concat<axis=2>(x, z) y = Concat<axis=1>(a, a)", "along its axis"
    ),
    Case(
        "concat-of-parts",
        "a, b = Split<axis = 1, num_outputs = 2>(x) y = Concat<axis = 2>(a, b)",
        "order",
    ),
    Case("slice-of-concat", "a = Concat<axis=2>(x, z) y = Slice(a, i5, end, i2, i1)"),
    Case("slice-of-concat", "a = Concat<axis=2>(x, z) y = Slice(a, i1, i4, i2, i1)"),
    Case("slice-of-concat", "a = Concat<axis=-2>(x, z) y = Slice(a, last, i5, i2, last)", "back"),
    Case("slice-of-concat", "a = Concat<axis=2>(x, z) y = Slice(a, i4, end, i2, i1)", "several"),
    Case(
        "slice-of-concat", "a = Concat<axis=2>(x, z) y = Slice(a, i1, i2, i1, i1)", "all operands"
    ),
)
