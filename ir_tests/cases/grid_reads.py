"""Cases of the rules in passes/rules/grid_reads.py."""

from cases import Case

TOP = "k = ArgMax<axis = 1, keepdims = 0>(z)"


def flat(base: str, shape: str = "6, 4", made: str = TOP) -> str:
    """Return x[batch, k], for k of each batch, as a read of the rows of all batches."""
    return (
        f"shape = Constant<value = int64[2] {{{shape}}}>() r = Reshape(x, shape) {made} "
        f"b = Constant<value = int64[2] {{{base}}}>() i = Add(k, b) y = Gather<axis = 0>(r, i)"
    )


def batches(grid: str) -> str:
    """Return x[batch, k], for k of each batch, as a read at two coordinates."""
    return (
        f"grid = Constant<value = int64[2,1] {{{grid}}}>() {TOP} "
        f"column = Constant<value = int64[2] {{2, 1}}>() j = Reshape(k, column) "
        f"i = Concat<axis = 1>(grid, j) y = GatherND(x, i)"
    )


CASES = (
    Case("gather-range", "y = Gather<axis = 2>(x, steps)"),
    Case("gather-range", "y = Gather<axis = 2>(x, negative)"),
    Case("gather-range", "y = Gather<axis = 2>(x, uneven)", "no range"),
    Case("gather-range", "y = Gather<axis = 2>(x, backwards)", "no range"),
    Case("gather-range", "y = Gather(m, steps)", "looks up a table"),
    Case(
        "gather-range",
        "i = Constant<value = int64[2,1,2] {0, 1, 0, 1}>() y = Gather<axis = 1>(x, i)",
        x="float[2,3,4]",
    ),
    Case(
        "gather-range",
        "i = Constant<value = int64[2,3] {0, 1, 2, 3, 4, 5}>() y = Gather<axis = 0>(x, i)",
        x="float[6,4]",
    ),
    Case(
        "gather-nd-range",
        """i = Constant<value = int64[2,1,2,2] {0, 1, 0, 2, 1, 1, 1, 2}>()
        y = GatherND(x, i)""",
        x="float[2,3,4]",
    ),
    Case(
        "gather-nd-range",
        "i = Constant<value = int64[2,2,2] {-2, 0, -2, 0, -1, 0, -1, 0}>() y = GatherND(x, i)",
        x="float[2,3,4]",
    ),
    Case(
        "gather-nd-range",
        "i = Constant<value = int64[2,2,2] {0, 2, 1, 2, 2, 2, 3, 2}>() y = GatherND(x, i)",
        x="float[4,3,4]",
    ),
    Case(
        "gather-nd-range",
        "i = Constant<value = int64[2,2] {0, 1, 1, 2}>() y = GatherND(x, i)",
        "change together",
        x="float[2,3,4]",
    ),
    Case(
        "gather-nd-range",
        "i = Constant<value = int64[2,1] {1, 0}>() y = GatherND(x, i)",
        "no range",
        x="float[2,3,4]",
    ),
    Case(
        "gather-nd-range",
        "i = Constant<value = int64[2,1] {0, 1}>() y = GatherND<batch_dims = 1>(x, i)",
        "in batches",
        x="float[2,3,4]",
    ),
    Case("gather-nd-by-batch", batches("0, 1"), x="float[2,3,4]", z="float[2,3]"),
    Case(
        "gather-nd-by-batch",
        batches("1, 0"),
        "not those of the batches",
        x="float[2,3,4]",
        z="float[2,3]",
    ),
    Case(
        "gather-nd-by-batch",
        batches("0, 1"),
        "from every batch in turn",
        x="float[3,3,4]",
        z="float[2,3]",
    ),
    Case(
        "gather-nd-by-batch",
        "grid = Constant<value = int64[2,1] {0, 1}>() j = Cast<to = 7>(z) "
        "i = Concat<axis = 0>(grid, j) y = GatherND(x, i)",
        "other indices are joined",
        x="float[2,3,4]",
        z="float[2,1]",
    ),
    Case("gather-of-flat-batches", flat("0, 3"), x="float[2,3,4]", z="float[2,3]"),
    Case(
        "gather-of-flat-batches",
        flat("0, 3", made="k = Cast<to = 7>(z)"),
        "beyond its batch",
        x="float[2,3,4]",
        z="float[2]",
    ),
    Case(
        "gather-of-flat-batches",
        flat("0, 3"),
        "beyond its batch",
        x="float[2,3,4]",
        z="float[2,4]",
    ),
    Case(
        "gather-of-flat-batches",
        flat("0, 2"),
        "from every batch in turn",
        x="float[2,3,4]",
        z="float[2,3]",
    ),
    Case(
        "gather-of-flat-batches",
        flat("0, 3", shape="3, 8"),
        "rows of all batches in one",
        x="float[2,3,4]",
        z="float[2,3]",
    ),
)
