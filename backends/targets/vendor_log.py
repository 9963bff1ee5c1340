"""What the vendor's tool prints, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

SELECTED = re.compile(
    r"selected (\d+) ops, from a total of (\d+) ops(?:\. resulted in (\d+) partitions)?"
)
CONTEXT = re.compile(r"context bin of size \(bytes\): (\d+)")
INVALID = re.compile(r"QNN op validation failed: '[^']*' \(type=(\w+)\)")
OPERAND = re.compile(r'\s+\[\d+\] name="[^"]*" dtype=(?:QNN_DATATYPE_)?(\S+) dims=(\S+) ?(.*)')
REFUSED = re.compile(r"LiteRT Op #(\d+) '(\w+)'.*is not supported")
ERROR = re.compile(r"<E>\s*(.+)")
NOISE = re.compile(r"option 66|Please refer|Supported I/O|Requested I/O")
MOST_ERRORS = 6
LONGEST = 220


@dataclass(frozen=True)
class Refusal:
    """An operator that was not selected: its position in the file, its name, and why."""

    index: int
    op: str
    reason: str


def selection(text: str) -> tuple[int, int, int] | None:
    """Return operators selected, in all, and partitions; None if the tool did not come so far."""
    found = SELECTED.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def context_bytes(text: str) -> int:
    """Return the size of all compiled contexts."""
    return sum(int(size) for size in CONTEXT.findall(text))


def refusals(log: str) -> tuple[Refusal, ...]:
    """Return the refused operators in order.

    The validator describes the node that it refuses, operands first; the line that names the
    operator follows. Without a description the operator has no counterpart on the NPU.
    """
    found: list[Refusal] = []
    node, operands = "", list[str]()
    for line in log.splitlines():
        if invalid := INVALID.search(line):
            node, operands = invalid[1], []
        elif node and (operand := OPERAND.match(line)):
            operands.append(" ".join(part for part in operand.groups() if part).strip())
        elif refused := REFUSED.search(line):
            takes = f"the validator refuses {node} of {', '.join(operands) or 'these operands'}"
            why = takes if node else "the plugin has no form of it for the NPU"
            found.append(Refusal(int(refused[1]), refused[2], why))
            node, operands = "", []
    return tuple(found)


def failures(text: str) -> tuple[str, ...]:
    """Return the distinct errors, without those that every run prints."""
    lines = (found[1].strip()[:LONGEST] for found in ERROR.finditer(text))
    return tuple(dict.fromkeys(line for line in lines if not NOISE.search(line)))[:MOST_ERRORS]
