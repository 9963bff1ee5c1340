"""Cases of the rules in passes/rules/whole_attention.py."""

from cases import Case

PACKED = "q_num_heads = 2, kv_num_heads = 2"
CASES = (
    Case("whole-attention", f"y = Attention<{PACKED}>(x, z, z, masks5)", x="float[2,5,6]"),
    Case("whole-attention", f"y = Attention<{PACKED}, scale = 0.5>(x, z, z)", x="float[2,5,6]"),
    Case("whole-attention", "y = Attention<is_causal = 1>(x, z, z)"),
    Case("whole-attention", "y, k, v = Attention(x, z, z)", "caches, or more results"),
    Case("whole-attention", "y = Attention<softcap = 2.0>(x, z, z)", "its scores are capped"),
    Case("whole-attention", "y = Attention(x, z, z)", "heads share a key", z="float[1,2,5,5]"),
    Case("whole-attention", "y = Attention(x, z, z, hidden)", "hide every key"),
    Case("whole-attention", "y = Attention(x, z, z, s53)", "shorter than the keys"),
    Case(
        "whole-attention",
        "y = Attention<is_causal = 1>(x, z, z, masks5)",
        "more than the places",
    ),
    Case("whole-attention", "y = Attention<softmax_precision = 11>(x, z, z)", "in another type"),
    Case(
        "whole-attention",
        "y = Attention<qk_matmul_output_mode = 1>(x, z, z)",
        "caches, or more results",
    ),
    Case(
        "whole-attention",
        "y = Attention<is_causal = 1>(x, z, z)",
        "more than the places",
        z="float[1,4,3,5]",
    ),
)
