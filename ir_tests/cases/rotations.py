"""Cases of the rules in passes/rules/rotations.py."""

from cases import Case

Q = "float[1,4,5,6]"
CASES = (
    Case(
        "rotation-of-three-axes",
        "y = RotaryEmbedding<num_heads = 4>(x, rc3, rs3)",
        x="float[1,5,24]",
    ),
    Case("rotation-of-three-axes", "y = RotaryEmbedding(x, rc3, rs3)", "heads are an axis", x=Q),
    Case("rotation-of-halves", "y = RotaryEmbedding(x, rc3, rs3)", x=Q),
    Case("rotation-of-halves", "y = RotaryEmbedding<interleaved = 1>(x, rc3, rs3)", "pairs", x=Q),
    Case(
        "rotation-of-halves",
        "y = RotaryEmbedding(x, z, rs3)",
        "angles are computed",
        x=Q,
        z="float[1,5,3]",
    ),
    Case("rotation-of-halves", "y = RotaryEmbedding(x, rc7, rc7)", "more angles than places", x=Q),
)
