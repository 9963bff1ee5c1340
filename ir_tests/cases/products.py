"""Cases of the rules in passes/rules/products.py."""

from cases import Case

CASES = (
    Case(
        "gemm-of-computed",
        ("y = Gemm<alpha = 0.5, beta = 2.0, transA = 1>(x, z, x)"),
        x="float[5,5]",
    ),
    Case("matmul-of-integers", "y = MatMul(x, z)", x="int32[2,3,4]", z="int32[4,5]", y="int32"),
    Case("matmul-of-many-axes", "y = MatMul(x, m)", x="float[2,1,2,1,3,5]"),
    Case("matmul-of-vectors", "y = MatMul(x, m)", x="float[5]"),
    Case("matmul-of-vectors", "y = MatMul(x, g5)", x="float[2,3,5]"),
    Case("matmul-of-vectors", "y = MatMul(x, z)", "both are matrices", x="float[5,5]"),
    Case("matmul-of-integers", "y = MatMul(x, z)", "floating point, or", x="float[5,5]"),
    Case("matmul-of-integers", "y = MatMul(x, z)", "are too many", x="int32[200,200]", y="int32"),
    Case("matmul-of-many-axes", "y = MatMul(x, z)", "at most 5 axes"),
    Case(
        "matmul-of-many-axes",
        "y = MatMul(x, z)",
        "axes are broadcast",
        x="float[2,1,1,1,3,4]",
        z="float[1,2,1,1,4,3]",
    ),
    Case("gemm-of-computed", "y = Gemm(x, m)", "weights are constant", x="float[5,5]"),
)
