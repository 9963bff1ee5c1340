"""Cases of the rules in passes/rules/pooled_functions.py."""

from cases import Case

IMAGE = "float[1,6,8,3]"
POOL = "y = mmc.MaxPool2d <kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 0, 0]"
POOL += ", dilations = [1, 1]> (a)"
DENSE = POOL.replace("[0, 0, 0, 0]", "[1, 1, 0, 0]").replace("strides = [2, 2]", "strides = [1, 1]")

CASES = (
    Case("function-after-pool", f"a = PRelu (x, slopes3) {POOL}", x=IMAGE),
    Case("function-after-pool", f"a = LeakyRelu <alpha = 0.1> (x) {POOL}", x=IMAGE),
    Case("function-after-pool", f"a = LeakyRelu <alpha = -0.1> (x) {POOL}", "falls", x=IMAGE),
    Case("function-after-pool", f"a = PRelu (x, falling3) {POOL}", "falls", x=IMAGE),
    Case("function-after-pool", f"a = PRelu (x, slopes83) {POOL}", "for rows", x=IMAGE),
    Case("function-after-pool", f"a = Tanh (x) {DENSE}", "no fewer", x=IMAGE),
)
