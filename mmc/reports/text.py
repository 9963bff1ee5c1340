"""Reports as text for one screen; colours only on a terminal and without NO_COLOR."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmc.counting import counted
from mmc.diagnostics import Diagnostic, Severity
from mmc.findings import finding_lines, printable
from mmc.reports.cost import device_rows
from mmc.reports.next_step import next_step

if TYPE_CHECKING:
    from mmc.integers.kept_float import KeptFloat
    from mmc.integers.stored_weights import StoredWeight
    from mmc.pass_manager import PassRecord
    from mmc.reports.compile_report import CompileReport, Memory, PassRun
    from mmc.reports.verification import Difference, Verification

KINDS_SHOWN = 5
OUTPUTS_SHOWN = 6
LONGEST_NAME = 48
"""Letters of a pass with its options: a line each; a report has them whole."""
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def console(file: TextIO | None = None) -> Console:
    """Return a console that never wraps in the middle of a name when piped."""
    out = file or sys.stdout
    return Console(file=out, highlight=False, soft_wrap=True, markup=False)


def print_summary(report: CompileReport, *, verbose: bool = False) -> None:
    """Print what was made, how good it is, what it took and what was found; the path comes last."""
    out, table = console(), Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(overflow="fold")
    for label, text in summary_rows(report):
        table.add_row(Text(printable(label), style="bold"), Text(printable(text)))
    with out.capture() as drawn:
        out.print(table)
    for line in drawn.get().splitlines():  # a grid fills up its lines
        print(line.rstrip(), file=out.file)
    if report.diagnostics:
        out.print()
        print_findings([f.diagnostic() for f in report.diagnostics], verbose=verbose)
    if report.artifact:
        out.print()
        out.print(Text(printable(report.artifact.path), style="green"))


def summary_rows(report: CompileReport) -> Iterable[tuple[str, str]]:
    """Yield labels and texts."""
    made, operators = report.artifact, report.operators
    yield "model", f"{report.model.path}  {megabytes(report.model.bytes)}"
    if made:
        yield "artifact", f"{report.target}  {megabytes(made.bytes)}"
    if report.weights:
        yield "weights", weights_text(report.weights)
    kinds = list(operators.kinds.items())
    top = ", ".join(f"{kind} {count}" for kind, count in kinds[:KINDS_SHOWN])
    more = ", ..." if len(kinds) > KINDS_SHOWN else ""
    yield "operators", f"{operators.before} ONNX nodes -> {operators.after}  ({top}{more})"
    yield "transposes", str(operators.transposes)
    if operators.on_npu is not None:
        share = 100 * operators.on_npu / operators.after
        all_of_them = counted(operators.after, "operator")
        yield "on the NPU", f"{operators.on_npu} of {all_of_them} ({share:.0f} %)"
    yield from float_rows(report.kept_float)
    if report.memory:
        yield from memory_rows(report.memory)
    if report.verification:
        yield from verification_rows(report.verification)
    else:
        yield "verified", "no (--no-verify)"
    yield from device_rows(report)
    yield from cost_rows(report)
    if step := next_step(report):
        yield "next", step


def weights_text(weights: Sequence[StoredWeight]) -> str:
    """Return the bytes of codes and scales, and of weights that stayed float, by width."""
    parts = []
    for bits in sorted({w.bits for w in weights}):
        some = [w for w in weights if w.bits == bits]
        size = megabytes(sum(w.bytes for w in some))
        floats = "floats of " if some[0].method == "float" else ""
        parts.append(f"{len(some)} in {floats}{bits} bits {size}")
    return f"{megabytes(sum(w.bytes for w in weights))}  ({', '.join(parts)})"


def float_rows(kept: Sequence[KeptFloat]) -> Iterable[tuple[str, str]]:
    """Yield what stays float under integer activations, a line a reason."""
    label = "kept float"
    for why in dict.fromkeys(one.why for one in kept):
        kinds = Counter(one.op for one in kept if one.why == why).most_common()
        shown = [f"{op} {count}" for op, count in kinds[:KINDS_SHOWN]]
        shown += ["..."] if len(kinds) > KINDS_SHOWN else []
        yield label, f"{', '.join(shown)}: {why}"
        label = ""


def memory_rows(found: Memory) -> Iterable[tuple[str, str]]:
    """Yield what the activations need, and what another order saved."""
    peak, bound = found.peak_bytes, found.lower_bound_bytes
    least = "the least possible" if peak == bound else f"at least {megabytes(bound)}"
    saved = ""
    if peak < found.peak_bytes_before:
        saved = f"; {megabytes(found.peak_bytes_before)} before scheduling"
    yield "activations", f"{megabytes(peak)} at once ({least}{saved})"
    shared = f"{counted(found.in_place, 'operator')} in place, {found.aliases} as views"
    yield "", f"arena {megabytes(found.arena_bytes)}, {shared}"


def verification_rows(found: Verification) -> Iterable[tuple[str, str]]:
    """Yield what was compared with what, and a line an output."""
    yield "verified", f"against {found.reference}, {found.inputs}"
    for output in found.outputs[:OUTPUTS_SHOWN]:
        yield (
            f"  {output.name}",
            difference_text(output.accuracy or output.emission, output.floor_db),
        )
        if output.half and not output.emulated:
            yield "    in float16", f"{difference_text(output.half, None)}  (the NPU's floats)"
        if output.emulated:
            yield "    on the NPU", f"{difference_text(output.emulated, None)}  (emulated)"
    if len(found.outputs) > OUTPUTS_SHOWN:
        yield "", f"and {len(found.outputs) - OUTPUTS_SHOWN} more outputs (--report)"


def difference_text(found: Difference, floor_db: float | None) -> str:
    """Return the figures of one comparison."""
    if found.integer:
        differ = counted(found.mismatches, "entry differs", "entries differ")
        return differ if found.mismatches else "equal"
    if not found.max_abs_error and found.sqnr_db is None:
        return "equal"
    sqnr = "-" if found.sqnr_db is None else f"{found.sqnr_db:.1f} dB"
    floor = "" if floor_db is None else f"  rounding floor {floor_db:.1f} dB"
    cosine = "-" if found.cosine is None else f"{found.cosine:.7f}"
    return f"SQNR {sqnr}  max abs error {found.max_abs_error:.2g}  cosine {cosine}{floor}"


def cost_rows(report: CompileReport) -> Iterable[tuple[str, str]]:
    """Yield time and memory, by stage and in all."""
    stages = ", ".join(f"{s.name} {s.seconds:.2f}" for s in report.stages)
    seconds = sum(s.seconds for s in report.stages)
    cpu = sum(s.cpu_seconds for s in report.stages)
    peak = max((s.peak_bytes for s in report.stages), default=0)
    yield "seconds", f"{seconds:.2f}  ({stages})"
    if report.cached:
        yield "cached", "nothing has changed since those seconds (--no-cache compiles anew)"
    yield "cost", f"{cpu:.2f} s of CPU, peak memory {megabytes(peak)}"


def print_findings(findings: Sequence[Diagnostic], *, verbose: bool = False) -> None:
    """Print counts and findings, grouped unless `verbose`."""
    out = console()
    counts = [(s, sum(d.severity is s for d in findings)) for s in Severity]
    said = ", ".join(f"{n} {s}{'s' * (n > 1)}" for s, n in counts if n)
    if said:
        out.print(Text(said, style="bold"))
    for line in finding_lines(findings, full=verbose):
        severity = line.split("[")[0]
        out.print(Text(line, style=COLOURS.get(severity, "")))


def print_passes(passes: Sequence[PassRun | PassRecord], file: TextIO | None = None) -> None:
    """Print a line a pass: runs, changes, seconds, slowest first."""
    runs: dict[str, list[PassRun | PassRecord]] = defaultdict(list)
    for record in passes:
        runs[record.name].append(record)
    table = Table("pass", box=None, pad_edge=False)
    for title in ("runs", "changes", "seconds", "peak MB"):
        table.add_column(title, justify="right")
    by_cost = sorted(runs.items(), key=lambda item: -sum(r.seconds for r in item[1]))
    for name, same in by_cost:
        changes, seconds = sum(r.changes for r in same), sum(r.seconds for r in same)
        peak = max(r.peak_bytes for r in same) / 2**20
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        row = (short, str(len(same)), str(changes), f"{seconds:.3f}", f"{peak:.0f}")
        table.add_row(*(Text(cell) for cell in row))
    console(file).print(table)


def megabytes(size: int) -> str:
    """Return a size in MB, or KB when small."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} KB"
