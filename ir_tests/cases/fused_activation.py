"""Cases of the rules in passes/rules/fused_activation.py."""

from cases import Case

CASES = (
    Case("arithmetic-activation", "a = Sub(x, z) y = Clip(a, zero, six)"),
    Case("layer-activation", "a = mmc.Linear(x, mt, b3) y = Relu(a)"),
    Case("arithmetic-activation", "a = Add(x, z) y = Clip(a, zero, five)", "fuses only"),
    Case(
        "arithmetic-activation",
        "a = Add(x, z) y = Relu(a)",
        "only float32 kernels",
        x="float16[4]",
        y="float16",
    ),
)
