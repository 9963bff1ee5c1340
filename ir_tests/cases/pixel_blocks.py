"""Cases of the rules in passes/rules/pixel_blocks.py."""

from cases import Case

IMAGE = "float[1,8,6,6]"
CUT = (
    "a = Slice(x, corner00, corner66, axes23, twice2) "
    "b = Slice(x, corner01, corner66, axes23, twice2) "
    "c = Slice(x, corner10, corner66, axes23, twice2) "
    "d = Slice(x, corner11, corner66, axes23, twice2)"
)
WIDE, DEEP = "recognize-depth-to-space", "recognize-space-to-depth"
BLOCKS_OF_3 = "triple = Constant<value = int64[2] {3, 3}>() " + " ".join(
    f"from{i} = Constant<value = int64[2] {{{i // 3}, {i % 3}}}>() "
    f"part{i} = Slice(x, from{i}, corner66, axes23, triple)"
    for i in range(9)
)
LAST = "float[1,6,6,8]"
CUT_LAST = CUT.replace("axes23", "axes12")
CASES = (
    Case("space-to-depth-of-slices", f"{CUT_LAST} y = Concat<axis=3>(a, b, c, d)", x=LAST),
    Case("space-to-depth-of-slices", f"{CUT_LAST} y = Concat<axis=-1>(a, c, b, d)", x=LAST),
    Case(
        "space-to-depth-of-slices",
        f"{CUT_LAST} y = Concat<axis=3>(a, d, b, c)",
        "no order of rows or columns",
        x=LAST,
    ),
    Case(
        WIDE,
        "a = Reshape(x, blocks_dcr) b = Transpose<perm = [0,3,4,1,5,2]>(a) y = Reshape(b, image12)",
        x=IMAGE,
    ),
    Case(
        WIDE,
        "a = Reshape(x, blocks_crd) b = Transpose<perm = [0,1,4,2,5,3]>(a) y = Reshape(b, image12)",
        x=IMAGE,
    ),
    Case(
        WIDE,
        "a = Reshape(x, blocks_crd) b = Transpose<perm = [0,1,4,3,5,2]>(a) y = Reshape(b, image12)",
        "moves no blocks",
        x=IMAGE,
    ),
    Case(
        WIDE,
        "a = Reshape(x, flat36) b = Transpose<perm = [1,0]>(a) y = Reshape(b, image12)",
        "moves no blocks",
        x=IMAGE,
    ),
    Case(
        WIDE,
        "a = Reshape(x, flat36) b = Transpose<perm = [1,0]>(a) y = Reshape(b, image3)",
        "not those of square blocks",
        x=IMAGE,
    ),
    Case(
        WIDE,
        "a = Reshape(x, flat36) b = Transpose<perm = [1,0]>(a) y = Reshape(b, flat36)",
        "an image into an image",
        x=IMAGE,
    ),
    Case(
        DEEP,
        "a = Reshape(x, blocks_deep) b = Transpose<perm = [0,3,5,1,2,4]>(a) y = Reshape(b, image3)",
        x=IMAGE,
    ),
    Case(
        DEEP,
        "a = Reshape(x, blocks_deep) b = Transpose<perm = [0,1,3,5,2,4]>(a) y = Reshape(b, image3)",
        x=IMAGE,
    ),
    Case(
        DEEP,
        "a = Reshape(x, blocks_deep) b = Transpose<perm = [0,1,5,3,2,4]>(a) y = Reshape(b, image3)",
        "moves no blocks",
        x=IMAGE,
    ),
    Case("space-to-depth-of-slices", f"{CUT} y = Concat<axis=1>(a, b, c, d)", x=IMAGE),
    Case("space-to-depth-of-slices", f"{CUT} y = Concat<axis=1>(a, c, b, d)", x=IMAGE),
    Case(
        "space-to-depth-of-slices",
        f"{CUT} y = Concat<axis=1>(a, c, b, b)",
        "not all the pixels",
        x=IMAGE,
    ),
    Case(
        "space-to-depth-of-slices",
        f"{CUT} y = Concat<axis=2>(a, c, b, d)",
        "along the channels",
        x=IMAGE,
    ),
    Case("conv-of-reordered", "a = Gather<axis = 1>(x, turned4) y = Conv(a, w)"),
    Case("conv-of-reordered", "a = Gather<axis = 1>(x, twice4) y = Conv(a, w)", "no permutation"),
    Case("conv-of-reordered", "a = Gather<axis = 2>(x, turned4) y = Conv(a, w)", "one group"),
    Case(
        "conv-of-reordered",
        "a = Gather<axis = 1>(x, turned200) b = Conv(a, conv200) y = Conv(b, conv200)",
        "large and shared",
        x="float[1,200,1,1]",
    ),
    Case(
        "space-to-depth-of-slices",
        f"{CUT} e = Relu(d) y = Concat<axis = 1>(a, b, c, e)",
        "not all the pixels",
        x=IMAGE,
    ),
    Case(
        "space-to-depth-of-slices",
        f"{CUT.replace('d = Slice(x', 'd = Slice(z')} y = Concat<axis = 1>(a, b, c, d)",
        "slices of one image",
        x=IMAGE,
    ),
    Case(
        "space-to-depth-of-slices",
        f"{CUT} y = Concat<axis = 1>(a, b, c, z)",
        "slices of one image",
        x=IMAGE,
        z="float[1,8,3,3]",
    ),
    Case(
        "space-to-depth-of-slices",
        f"{CUT} y = Concat<axis = 2>(a, b, c, d)",
        "along the channels",
        x=IMAGE,
    ),
    Case(
        "space-to-depth-of-slices",
        f"{BLOCKS_OF_3} y = Concat<axis = 1>({', '.join(f'part{i}' for i in range(9))})",
        x="float[1,2,6,6]",
    ),
)
