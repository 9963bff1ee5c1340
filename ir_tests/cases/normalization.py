"""Cases of the rules in passes/rules/normalization.py."""

from cases import Case

CASES = (
    Case(
        "expand-batch-normalization",
        "y = BatchNormalization<training_mode = 1>(x, g4, g4, g4, v4)",
        "training mode",
    ),
    Case(
        "expand-batch-normalization",
        "y = BatchNormalization(x, g4, g4, g4, v4)",
        "no axis of channels",
        x="float[4]",
    ),
    Case("expand-lrn", "y = LRN<size = 3>(x)", "over two axes", x="float[1,4,5]"),
)
