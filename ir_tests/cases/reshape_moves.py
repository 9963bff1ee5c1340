"""Cases of the rules in passes/rules/reshape_moves.py."""

from cases import Case

CASES = (
    Case("softmax-between-reshapes", "a = Reshape(x, rows) b = Softmax(a) y = Reshape(b, same)"),
    Case(
        "softmax-between-reshapes",
        "a = Reshape(x, flat) b = Softmax(a) y = Reshape(b, same)",
        "more than gather",
    ),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, i1, i2, i2, i1)",
        x="float[1,5,12]",
    ),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, i1, i2, i4, i1)",
        "the last axis there",
        x="float[1,5,12]",
    ),
    Case("slice-of-split-axis", "y = Slice(x, i1, i2, i2, i1)", "not slice a reshape"),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, i0, end, i2, i2)",
        "in steps",
        x="float[1,5,12]",
    ),
    Case("elementwise-of-reshaped", "a = Reshape(x, rows) b = Reshape(z, rows) y = Sub(a, b)"),
    Case(
        "elementwise-of-reshaped",
        "a = Reshape(x, flat) b = Reshape(z, flat) y = Add(a, b)",
        "not reshaped alike",
        z="float[1,5,4,5]",
    ),
    Case(
        "softmax-between-reshapes",
        "a = Reshape(x, rows) b = Softmax<axis = 0>(a) y = Reshape(b, same)",
        "not run over the last",
    ),
)
