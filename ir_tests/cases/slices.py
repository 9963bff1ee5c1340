"""Cases of the rules in passes/rules/slices.py."""

from cases import Case

WIDE = "float[1,4,12,5]"
CASES = (
    Case("slice-nothing", "a = Slice(x, i0, end, i2, i1) y = Relu(a)"),
    Case("slice-nothing", "y = Slice(x, i1, end, i2, i1)", "takes a part"),
    Case("reverse-everything", "y = ReverseSequence<time_axis = 0>(x, three4)", x="float[3,4,2]"),
    Case(
        "reverse-everything",
        "y = ReverseSequence<time_axis = 1, batch_axis = 0>(x, three4)",
        x="float[4,3,2]",
    ),
    Case(
        "reverse-everything",
        "y = ReverseSequence<time_axis = 0>(x, three4)",
        "ends before the axis",
        x="float[5,4,2]",
    ),
    Case("slice-explicit", "y = Slice(x, i1, end, last)"),
    Case("slice-slice", "a = Slice(x, i1, i5, i2, i1) y = Slice(a, i1, i2, i2, i1)"),
    Case("slice-slice", "a = Slice(x, last, i0, i2, last) y = Slice(a, i1, i2, i2, i1)", "back"),
    Case("gather-one", "y = Gather<axis = 2>(x, scalar2)"),
    Case("gather-one", "y = Gather<axis = 2>(x, steps)", "takes several"),
    Case("gather-same-row", "a = Gather(m, rowsame) y = Add(x, a)", x="float[3,3]"),
    Case("gather-same-row", "a = Gather(m, steps) y = Add(x, a)", "differ", x="float[3,3]"),
    Case("split-explicit", "a, b = Split<axis = 1, num_outputs = 2>(x) y = Add(a, b)"),
    Case("split-explicit", "a, b = Split<axis = 1>(x, parts) y = Add(a, b)", "explicit"),
    Case("pad-pad", "a = Pad(x, pads) y = Pad(a, pads)"),
    Case("pad-pad", 'a = Pad<mode = "edge">(x, pads) y = Pad(a, pads)', "with a constant"),
    Case(
        "slice-slice",
        "a = Slice(x, start1, end9, i2, step2) y = Slice(a, start1, i4, i2, step2)",
        x=WIDE,
    ),
    Case(
        "slice-slice",
        "a = Slice(x, start1, end9, i2, step3) y = Slice(a, start1, end9, i2)",
        x=WIDE,
    ),
    Case("gather-same-row", "y = Gather(m, repeated)", "differ", y="float"),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, z, end, i2, i1)",
        "bounds are computed",
        x="float[1,5,12]",
        z="int64[1]",
    ),
    Case("slice-explicit", "y = Slice(x, i0, end, i2, i1)", "takes everything"),
    Case("slice-explicit", "y = Slice(x, i1, i2, i2, i1)", "it is explicit"),
    Case("pad-pad", "a = Pad(x, pads) y = Pad(a, pads, one)", "values differ"),
    Case("slice-slice", "a = Slice(x, i1, i4, i2, i1) y = Slice(a, i2, i1, i2, i1)", "it is empty"),
    Case(
        "slice-strided-slice",
        "a = Slice(x, i0, end, i2, i2) b = Slice(a, i0, end, i3, i2) c = Slice(a, i0, i3, i3) "
        "y = Add(b, c)",
    ),
    Case(
        "slice-strided-slice",
        "a = Slice(x, start1, end9, i2, step3) b = Slice(a, start1, end9, i2, i1) "
        "c = Slice(a, i0, i2, i2) y = Add(b, c)",
        x=WIDE,
    ),
    Case("slice-strided-slice", "y = Slice(x, i0, end, i2, i2)", "cuts no slice"),
    Case(
        "slice-strided-slice",
        "a = Slice(x, i0, i4, i2, i2) b = Slice(a, i0, i2, i3, i2) c = Relu(a) "
        "d = Slice(c, i0, i1, i3) y = Add(b, d)",
        "by others than slices",
    ),
    Case(
        "slice-strided-slice",
        "a = Slice(x, i0, i4, i2, i1) b = Slice(a, i0, i2, i3, i1) c = Slice(a, i2, i4, i3) "
        "y = Add(b, c)",
        "none of them has steps",
    ),
)
