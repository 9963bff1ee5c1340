"""Cases of the rules in passes/rules/casts.py."""

from cases import Case

CASES = (
    Case("cast-to-same", "a = Cast<to = 1>(x) y = Relu(a)"),
    Case("cast-to-same", "a = Cast<to = 11>(x) y = Cast<to = 1>(a)", "changes the type"),
    Case("cast-cast", "a = Cast<to = 11>(x) y = Cast<to = 6>(a)", y="int32"),
    Case("cast-cast", "a = Cast<to = 6>(x) y = Cast<to = 1>(a)", "does not hold"),
    Case("cast-of-whole-numbers", "a = Floor(x) b = Cast<to = 6>(a) y = Cast<to = 1>(b)"),
    Case("cast-of-whole-numbers", "a = Round(x) b = Cast<to = 7>(a) y = Cast<to = 1>(b)"),
    Case(
        "cast-of-whole-numbers",
        "a = Floor(x) b = Cast<to = 3>(a) y = Cast<to = 1>(b)",
        "are small",
    ),
    Case(
        "cast-of-whole-numbers",
        "a = Floor(x) b = Cast<to = 6>(a) y = Cast<to = 11>(b)",
        "another type",
        y="double",
    ),
    Case(
        "cast-of-reshaped-whole-numbers",
        "a = Ceil(x) b = Cast<to = 6>(a) c = Reshape(b, flat) y = Cast<to = 1>(c)",
    ),
    Case(
        "cast-of-reshaped-whole-numbers",
        "a = Ceil(x) b = Cast<to = 5>(a) c = Reshape(b, flat) y = Cast<to = 1>(c)",
        "are small",
    ),
)
