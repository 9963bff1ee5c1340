"""Cases of the rules in passes/rules/constants_through_layout.py."""

from cases import Case

F5T = "float[1,4,5]"
BETWEEN = "constant-between-reshapes"
WINDOWS = (
    "s = Constant<value = int64[5] {2, 2, 3, 1, 2}>() "
    "back = Constant<value = int64[4] {4, 3, 1, 2}>() a = Reshape(x, s)"
)
CASES = (
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) t = Transpose<perm = [0, 2, 3, 1]>(a) y = Mul(t, g4)",
    ),
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) r = Reshape(a, row4) t = Transpose<perm = [1, 0]>(r) y = Mul(t, two)",
    ),
    Case(
        "constant-before-transpose",
        "a = Conv(x, conv4) r = Reshape(a, row4) t = Transpose<perm = [1, 0]>(r) y = Mul(t, g4)",
        "no product",
    ),
    Case("constant-before-transpose", "t = Transpose(x) y = Mul(t, two)", "no product"),
    Case("constant-before-reshape", "a = Conv(x, conv4) t = Reshape(a, row4) y = Mul(t, two)"),
    Case(
        "constant-before-reshape",
        "a = Conv(x, conv4) t = Reshape(a, row4) y = Mul(t, g25)",
        "one a column",
    ),
    Case("constant-before-reshape", "t = Reshape(x, row4) y = Mul(t, two)", "no product"),
    Case(
        "constant-before-reshape",
        "a = MatMul(x, m15) t = Reshape(a, split53) y = Add(t, s53)",
        x=F5T,
    ),
    Case(
        "constant-before-reshape",
        "a = MatMul(x, m15) t = Reshape(a, split53) y = Mul(t, b3)",
        x=F5T,
    ),
    Case(
        "constant-before-reshape",
        "a = MatMul(x, m15) t = Reshape(a, split53) y = Mul(t, c4)",
        "one a column",
        x=F5T,
    ),
    Case(
        "constant-before-reshape",
        "a = Conv(x, conv4) t = Reshape(a, row4) y = Mul(t, one_of_five)",
        "adds axes",
        y="float[1,1,1,4,25]",
    ),
    Case(
        "constant-before-reshape",
        "a = MatMul(x, m15) s = Constant<value = int64[4] {1, 1, 1, 15}>() t = Reshape(a, s) "
        "y = Mul(t, c4)",
        "more elements than the result",
        x="float[5]",
    ),
    Case(
        BETWEEN,
        f"{WINDOWS} c = Constant<value = float[1,2,1,1,2] {{1, 2, 3, 4}}>() "
        "b = Add(a, c) y = Reshape(b, back)",
        x="float[4,3,1,2]",
    ),
    Case(
        BETWEEN,
        f"{WINDOWS} b = Mul(a, two) y = Reshape(b, back)",
        x="float[4,3,1,2]",
    ),
    Case(
        BETWEEN,
        "s = Constant<value = int64[2] {2, 6}>() back = Constant<value = int64[4] {2, 3, 1, 2}>() "
        "a = Reshape(x, s) c = Constant<value = float[2,1] {1, 2}>() b = Mul(a, c) "
        "y = Reshape(b, back)",
        x="float[2,3,1,2]",
    ),
    Case(
        BETWEEN,
        "s = Constant<value = int64[2] {2, 6}>() back = Constant<value = int64[2] {3, 4}>() "
        "a = Reshape(x, s) c = Constant<value = float[2,1] {1, 2}>() b = Mul(a, c) "
        "y = Reshape(b, back)",
        "axes that the reshape mixes",
        x="float[3,4]",
    ),
    Case(BETWEEN, f"{WINDOWS} b = Add(a, two) y = Reshape(b, flat)", "undo", x="float[4,3,1,2]"),
    Case(
        BETWEEN,
        f"{WINDOWS} c = Constant<value = float[1,1,1,1,1,1] {{1}}>() b = Add(a, c) "
        "y = Reshape(b, back)",
        "adds axes",
        x="float[4,3,1,2]",
    ),
)
