"""Cases of the rules in passes/rules/composite_reductions.py."""

from cases import Case

CASES = (
    Case("recognize-reduce-l2", "a = Mul(x, x) b = ReduceSum<keepdims = 0>(a, i2) y = Sqrt(b)"),
    Case(
        "recognize-reduce-l2", "a = Mul(x, z) b = ReduceSum(a, i2) y = Sqrt(b)", "different values"
    ),
    Case("clipped-reduce-l2", "a = Mul(x, x) b = ReduceSum(a, i2) c = Clip(b, two) y = Sqrt(c)"),
    Case(
        "clipped-reduce-l2",
        "a = Mul(x, x) b = ReduceSum(a, i2) c = Clip(b, minus) y = Sqrt(c)",
        "has a root",
    ),
    Case("clip-of-reciprocal", "a = ReduceL2(x, i2) b = Reciprocal(a) y = Clip(b, , half)"),
    Case("clip-of-reciprocal", "r = Relu(x) a = Sqrt(r) b = Reciprocal(a) y = Clip(b, , half)"),
    Case(
        "clip-of-reciprocal",
        "a = ReduceL2(x, i2) b = Reciprocal(a) y = Clip(b, tenth, half)",
        "one positive number above",
    ),
    Case(
        "clip-of-reciprocal",
        "a = ReduceL2(x, i2) b = Reciprocal(a) y = Clip(b, , minus)",
        "one positive number above",
    ),
)
