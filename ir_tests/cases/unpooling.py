"""Cases of the rules in passes/rules/unpooling.py."""

from cases import Case

CASES = (
    Case(
        "max-unpool",
        "y = MaxUnpool<kernel_shape = [2, 2], strides = [2, 2]>(x, maxima)",
        x="float[1,4,2,2]",
    ),
    Case(
        "max-unpool",
        "y = MaxUnpool<kernel_shape = [3, 3], strides = [2, 2]>(x, maxima)",
        "windows overlap",
        x="float[1,4,2,2]",
    ),
    Case(
        "max-unpool",
        "y = MaxUnpool<kernel_shape = [2, 2], strides = [2, 2]>(x, maxima, size5)",
        "runtimes differ",
        x="float[1,4,2,2]",
    ),
)
