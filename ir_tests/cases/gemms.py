"""Cases of the rules in passes/rules/gemms.py."""

from cases import Case

M = "float[5,5]"
CASES = (
    Case("gemm-constant-weight", "y = Gemm<alpha = 0.5, beta = 2.0>(x, m, b3)", x=M),
    Case("gemm-constant-weight", "y = Gemm<transB = 1>(x, mt)", "has that form", x=M),
    Case("gemm-bias-vector", "y = Gemm<transB = 1>(x, mt, row3)", x=M),
    Case("gemm-bias-vector", "y = Gemm<transB = 1>(x, mt, b3)", "is a vector", x=M),
    Case("gemm-of-values", "y = Gemm<transB = 1>(x, z)", x=M),
    Case("gemm-of-values", "y = Gemm<alpha = 0.5>(x, z)", "has a scale", x=M),
    Case("gemm-of-values", "b = Exp(z) y = Gemm(x, b, z)", x="float[5,5]"),
    Case("gemm-of-values", "b = Exp(z) y = Gemm<transA = 1>(x, b, z)", x="float[5,5]"),
    Case("gemm-bias-vector", "y = Gemm(x, m, by_row)", "differs by row", x="float[5,5]"),
    Case("gemm-constant-weight", "y = Gemm<beta = 0.5>(x, m, z)", "computed bias", x="float[3,5]"),
    Case(
        "gemm-constant-weight",
        "a = Gemm(x, large200) b = Gemm(z, large200) y = Add(a, b)",
        "large and shared",
        x="float[5,200]",
    ),
    Case("gemm-of-values", "y = Gemm<transB = 1>(x, mt)", "weight is constant", x="float[5,5]"),
)
