"""Cases of the rules in passes/rules/many_axes.py."""

from cases import Case

SIX = "float[2,1,4,5,1,3]"
CASES = (
    Case(
        "reshape-of-read-reshape",
        "a = Reshape(x, groups25) b = Exp(a) c = Reshape(a, flat) d = Reshape(b, flat)"
        " y = Add(c, d)",
    ),
    Case(
        "reshape-of-read-reshape",
        "a = Reshape(x, wide) y = Reshape(a, flat)",
        "the inner one has few axes",
    ),
    Case("reshape-of-read-reshape", "y = Reshape(x, flat)", "does not reshape a reshape"),
    Case("elementwise-of-many-axes", "y = Sub(x, z)", x=SIX, z="float[4,1,1,3]"),
    Case("elementwise-of-many-axes", "y = Mul(x, column5)", x="float[2,3,2,1,5,2]"),
    Case("elementwise-of-many-axes", "y = Tanh(x)", x="float[2,1,4,5,3]"),
    Case("elementwise-of-many-axes", "y = Clip(x, zero, one)", x=SIX),
    Case("elementwise-of-many-axes", "y = Sub(x, z)", "it has 5 axes", x="float[2,1,4,5,3]"),
    Case(
        "elementwise-of-many-axes",
        "y = Add(x, z)",
        "6 axes differ",
        x="float[2,3,2,3,2,3]",
        z="float[1,3,1,3,1,3]",
    ),
    Case("arithmetic-of-many-axes", "y = mmc.AddRelu(x, z)", x=SIX, z="float[3]"),
    Case("axis-of-many", "y = Softmax <axis = 3> (x)", x=SIX),
    Case("axis-of-many", "y = ArgMax <axis = 2, keepdims = 0> (x)", x=SIX, y="int64"),
    Case("cumsum-of-many-axes", "y = CumSum <reverse = 1> (x, scalar2)", x=SIX),
    Case("gather-of-many-axes", "y = Gather <axis = 3> (x, steps)", x=SIX),
    Case("gather-of-many-axes", "y = Gather <axis = 2> (x, scalar2)", x=SIX),
    Case("gather-of-many-axes", "y = Gather <axis = 3> (x, places23)", x="float[2,1,4,5,3]"),
    Case(
        "gather-of-many-axes", "y = Gather <axis = 2> (x, scalar2)", "5 axes", x="float[2,1,4,5,3]"
    ),
    Case("linear-of-many-axes", "y = mmc.Linear(x, w20, g20)", x="float[2,1,3,2,20]"),
    Case("linear-of-many-axes", "y = mmc.LinearRelu(x, w20)", x="float[2,2,1,3,2,20]"),
    Case("linear-of-many-axes", "y = mmc.Linear(x, w20)", "it has 4 axes", x="float[2,3,2,20]"),
    Case("concat-of-many-axes", "y = Concat <axis = 4> (x, z)", x=SIX, z="float[2,1,4,5,2,3]"),
    Case("split-of-many-axes", "y, b = Split <axis = 2> (x, parts)", x=SIX),
    Case("places-of-many-axes", "y = GatherND(x, spots)", x="float[2,3,4,5,3]"),
    Case("places-of-many-axes", "y = GatherND(x, spots32)", x="float[2,3,4,2]"),
    Case(
        "places-of-many-axes",
        "y = GatherND <batch_dims = 1> (x, spots)",
        "in a batch",
        x="float[2,3,4,5,3]",
    ),
    Case("topk-of-many-axes", "y, b = TopK <axis = 2> (x, i2)", x="float[2,1,4,5,3]"),
    Case("reflection-of-many-axes", 'y = Pad <mode = "reflect"> (x, around)', x="float[2,1,4,5,3]"),
    Case("reflection-of-many-axes", "y = Pad(x, around)", "by a constant", x="float[2,1,4,5,3]"),
    Case("slice-of-many-axes", "y = Slice(x, i1, i3, i2)", x=SIX),
    Case("slice-of-many-axes", "y = Slice(x, i0, end, i2)", "it takes all", x=SIX),
    Case("reduction-of-many-axes", "y = ReduceMean(x, pair)", x=SIX),
    Case("reduction-of-many-axes", "y = ReduceSum <keepdims = 0> (x, space)", x=SIX),
    Case("reduction-of-many-axes", "y = ReduceMax(x, ends)", x="float[2,3,4,5,3]"),
    Case("reduction-of-many-axes", "y = ReduceSum(x, channel)", "it reduces axes of 1", x=SIX),
    Case("expand-to-many-axes", "y = Expand(x, grown)", x=SIX),
    Case("tile-of-many-axes", "y = Tile(x, copies)", x=SIX),
)
