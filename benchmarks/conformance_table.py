"""docs/conformance.md: per operator what is right, refused and wrong, three columns a target.

Writing one target's columns leaves those of the others as they are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

import onnx

Columns = dict[str, tuple[str, str, str]]
"""Operator -> what stands under right, refused and wrong."""
STATUSES = ("right", "refused", "wrong")
RUNS = {
    "cpu": "executed with LiteRT",
    "ane_ios18": "in float32, executed by mmc's evaluator of the saved package",
}


class Outcome(Protocol):
    """What became of a case."""

    @property
    def op(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def code(self) -> str: ...


def columns(outcomes: Iterable[Outcome]) -> Columns:
    """Return the columns of one target."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        rows[outcome.op][outcome.status] += 1
        if outcome.code:
            codes[outcome.op][outcome.code] += 1
    found: Columns = {}
    for op, row in rows.items():
        named = ", ".join(f"{code} × {count}" for code, count in sorted(codes[op].items()))
        refused = f"{row['refused']} ({named})" if named else str(row["refused"])
        found[op] = str(row["right"]), refused, str(row["wrong"])
    return found


def read(text: str) -> dict[str, Columns]:
    """Return target -> columns of a page that `page` made; nothing of other texts."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    targets = re.findall(r"\| (\w+): right", lines[0]) if lines else []
    found: dict[str, Columns] = {target: {} for target in targets}
    for line in lines[2:]:
        op, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for i, target in enumerate(targets):
            right, refused, wrong = cells[3 * i : 3 * i + 3]
            found[target][op] = right, refused, wrong
    return found


def page(targets: Mapping[str, Columns], max_opset: int) -> str:
    """Return the page."""
    count = sum(number(cell) for row in next(iter(targets.values())).values() for cell in row)
    lines = [
        "# Conformance",
        "",
        f"The {count} node cases of onnx {onnx.__version__} (opset at most {max_opset}; "
        "float, int32, int64 and bool inputs",
        "and outputs), compiled, executed and compared with the stored outputs.",
        "Operands that shapes are computed from are bound to their stored values (`--const`).",
        "Cases named `..._expanded` count under the operator that they expand.",
        "",
        "Made by `python benchmarks/conformance.py --target TARGET --write docs/conformance.md`.",
        "",
        *(summary(target, found) for target, found in targets.items()),
        "",
        f"| operator | {' | '.join(f'{t}: right | refused | wrong' for t in targets)} |",
        f"|---|{'---:|---:|---:|' * len(targets)}",
    ]
    for op in sorted({op for found in targets.values() for op in found}):
        cells = [cell for found in targets.values() for cell in found.get(op, ("0", "0", "0"))]
        lines.append(f"| {op} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def summary(target: str, found: Columns) -> str:
    """Return the line of sums."""
    right, refused, wrong = (sum(number(row[i]) for row in found.values()) for i in range(3))
    how = f" ({RUNS[target]})" if target in RUNS else ""
    sums = f"**{right} right, {refused} refused with a diagnostic, {wrong} wrong**"
    return f"* `{target}`{how}: {sums}"


def number(cell: str) -> int:
    """Return the count in front of a cell's codes."""
    return int(cell.split()[0])
