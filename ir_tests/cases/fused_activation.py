"""Cases of the rules in passes/rules/fused_activation.py."""

from cases import Case

CASES = (
    Case("arithmetic-activation", "a = Add(x, z) y = Clip(a, zero, five)", "fuses only"),
    Case(
        "arithmetic-activation",
        "a = Add(x, z) y = Relu(a)",
        "only float32 kernels",
        x="float16[4]",
        y="float16",
    ),
)
