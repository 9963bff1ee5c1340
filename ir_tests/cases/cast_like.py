"""Cases of the rules in passes/rules/cast_like.py."""

from cases import Case

CASES = (
    Case("cast-like", 'y = CastLike<round_mode = "up">(x, z)', "mode of its own"),
    Case("cast-like", "y = CastLike(x, z)", z="int32[2]", y="int32"),
)
