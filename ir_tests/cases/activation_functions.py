"""Cases of the rules in passes/rules/activation_functions.py."""

from cases import Case

CASES = (
    Case("expand-elu-alpha", "y = Elu(x)", "alpha = 1"),
    Case("expand-celu", "y = Celu<alpha = -1.0>(x)", "negative alpha"),
    Case("expand-softmax-axis", "y = Softmax(x)", "over the last axis"),
    Case("expand-clip-by-computed-bounds", "y = Clip(x, zero, six)", "bounds are constant"),
    Case("expand-shrink", "y = Shrink(x)", "not floating point", x="int32[5]", y="int32"),
)
