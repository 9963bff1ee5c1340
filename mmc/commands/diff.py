"""`mmc diff`: what differs between two models, operator by operator and tensor by tensor."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.options import add_shapes, compile_options
from mmc.counting import counted
from mmc.findings import printable

if TYPE_CHECKING:
    from mmc.debugging.model_diff import Change, ModelDiff, TensorDifference

CHANGES_SHOWN, TENSORS_SHOWN, SOURCES_SHOWN = 30, 20, 3
SIGNS = {"changed": "~", "added": "+", "removed": "-"}


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("a", metavar="A", help=".onnx, an artifact, or an .ir dump")
    parser.add_argument("b", metavar="B", help="the same")
    parser.add_argument("--inputs", metavar="X.npz", help="run both on these, compare every tensor")
    add_shapes(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--verbose", action="store_true", help="print all changes and tensors")


def run(args: argparse.Namespace) -> int:
    """Compare; 1 if anything differs, as diff does."""
    from mmc.debugging.model_diff import diff

    options = compile_options(args)
    found = diff(args.a, args.b, options.inputs, options)
    if args.json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        for line in lines(found, full=args.verbose):
            print(printable(line))
    return int(found.differs)


def lines(found: ModelDiff, *, full: bool) -> Iterator[str]:
    """Yield the difference as text."""
    yield f"a  {found.a}  {counted(found.operators[0], 'operator')}"
    yield f"b  {found.b}  {counted(found.operators[1], 'operator')}"
    what = [f"{sum(c.what == w for c in found.changes)} {w}" for w in SIGNS]
    yield f"{found.same} same, {', '.join(what)}"
    shown = found.changes if full else found.changes[:CHANGES_SHOWN]
    for change in shown:
        yield from change_lines(change)
    if len(found.changes) > len(shown):
        yield f"... and {len(found.changes) - len(shown)} more changes (--verbose shows all)"
    if found.tensors:
        yield ""
        yield from table(found.tensors if full else found.tensors[:TENSORS_SHOWN])
        left = 0 if full else len(found.tensors) - TENSORS_SHOWN
        if left > 0:
            yield f"... and {left} more tensors, none worse (--verbose shows all)"


def change_lines(change: Change) -> Iterator[str]:
    """Yield one change: the operators, where they are from, and what is different."""
    sides = [" + ".join(side) for side in (change.before, change.after) if side]
    yield f"{SIGNS[change.what]} {' -> '.join(sides)}{origin(change.sources)}"
    yield from (f"    {detail}" for detail in change.details)


def origin(sources: list[str]) -> str:
    """Return the user's nodes as a comment."""
    if not sources:
        return ""
    more = ", ..." if len(sources) > SOURCES_SHOWN else ""
    return f"  # {', '.join(sources[:SOURCES_SHOWN])}{more}"


def table(tensors: list[TensorDifference]) -> Iterator[str]:
    """Yield the tensors, worst first."""
    yield f"{'SQNR dB':>9} {'max error':>10} {'cosine':>10}  tensor"
    for t in tensors:
        c = t.comparison
        level = f"{c.sqnr_db:.1f}" if c.positions_match else "NaN/inf"
        name = c.name if c.name == t.name_in_b else f"{c.name} = {t.name_in_b}"
        figures = f"{level:>9} {c.max_abs_error:>10.3g} {c.cosine:>10.7f}"
        yield f"{figures}  {name}{origin(t.sources)}"


COMMAND = Command("diff", "debug", "compare two models: operators and numbers", configure, run)
