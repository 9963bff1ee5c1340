"""Cases of the rules in passes/rules/two_classes.py."""

from cases import Case

CONV = "a = mmc.Conv2d <group = 1, dilations = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0]>"
LARGE = "float[1,16,20,5]"

CASES = (
    Case("softmax-of-two", f"{CONV} (x, two5) y = Softmax(a)", x=LARGE),
    Case("softmax-of-two", "a = mmc.Linear(x, pair5, few_bias) y = Softmax(a)", x=LARGE),
    Case("softmax-of-two", "a = mmc.Linear(x, mt, b3) y = Softmax(a)", "two floats", x=LARGE),
    Case(
        "softmax-of-two",
        "a = mmc.Linear(x, pair5, few_bias) y = Softmax <axis = 2> (a)",
        "another axis",
        x=LARGE,
    ),
)
