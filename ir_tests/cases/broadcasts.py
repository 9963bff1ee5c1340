"""Cases of the rules in passes/rules/broadcasts.py."""

from cases import Case

SMALL = "r = ReduceMax(x, last) a = Expand(r, same) "

CASES = (
    Case("expand-operand", SMALL + "y = Add(a, z)"),
    Case("expand-operand", SMALL + "y = Sub(z, a)"),
    Case("expand-operand", SMALL + "b = Add(z, a) c = Mul(a, z) y = Sub(b, c)"),
    Case("expand-operand", "a = Expand(x, big) y = Add(a, z)", "no operand"),
    Case("expand-operand", SMALL + "c = Greater(x, z) y = Where(c, x, a)"),
    Case("expand-operand", SMALL + "c = Greater(x, z) y = Where(c, a, x)"),
    Case(
        "expand-operand",
        "r = ReduceMax(x, last) b = Greater(r, one) a = Expand(b, same) y = Where(a, x, z)",
    ),
    Case("expand-later", SMALL + "y = Neg(a)"),
    Case("expand-later", SMALL + "y = Cast<to = 7>(a)", y="int64"),
    Case("expand-later", SMALL + "b = Neg(a) y = Mul(a, b)", "used elsewhere"),
    Case("expand-after-clip", SMALL + "y = Clip(a, one, two)"),
    Case("expand-after-clip", SMALL + "y = Clip(a, , two)"),
    Case("expand-after-clip", SMALL + "b = Clip(a, one) y = Sub(a, b)", "used elsewhere"),
    Case("expand-after-scalar", SMALL + "y = Max(a, two)"),
    Case("expand-after-scalar", SMALL + "y = Sub(a, two)"),
    Case("expand-after-scalar", SMALL + "y = Sub(two, a)", "is not made by Expand"),
    Case("expand-after-scalar", SMALL + "y = Max(two, a)", "on the left"),
    Case("expand-after-scalar", SMALL + "y = Max(a, g5)", "more than one number"),
    Case("expand-after-reduce", SMALL + "y = ReduceSum<keepdims = 0>(a, channel)"),
    Case("expand-after-reduce", SMALL + "y = ReduceSum(a, channel)"),
    Case("expand-after-reduce", SMALL + "y = ReduceSum(a, last)", "axis is expanded"),
    Case(
        "expand-after-reduce",
        "a = Expand(z, same) y = ReduceMax(a, channel)",
        "adds axes",
        z="float[5]",
    ),
)
