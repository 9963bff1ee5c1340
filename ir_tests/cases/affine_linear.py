"""Cases of the rules in passes/rules/affine_linear.py."""

from cases import Case

ROW, NINE = "float[2,5,1]", "float[2,5,9]"
BOTH = "a = Mul (x, each9) b = Add (a, other9) y = mmc.LinearRelu"

CASES = (
    Case("affine-linear", f"{BOTH} (b, w3of9, up_bias3)", x=NINE),
    Case("affine-linear", f"{BOTH} (b, w3of9)", x=NINE),
    Case("affine-linear", "a = Mul (x, two) y = mmc.Linear (a, w3of9, up_bias3)", x=NINE),
    Case("affine-linear", "a = Mul (x, each9) y = mmc.Linear (a, w3of9)", "row of one", x=ROW),
    Case(
        "affine-linear",
        "a = Mul (x, each95) y = mmc.Linear (a, w3of9)",
        "number per column",
        x=NINE,
    ),
    Case(
        "affine-linear",
        "a = Mul (x, two_half) y = mmc.Linear (a, w_half)",
        "large, shared or",
        x="float16[2,2]",
        y="float16",
    ),
)
