"""Cases of the rules in passes/rules/hexagon_forms.py."""

from cases import Case

HEADS = "a = Reshape(x, merged) b = mmc.Linear(a, w20, g20) y = Reshape(b, parted)"
CASES = (
    Case("negative-of-integers", "y = Neg(x)", x="int32[2,3]", y="int32"),
    Case("negative-of-integers", "y = Neg(x)", "floats have NEG"),
    Case("one-hot-by-equality", "y = OneHot(x, scalar4, pair)", x="int64[2,3]", y="int64"),
    Case("one-hot-by-equality", "y = OneHot<axis = 1>(x, scalar4, pair_f)", x="int64[2,1,3,2]"),
    Case(
        "one-hot-by-equality",
        "a = Sigmoid(x) b = Round(a) y = OneHot<axis = 0>(b, scalar4, pair)",
        x="float[3]",
        y="int64",
    ),
    Case("one-hot-by-equality", "y = OneHot(x, scalar4, pair_f)", "takes floats", x="int64[2,3]"),
    Case("linear-of-merged-axes", HEADS, x="float[2,5,4,5]"),
    Case(
        "linear-of-merged-axes",
        "a = Reshape(x, merged) b = mmc.Linear(a, w20) y = Reshape(b, parted)",
        x="float[2,5,4,5]",
    ),
    Case("linear-of-merged-axes", HEADS, "are others", x="float[2,5,2,10]"),
    Case(
        "linear-of-merged-axes",
        "s = Add(z, w20) a = Reshape(x, merged) b = mmc.Linear(a, s) y = Reshape(b, parted)",
        "are computed",
        x="float[2,5,4,5]",
        z="float[20,20]",
    ),
    Case("truncation-of-floats", "i = Cast<to = 6>(x) y = Cast<to = 1>(i)"),
    Case("truncation-of-floats", "i = Cast<to = 9>(x) y = Cast<to = 1>(i)", "by integers"),
    Case(
        "truncation-of-floats",
        "i = Cast<to = 7>(x) y = Cast<to = 1>(i)",
        "from floats",
        x="int32[2,3]",
    ),
    Case(
        "truncation-of-floats", "i = Cast<to = 6>(x) y = Cast<to = 10>(i)", "32 bits", y="float16"
    ),
    Case("bytes-as-codes", "y = Cast<to = 1>(x)", x="uint8[1,4,5,3]"),
    Case("bytes-as-codes", "y = Cast<to = 1>(x)", "from uint8", x="int32[2,3]"),
    Case("bytes-as-codes", "y = Cast<to = 6>(x)", "from uint8", x="uint8[2,3]", y="int32"),
    Case(
        "bytes-as-codes",
        "t = Transpose<perm = [0, 2, 3, 1]>(x) y = Cast<to = 1>(t)",
        "are computed",
        x="uint8[1,4,5,3]",
    ),
    Case(
        "bytes-before-moves",
        "t = Transpose<perm = [0, 2, 3, 1]>(x) y = Cast<to = 1>(t)",
        x="uint8[1,4,5,3]",
    ),
    Case(
        "bytes-before-moves",
        "t = Transpose<perm = [0, 2, 3, 1]>(x) y = Cast<to = 1>(t)",
        "from uint8",
        x="int32[1,4,5,3]",
    ),
)
