"""Cases of the rules in passes/rules/casts.py."""

from cases import Case

CASES = (
    Case("cast-to-same", "a = Cast<to = 1>(x) y = Relu(a)"),
    Case("cast-to-same", "a = Cast<to = 11>(x) y = Cast<to = 1>(a)", "changes the type"),
    Case("cast-cast", "a = Cast<to = 11>(x) y = Cast<to = 6>(a)", y="int32"),
    Case("cast-cast", "a = Cast<to = 6>(x) y = Cast<to = 1>(a)", "does not hold"),
)
