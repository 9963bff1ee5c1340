"""Cases of the rules in passes/rules/integer_weights.py."""

from cases import Case

CASES = (
    Case("cast-of-integer-weight", "a = Cast<to = 1>(bytes5) y = Add(x, a)"),
    Case("scaled-integer-weight", ("a = Cast<to = 1>(bytes5) b = Mul(a, half) y = Add(x, b)")),
    Case("cast-of-integer-weight", "a = Cast<to = 1>(words) y = Add(x, a)", "a cast from int32"),
    Case(
        "cast-of-integer-weight",
        "a = Cast<to = 1>(bytes5) b = Mul(a, two) y = Add(x, b)",
        "product with a scale",
    ),
    Case(
        "scaled-integer-weight",
        "a = Cast<to = 1>(words) b = Mul(a, two) y = Add(x, b)",
        "int32 weights",
    ),
    Case(
        "scaled-integer-weight",
        "a = Cast<to = 1>(bytes5) b = Mul(a, c4) y = Add(x, b)",
        "widen the weights",
    ),
)
