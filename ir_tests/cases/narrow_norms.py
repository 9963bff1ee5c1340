"""Cases of the rules in passes/rules/narrow_norms.py."""

from cases import Case

HALF = "float16[1,4,5,5]"
NAME = "norm-between-casts"
BEFORE, AFTER = "a = Cast<to = 1>(x)", "y = Cast<to = 10>(b)"
CASES = (
    Case(NAME, f"{BEFORE} b = RMSNormalization<epsilon = 0.01>(a, ones5) {AFTER}", x=HALF, y=HALF),
    Case(
        NAME,
        f"{BEFORE} b = LayerNormalization<axis = 2>(a, halves55, halves55) {AFTER}",
        x=HALF,
        y=HALF,
    ),
    Case(NAME, f"{BEFORE} b = RMSNormalization(a, g5) {AFTER}", "does not hold", x=HALF, y=HALF),
    Case(
        NAME,
        f"{BEFORE} b = LayerNormalization(a, ones5, g5) {AFTER}",
        "does not hold",
        x=HALF,
        y=HALF,
    ),
    Case(
        NAME,
        f"{BEFORE} b = RMSNormalization(a, ones5) y = Cast<to = 11>(b)",
        "between float16 and float16",
        x=HALF,
        y="double[1,4,5,5]",
    ),
)
