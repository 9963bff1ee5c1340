"""Cases of the rules in passes/rules/reductions.py."""

from cases import Case

CASES = (
    Case("explicit-axes", "y = ReduceMean<keepdims = 0>(x, last)"),
    Case("explicit-axes", "y = ReduceMean(x, space)", "explicit"),
    Case("reduce-of-single", "a = ReduceMean(x, i0) y = Relu(a)"),
    Case("reduce-of-single", "a = ReduceMean(x, i1) y = Relu(a)", "it reduces"),
    Case("reduce-reshape", "a = ReduceMean(x, space) y = Reshape(a, keptless)"),
    Case("reduce-reshape", "a = ReduceMean(x, i1) y = Reshape(a, flat5)", "more than drop"),
    Case("arg-reshape", "a = ArgMax<axis = 3>(x) y = Reshape(a, square)", y="int64"),
    Case("reduce-reduce", "a = ReduceMean(x, i2) y = ReduceMean(a, channel)"),
    Case("reduce-reduce", "a = ReduceMean(x, i2) y = ReduceSum(a, channel)", "neither"),
    Case("sum-over-count", "a = ReduceSum(x, i2) y = Div(a, five)"),
    Case("sum-over-count", "a = ReduceSum(x, i2) y = Div(a, six)", "number of summands"),
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
    Case(
        "reduced-axes-stay",
        "a = ReduceMean<keepdims = 0>(x, i2) b = Mul(a, a) c = Add(b, one) r = Reshape(a, kept) "
        "s = Reshape(c, kept) y = Sub(r, s)",
    ),
    Case("reduced-axes-stay", "y = Reshape(x, flat)", "no function of reductions"),
    Case(
        "reduced-axes-stay",
        "a = Mul(x, x) y = Reshape(a, flat)",
        "'x' is no function of reductions",
    ),
    Case(
        "reduced-axes-stay",
        "a = ReduceMean<keepdims = 0>(x, i2) b = Relu(a) y = Reshape(b, square)",
        "more than restore",
    ),
    Case(
        "reduced-axes-stay",
        "a = ReduceMean<keepdims = 0>(x, i2) b = Relu(a) r = Reshape(b, kept) d = Neg(b) "
        "s = Reshape(d, kept) y = Sub(r, s)",
        "'b' is no function of reductions",
    ),
    Case("explicit-axes", "y = ReduceMax(x, z)", "axes are computed", z="int64[1]"),
    Case("explicit-axes", "y = ReduceMax<noop_with_empty_axes = 1>(x)", "reduces nothing"),
    Case("reduce-reshape", "a = ReduceMean(x, i2) y = Reshape(a, kept)", "not needed"),
    Case(
        "arg-reshape",
        "a = ArgMax<axis = 3>(x) y = Reshape(a, twenty1)",
        "more than drop the axis",
        y="int64",
    ),
    Case(
        "reduce-reduce",
        "a = ReduceMean(x, i2) y = ReduceMean<keepdims = 0>(a, i1)",
        "only one of them",
    ),
    Case("sum-of-squares-over-count", "a = ReduceSumSquare(x, i2) y = Div(a, five)"),
    Case("sum-of-squares-over-count", "a = ReduceSumSquare(x, i2) y = Div(a, six)", "summands"),
)
