"""Cases of the rules in passes/rules/attention_heads.py."""

from cases import Case

CASES = (
    Case(
        "attention-of-three-axes",
        ("y = Attention<q_num_heads = 2, kv_num_heads = 2, scale = 0.5>(x, z, z, masks5)"),
        x="float[2,5,6]",
    ),
    Case("attention-of-grouped-heads", "y = Attention<is_causal = 1>(x, z, z)", z="float[1,2,5,5]"),
    Case(
        "attention-of-three-axes",
        "y, k, v = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "caches, or more results",
        x="float[1,5,6]",
    ),
    Case("attention-of-three-axes", "y = Attention(x, z, z)", "heads are an axis"),
    Case("attention-of-grouped-heads", "y = Attention(x, z, z)", "a key of its own"),
)
