"""Cases of the rules in passes/rules/early_codes.py."""

from cases import Case

POOL = "a = mmc.MaxPool2d <kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1]"
POOL += ", dilations = [1, 1]> (x)"
TURN = "a = Transpose <perm = [0, 2, 1, 3]> (x)"
CODES, BYTES = "q = QuantizeLinear (a, step1, tiny3)", "q = QuantizeLinear (a, step1, byte3)"

CASES = (
    Case("codes-before-move", f"{POOL} {CODES} y = DequantizeLinear (q, step1, tiny3)"),
    Case("codes-before-move", f"{TURN} {CODES} y = DequantizeLinear (q, step1, tiny3)"),
    Case("codes-before-move", f"{TURN} {BYTES} y = DequantizeLinear (q, step1, byte3)", "8 bits"),
    Case(
        "codes-before-move",
        f"{TURN} {CODES} y = DequantizeLinear (q, step1, tiny3)".replace("(x)", "(f)").replace(
            "a = ",
            "p = QuantizeLinear (x, step1, tiny3) f = DequantizeLinear (p, step1, tiny3) a = ",
            1,
        ),
        "codes already",
    ),
)
