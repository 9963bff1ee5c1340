"""Cases of the rules in passes/rules/matmuls.py."""

from cases import Case

M = "float[5,5]"
T = "float[1,4,5]"
F4 = "float[2,4,3,5]"
FLAT3 = (
    "k = Constant<value = int64[2] {-1, 3}>() v3 = Constant<value = float[3] {0.5, 1.0, 2.0}>() "
    "f = Constant<value = int64[2] {-1, 256}>()"
)
NORM5 = "n = BatchNormalization(x, g5, g5, g5, sigmas)"
NORM3 = "y = BatchNormalization(r, b3, b3, b3, v3)"
CASES = (
    Case("matmul-add", "a = MatMul(x, m) y = Add(a, b3)", x=M),
    Case("matmul-add", "a = MatMul(x, m) y = Add(a, b3)", "rank 2", x=T),
    Case("gemm-add", "a = Gemm<transB = 1>(x, mt, b3) y = Add(a, row3)", x=M),
    Case("gemm-mul", "a = Gemm<transB = 1>(x, mt, b3) y = Mul(a, row3)", x=M),
    Case("gemm-mul", "a = Gemm<alpha = 2.0>(x, m, b3) y = Mul(a, row3)", "normal form", x=M),
    Case(
        "gemm-bn",
        "a = Gemm<transB=1>(x, w64, b6) y = BatchNormalization(a, g6, b6, g6, v6)",
        x="float[5,4]",
    ),
    Case("matmul-bn", f"{FLAT3} a = MatMul(x, m) r = Reshape(a, k) {NORM3}", x="float[2,2,5]"),
    Case("matmul-bn", f"{FLAT3} r = MatMul(x, m) {NORM3}", x=M),
    Case("bn-gemm", f"{NORM5} y = Gemm<transB = 1>(n, mt, b3)", x=M),
    Case("bn-gemm", f"{NORM5} a = Gemm(n, m) b = Gemm(n, m55) y = Concat<axis=1>(a, b)", x=M),
    Case("bn-gemm", "a = Abs(x) y = Gemm(a, m, b3)", "no plain product of a batch norm", x=M),
    Case("bn-gemm", f"{NORM5} y = Gemm(n, n)", "is not constant", x=M),
    Case(
        "bn-gemm",
        "n = BatchNormalization(x, ones256, ones256, ones256, ones256) a = Gemm(n, m256) "
        "y = MatMul(a, m256)",
        "large and shared",
        x="float[2,256]",
    ),
    Case(
        "matmul-bn",
        f"{FLAT3} a = MatMul(x, m) b = Add(a, b3) r = Reshape(b, k) {NORM3}",
        x="float[2,2,5]",
    ),
    Case(
        "matmul-bn",
        f"{FLAT3} a = MatMul(x, m) t = Abs(a) r = Reshape(t, k) {NORM3}",
        "is not MatMul",
        x="float[2,2,5]",
    ),
    Case(
        "matmul-bn",
        f"{FLAT3} a = MatMul(x, m55) r = Reshape(a, k) {NORM3}",
        "are not the channels",
        x="float[3,5]",
    ),
    Case(
        "matmul-bn",
        f"{FLAT3} u = Unsqueeze(x, i0) a = MatMul(u, m256) r = Reshape(a, f) "
        "c = BatchNormalization(r, ones256, ones256, ones256, ones256) y = MatMul(c, m256)",
        "large and shared",
        x="float[2,256]",
    ),
    Case("matmul-mul", "a = MatMul(x, m) y = Mul(a, b3)", x=T),
    Case("linear-mul", "a = MatMul(x, m) b = Add(a, b3) y = Mul(b, half)", x=T),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, rows) b = Gemm<transB = 1>(a, mt, b3) y = Reshape(b, back3)",
        x="float[1,4,5,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, rows) b = MatMul(a, m) y = Reshape(b, back3)",
        x="float[1,4,5,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, fives) b = Gemm<transB = 1>(a, mt, b3) y = Reshape(b, heads3)",
        x=T,
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, flat) b = Gemm<transB = 1>(a, mt25, b3) y = Reshape(b, fours3)",
        x="float[1,4,5,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, fives) b = MatMul(a, m) c = MatMul(a, m55) d = Reshape(b, heads3) "
        "e = Reshape(c, square) f = Transpose<perm = [0, 2, 1]>(e) g = Reshape(d, fours3) "
        "y = MatMul(f, g)",
        x=T,
    ),
    Case(
        "scale-of-scores",
        "a = MatMul(x, m) b = Add(a, b3) c = Reshape(b, heads3) d = Transpose<perm=[0,2,1,3]>(c) "
        "k = MatMul(z, m) l = Reshape(k, heads3) n = Transpose<perm=[0,2,3,1]>(l) "
        "s = MatMul(d, n) y = Mul(s, half)",
        x="float[1,4,5]",
    ),
    Case(
        "matmul-before-unit-axes", "a = Reshape(x, unit_first) y = MatMul(a, w35)", x="float[1,4,5]"
    ),
    Case(
        "matmul-before-unit-axes", "a = Reshape(x, dims) y = MatMul(a, w35)", "regroups axes", x=F4
    ),
    Case(
        "matmul-before-unit-axes",
        "a = Reshape(x, dims) y = MatMul(a, z)",
        "is not constant",
        x="float[1,4,5,5]",
    ),
    Case(
        "matmul-before-unit-axes",
        "a = Reshape(x, flat2d) y = MatMul(a, vec4)",
        "the same last axis",
        x="float[5,1,4]",
    ),
    Case("matmul-mul", "a = MatMul(x, m) y = Mul(a, c4)", "one number per column"),
    Case("matmul-mul", "a = MatMul(x, cube) y = Mul(a, two)", "weight is no matrix"),
    Case("linear-mul", "a = MatMul(x, cube) b = Add(a, b3) y = Mul(b, two)", "weight is no matrix"),
    Case(
        "layer-between-reshapes",
        "s = Constant<value = int64[2] {-1, 5}>() "
        "t = Constant<value = int64[6] {1, 2, 1, 2, 5, 3}>() a = Reshape(x, s) "
        "b = MatMul(a, m) y = Reshape(b, t)",
        "products of 6 axes",
        x="float[1,2,1,2,5,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, flat) b = Gemm<transB = 1>(a, mt25) y = Reshape(b, twelve)",
        "gather the leading axes",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, rows) b = Gemm<alpha = 2.0>(a, m, b3) y = Reshape(b, back3)",
        "no plain product of",
        x="float[1,4,5,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Abs(x) b = Gemm<transB = 1>(a, mt, b3) y = Reshape(b, i3)",
        "no plain product of a reshape",
        x="float[1,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, one_row5) b = Gemm<transB = 1>(a, mt, b3) y = Reshape(b, i3)",
        "gather the leading axes",
        x="float[5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, rows) b = Gemm<transB = 1>(a, mt, by_row20) y = Reshape(b, back3)",
        "not one number per column",
    ),
    Case(
        "layer-between-reshapes",
        "b5 = Constant<value = float[5,1] {1.0, 2.0, 3.0, 4.0, 5.0}>() "
        "s = Constant<value = int64[2] {5, 5}>() t = Constant<value = int64[3] {5, 1, 5}>() "
        "a = Reshape(x, s) b = Gemm(a, m55, b5) y = Reshape(b, t)",
        "not one number per column",
        x="float[5,1,5]",
    ),
    Case(
        "layer-between-reshapes",
        "v = Constant<value = float[5] {1.0, 2.0, 3.0, 4.0, 5.0}>() "
        "s = Constant<value = int64[2] {4, 5}>() t = Constant<value = int64[2] {1, 4}>() "
        "a = Reshape(x, s) b = MatMul(a, v) y = Reshape(b, t)",
        "by a matrix",
        x="float[1,4,5]",
    ),
    Case(
        "layer-between-reshapes",
        "a = Reshape(x, row200) b = Gemm<transB = 1>(a, large200) c = Reshape(b, split200) "
        "d = Reshape(z, row200) e = Gemm<transB = 1>(d, large200) f = Reshape(e, split200) "
        "y = Add(c, f)",
        "large and shared",
        x="float[1,4,200]",
    ),
    Case(
        "scale-of-scores",
        "a = MatMul(x, m) b = Add(a, b3) c = Reshape(b, heads3) "
        "d = Transpose<perm = [0, 2, 1, 3]>(c) k = MatMul(z, m) l = Reshape(k, heads3) "
        "n = Transpose<perm = [0, 2, 3, 1]>(l) s = MatMul(d, n) y = Mul(s, g4)",
        "not one number",
        x="float[1,4,5]",
    ),
    Case("matmul-add", "a = MatMul(x, cube) y = Add(a, half)", "rank 2", x="float[5,5]"),
    Case(
        "matmul-mul",
        "a = MatMul(x, m256) b = Mul(a, half) y = MatMul(b, m256)",
        "large and shared",
        x="float[1,2,256]",
    ),
    Case(
        "linear-mul",
        "a = MatMul(x, m256) b = Add(a, two) c = Mul(b, half) y = MatMul(c, m256)",
        "large and shared",
        x="float[1,2,256]",
    ),
    Case("gemm-mul", "a = Gemm<beta = 2.0>(x, m, b3) y = Mul(a, half)", "form", x="float[5,5]"),
    Case("gemm-mul", "a = Gemm<transA = 1>(x, m, b3) y = Mul(a, half)", "form", x="float[5,5]"),
    Case("gemm-mul", "a = Gemm(x, m, b3) y = Mul(a, column5)", "per column", x="float[5,5]"),
)
