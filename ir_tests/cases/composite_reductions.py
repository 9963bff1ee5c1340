"""Cases of the rules in passes/rules/composite_reductions.py."""

from cases import Case

CASES = (
    Case("reduce-l1", "y = ReduceL1(x, i2)"),
    Case("decompose/reduce-l2", "y = ReduceL2<keepdims = 0>(x, i2)"),
    Case("reduce-log-sum", "a = Abs(x) y = ReduceLogSum(a, i2)"),
    Case("reduce-log-sum-exp", "y = ReduceLogSumExp<keepdims = 0>(x, space)"),
    Case("reduce-sum-square", "y = ReduceSumSquare(x, i1)"),
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
    Case("norm-of-absolute", "a = Abs(x) y = ReduceL2(a, i2)"),
    Case("norm-of-absolute", "a = Relu(x) y = ReduceL2(a, i2)", "not Abs"),
)
