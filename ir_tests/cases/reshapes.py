"""Cases of the rules in passes/rules/reshapes.py."""

from cases import Case

CASES = (
    Case("regroup-to-reshape", "y = Flatten(x)"),
    Case("reshape-to-static", "y = Reshape(x, dims)", x="float[4,3,5]"),
    Case("reshape-to-static", "y = Reshape(x, flat)", "static"),
    Case("reshape-to-same", "a = Reshape(x, same) y = Relu(a)"),
    Case("reshape-to-same", "y = Reshape(x, flat)", "changes the shape"),
    Case("reshape-reshape", "a = Reshape(x, flat) y = Reshape(a, rows)"),
    Case("transpose-identity", "a = Transpose<perm = [0,1,2,3]>(x) y = Relu(a)"),
    Case("transpose-identity", "y = Transpose<perm = [0,2,1,3]>(x)", "moves dimensions"),
    Case("transpose-to-reshape", "y = Transpose<perm = [1,0,2,3]>(x)"),
    Case("transpose-to-reshape", "y = Transpose<perm = [0,2,1,3]>(x)", "moves data"),
    Case(
        "transpose-transpose",
        "a = Transpose<perm = [0,2,1,3]>(x) y = Transpose<perm = [0,3,1,2]>(a)",
    ),
    Case("transpose-explicit", "y = Transpose(x)"),
    Case("transpose-explicit", "y = Transpose<perm = [3,2,1,0]>(x)", "perm is there"),
    Case(
        "transpose-reshape-transpose",
        "a = Transpose<perm = [0,2,3,1]>(x) b = Reshape(a, seq) y = Transpose<perm = [0,2,1]>(b)",
    ),
    Case(
        "transpose-reshape-transpose",
        "a = Transpose<perm = [0,2,3,1]>(x) b = Reshape(a, seq) y = Transpose<perm = [2,1,0]>(b)",
        "moves data",
        x="float[2,4,5,5]",
    ),
    Case(
        "transpose-between-reshapes",
        "a = Reshape(x, up4) b = Transpose<perm = [0, 1, 3, 2]>(a) y = Reshape(b, back5)",
        x="float[1,4,5]",
    ),
    Case(
        "transpose-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, heads25)",
        "more axes",
    ),
    Case("elementwise-of-transposed", "a = Transpose(x) b = Transpose(z) y = Sub(a, b)"),
    Case(
        "elementwise-of-transposed",
        "a = Transpose(x) b = Transpose<perm = [3, 2, 0, 1]>(z) y = Sub(a, b)",
        "alike",
    ),
    Case(
        "elementwise-of-transposed",
        "a = Transpose(x) b = Transpose(z) c = Sub(a, b) y = Mul(c, b)",
        "used elsewhere",
    ),
    Case(
        "elementwise-of-transposed",
        "peak = ReduceMax(z, i2) a = Transpose(x) b = Transpose(peak) y = Sub(a, b)",
        "broadcast",
    ),
    Case(
        "elementwise-of-three-transposed",
        "a = Transpose(x) b = Transpose(z) r = Relu(x) c = Transpose(r) y = Max(a, b, c)",
    ),
    Case("elementwise-of-three-transposed", "y = Max(x, z, x)", "alike"),
    Case(
        "transpose-between-reshapes",
        "a = Reshape<allowzero = 1>(x, empty120) b = Transpose<perm = [1, 0, 2]>(a) "
        "y = Reshape<allowzero = 1>(b, empty201)",
        "it is empty",
        x="float[2,0]",
    ),
)
