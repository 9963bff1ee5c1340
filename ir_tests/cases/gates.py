"""Cases of the rules in passes/rules/gates.py."""

from cases import Case

GATE = "float[1,4,1,1]"

CASES = (
    Case("number-of-gate", "a = Mul (x, z) y = Mul (a, two)", z=GATE),
    Case("number-of-gate", "a = Mul (x, z) y = Mul (a, two)", "no operand is smaller"),
    Case(
        "number-of-gate",
        "a = Mul (x, z) y = Mul (a, two)",
        "larger than its operands",
        x="float[1,4,5,1]",
        z="float[1,1,1,2]",
    ),
    Case("number-of-gate", "a = Mul (x, z) y = Mul (a, each5)", "the factor has shape", z=GATE),
    Case("residual-of-gate", "a = Mul (z, x) y = Add (x, a)", z=GATE),
    Case("residual-of-gate", "a = Mul (x, z) y = Add (a, z)", "not what the gate scales", z=GATE),
)
