"""Cases of the rules in passes/rules/attention_heads.py."""

from cases import Case

CASES = (
    Case(
        "attention-of-three-axes",
        "y, k, v = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "caches, or more results",
        x="float[1,5,6]",
    ),
    Case("attention-of-three-axes", "y = Attention(x, z, z)", "heads are an axis"),
    Case("attention-of-grouped-heads", "y = Attention(x, z, z)", "a key of its own"),
)
