"""Cases of the rules in passes/rules/indexed_reads.py."""

from cases import Case

CASES = (
    Case("gather-elements", "y = GatherElements<axis = 2>(x, places)", x="float[2,3,4]"),
    Case("gather-nd-batches", "y = GatherND<batch_dims = 1>(x, batched_places)", x="float[2,3,4]"),
    Case("gather-nd-batches", "y = GatherND(x, z)", "no batch dimensions", z="int64[2,1]"),
    Case(
        "gather-nd-of-one-axis",
        "i = Constant<value = int64[2,2,1] {1, 0, -1, 1}>() y = GatherND(x, i)",
        x="float[2,3,4]",
        y="float[2,2,3,4]",
    ),
    Case(
        "gather-nd-of-one-axis",
        "i = Constant<value = int64[2,2] {1, 0, 1, 1}>() y = GatherND(x, i)",
        "more than the first axis",
        x="float[2,3,4]",
        y="float[2,4]",
    ),
)
