"""Cases of the rules in passes/rules/indexed_reads.py."""

from cases import Case

CASES = (Case("gather-nd-batches", "y = GatherND(x, z)", "no batch dimensions", z="int64[2,1]"),)
