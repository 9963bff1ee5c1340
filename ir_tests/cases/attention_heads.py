"""Cases of the rules in passes/rules/attention_heads.py."""

from cases import Case

CASES = (
    Case(
        "attention-of-three-axes",
        ("y = Attention<q_num_heads = 2, kv_num_heads = 2, scale = 0.5>(x, z, z, masks5)"),
        x="float[2,5,6]",
    ),
    Case(
        "attention-of-three-axes",
        "y, k, v = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "caches, or more results",
        x="float[1,5,6]",
    ),
    Case("attention-of-three-axes", "y = Attention(x, z, z)", "heads are an axis"),
    Case("attention-of-heads", "y = Attention(x, z, z)"),
    Case("attention-of-heads", ("y = Attention<is_causal = 1, scale = 0.25>(x, z, z)")),
    Case("attention-of-heads", "y = Attention(x, z, z, masks5)"),
    Case(
        "attention-of-heads",
        "y = Attention<qk_matmul_output_mode = 1>(x, z, z)",
        "its standard definition",
    ),
    Case(
        "attention-of-heads",
        "y = Attention<is_causal = 1>(x, z, z, masks5)",
        "more than the places",
    ),
    Case("attention-of-heads", "y = Attention(x, z, z, hidden)", "hide every key"),
    Case(
        "attention-of-heads",
        "p = ReduceMax(z, last) mark = Mul(p, zero) s = Add(z, mark) y = Attention(x, x, x, s)",
        z="float[1,1,5,5]",
    ),
    Case("attention-of-heads", "y = Attention(x, z, z, s53)", "shorter than the keys"),
    Case("attention-of-heads", "y = Attention<softcap = 2.0>(x, z, z)", "its scores are capped"),
    Case("attention-of-heads", "y = Attention<softmax_precision = 11>(x, z, z)", "in another type"),
    Case("attention-of-heads", "y = Attention<is_causal = 1>(x, z, z)", z="float[1,2,5,5]"),
    Case(
        "attention-of-heads",
        "y = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "side by side",
        x="float[1,5,6]",
    ),
    Case("attention-of-heads", "y, k, v = Attention(x, z, z)", "caches, or more results"),
    Case(
        "attention-of-heads",
        "y = Attention<is_causal = 1>(x, z, z)",
        "more than the places",
        z="float[1,4,3,5]",
    ),
    Case(
        "attention-of-three-axes",
        "y = Attention<q_num_heads = 1, kv_num_heads = 1, qk_matmul_output_mode = 1>(x, z, z)",
        "caches, or more results",
        x="float[1,5,6]",
    ),
)
