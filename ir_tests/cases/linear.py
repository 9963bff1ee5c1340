"""Cases of the rules in passes/rules/linear.py."""

from cases import Case

CASES = (
    Case("gemm-to-linear", "y = Gemm(x, m, b3)", x="float[5,5]"),
    Case(
        "linear-between-reshapes",
        ("a = Reshape(x, rows) b = mmc.Linear(a, mt, b3) y = Reshape(b, back3)"),
    ),
    Case("linear-bias", "a = mmc.Linear(x, mt) y = Add(a, b3)"),
    Case("linear-bias", "a = mmc.Linear(x, mt) y = Add(a, half)"),
    Case(
        "matmul-nt", ("t = Transpose<perm = [0, 1, 3, 2]>(z) y = MatMul(x, t)"), x="float[1,4,2,5]"
    ),
    Case(
        "matmul-tn", ("t = Transpose<perm = [0, 1, 3, 2]>(x) y = MatMul(t, z)"), x="float[1,4,2,5]"
    ),
    Case(
        "matmul-tn",
        "t = Transpose<perm = [0, 1, 3, 2]>(x) y = MatMul(t, m)",
        "a layer's weight",
        x="float[1,4,5,3]",
    ),
    Case("matmul-to-linear", "y = MatMul(x, m)"),
    Case("matmul-transposed-to-linear", "t = Transpose<perm = [1, 0]>(mt) y = MatMul(x, t)"),
    Case(
        "matmul-tt",
        ("t = Transpose<perm = [0, 1, 3, 2]>(x) y = mmc.MatMulNT(t, z)"),
        x="float[1,4,2,5]",
        z="float[1,4,3,2]",
    ),
    Case("matmul-to-linear", "y = MatMul(x, cube)", "not a constant matrix"),
    Case(
        "matmul-to-linear",
        "y = MatMul(x, words53)",
        "the weight is int32",
        x="int32[4,5]",
        y="int32",
    ),
    Case("matmul-to-linear", "y = MatMul(x, m)", "no batch axis", x="float[5]"),
    Case(
        "matmul-transposed-to-linear",
        "t = Transpose<perm = [1, 0]>(mt) y = MatMul(x, t)",
        "x is a vector",
        x="float[5]",
    ),
    Case("gemm-to-linear", "y = Gemm<alpha = 2.0>(x, m)", "normal form", x="float[5,5]"),
    Case("linear-bias", "a = mmc.Linear(x, mt) y = Add(a, c4)", "one number per column"),
    Case(
        "linear-between-reshapes",
        "a = Reshape(x, flat) b = mmc.Linear(a, mt25) y = Reshape(b, twelve)",
        "gather the leading axes",
    ),
    Case(
        "matmul-nt",
        "t = Transpose<perm = [0, 2, 1, 3]>(z) y = MatMul(x, t)",
        "swap the last two",
        x="float[1,5,5,5]",
    ),
    Case(
        "matmul-nt",
        "t = Transpose<perm = [0, 2, 1]>(cube) y = MatMul(x, t)",
        "constant, and folded",
        x="float[4,4,3]",
    ),
    Case("gemm-to-linear", "y = Gemm<beta = 2.0>(x, m, b3)", "normal form", x="float[5,5]"),
    Case("gemm-to-linear", "y = Gemm<transA = 1>(x, m)", "normal form", x="float[5,5]"),
    Case(
        "linear-bias",
        "a = mmc.Linear(x, mt) y = Add(a, column3)",
        "one number per column",
        x="float[1,4,3,5]",
    ),
    Case(
        "linear-between-reshapes",
        "a = Reshape(x, rows) b = mmc.Linear(a, mt, b3) y = Reshape(b, sixty)",
        "gather the leading axes",
    ),
)
