"""Cases of the rules in passes/rules/sorting.py."""

from cases import Case

CASES = (
    Case("one-hot-of-values", "i = Cast<to = 7>(zero3) y = OneHot(i, scalar4, x)", x="float[2]"),
    Case("top-k-last-axis", "y, i = TopK<axis = 2>(x, i2)"),
    Case("top-k-last-axis", "y, i = TopK(x, channel)", "the last axis"),
    Case(
        "one-hot-of-values", "y = OneHot(z, scalar4, pair_f)", "values are constant", z="int64[3]"
    ),
)
