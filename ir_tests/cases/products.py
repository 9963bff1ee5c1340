"""Cases of the rules in passes/rules/products.py."""

from cases import Case

CASES = (
    Case("attention-of-heads", "y = Attention(x, z, z)"),
    Case("attention-of-heads", ("y = Attention<is_causal = 1, scale = 0.25>(x, z, z)")),
    Case("attention-of-heads", "y = Attention(x, z, z, masks5)"),
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
    Case(
        "attention-of-heads",
        "y = Attention<qk_matmul_output_mode = 1>(x, z, z)",
        "qk_matmul_output_mode",
    ),
    Case(
        "attention-of-heads", "y = Attention(x, z, z)", "grouped heads, softcap", z="float[1,2,5,5]"
    ),
    Case(
        "attention-of-heads",
        "y = Attention<is_causal = 1>(x, z, z, masks5)",
        "more than the places",
    ),
    Case("attention-of-heads", "y = Attention(x, z, z, hidden)", "hide every key"),
    Case("attention-of-heads", "y = Attention(x, z, z, s53)", "shorter than the keys"),
)
