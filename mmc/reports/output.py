"""Reports to the screen and to files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmc.diagnostics import Severity
from mmc.files import write_text
from mmc.findings import finding_lines
from mmc.reports.compile_report import CompileReport
from mmc.reports.cost import budget_rows


def to_json(reports: Sequence[CompileReport]) -> Any:
    """Return one report as an object, several as a list."""
    found = [report.to_json() for report in reports]
    return found[0] if len(found) == 1 else found


def write_report(
    reports: Sequence[CompileReport], path: Path, graphs: Sequence[dict[str, Any]]
) -> None:
    """Write the reports as JSON, or with the graphs as a page; raises EmitError (MMC401)."""
    if path.suffix == ".html":
        from mmc.reports.page import write_page

        title = f"mmc: {', '.join(Path(report.model.path).name for report in reports)}"
        write_page(path, [report.to_json() for report in reports], graphs, title)
        return
    write_text(path, json_text(to_json(reports)) + "\n")


def json_text(found: Any) -> str:
    """Return a report as JSON, an entry of a list a line.

    Python's own encoder writes that with `indent`, at ten times the cost of the one in C.
    """
    if isinstance(found, list):
        parts, ends = [json.dumps(entry) for entry in found], "[]"
    else:
        parts = [f"{json.dumps(k)}: {json_lines(v)}" for k, v in found.items()]
        ends = "{}"
    return f"{ends[0]}\n" + ",\n".join(parts) + f"\n{ends[1]}"


def json_lines(value: Any) -> str:
    """Return a value of a report, an entry a line if it is a list of objects."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(entry) for entry in value) + "\n]"
    return json.dumps(value)


def print_reports(reports: Sequence[CompileReport], args: argparse.Namespace) -> None:
    """Print what the options ask for; what made a compile fail goes to stderr."""
    if args.json:
        print(json_text(to_json(reports)))
    for report in reports:
        if report.exit_code:
            for label, text in [] if args.json or args.quiet else budget_rows(report.budget):
                print(f"{label:8}{text}")
            if len(reports) > 1:
                print(f"{report.model.path}:", file=sys.stderr)
            found = [f.diagnostic() for f in report.diagnostics]
            shown = found if args.verbose else [d for d in found if d.severity is Severity.ERROR]
            lines = finding_lines(shown or found, full=args.verbose)
            print(*lines, sep="\n", file=sys.stderr)
        elif not args.quiet and not args.json:
            from mmc.reports.text import print_summary

            print_summary(report, verbose=args.verbose)
        if args.time or args.verbose:
            from mmc.reports.text import print_passes

            print_passes(report.passes, file=sys.stderr if args.json else sys.stdout)
