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
    Case(
        "rotation-of-halves",
        "y = RotaryEmbedding<interleaved = 1>(x, rc3, rs3)",
        "turns pairs",
        x=Q,
    ),
    Case(
        "rotation-of-halves",
        "y = RotaryEmbedding(x, z, rs3)",
        "angles are computed",
        x=Q,
        z="float[1,5,3]",
    ),
    Case("rotation-of-halves", "y = RotaryEmbedding(x, rc7, rc7)", "more angles than places", x=Q),
    Case(
        "rotation-of-halves",
        "y = RotaryEmbedding<rotary_embedding_dim = 4>(x, rct, rst)",
        "standard definition",
        x=Q,
    ),
    Case("rotation-of-pairs", "y = RotaryEmbedding<interleaved = 1>(x, rc3, rs3)", x=Q),
    Case(
        "rotation-of-pairs",
        "y = RotaryEmbedding<interleaved = 1>(x, z, rs3)",
        x=Q,
        z="float[1,5,3]",
    ),
    Case("rotation-of-pairs", "y = RotaryEmbedding(x, rc3, rs3)", "turns halves", x=Q),
    Case("rotation-by-computed-angles", "y = RotaryEmbedding(x, z, rs3)", x=Q, z="float[1,5,3]"),
    Case(
        "rotation-by-computed-angles",
        "i = Cast<to = 7>(z) y = RotaryEmbedding(x, cosine3, sine3, i)",
        x=Q,
        z="bool[1,5]",
    ),
    Case("rotation-by-computed-angles", "y = RotaryEmbedding(x, rc3, rs3)", "are constant", x=Q),
    Case(
        "rotation-by-computed-angles",
        "y = RotaryEmbedding<interleaved = 1>(x, z, rs3)",
        "turns pairs",
        x=Q,
        z="float[1,5,3]",
    ),
)
