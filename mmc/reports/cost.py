"""The estimate of a model's cost as a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mmc.counting import counted

if TYPE_CHECKING:
    from mmc.budget import BudgetLine
    from mmc.cost import CostEstimate
    from mmc.reports.compile_report import CompileReport


def interval(found: CostEstimate) -> str:
    """Return the bounds of the latency; only those of fitted devices were tested on models."""
    between = f"{found.latency_low_ms:.3g} to {found.latency_high_ms:.3g}"
    tested = found.confidence == "fitted"
    return f"{between} for 9 of 10 models" if tested else f"{between} assumed"


def cost_rows(found: CostEstimate) -> Iterable[tuple[str, str]]:
    """Yield labels and texts."""
    yield "latency", f"{found.latency_ms:.3g} ms  ({interval(found)}, the P95)"
    low, high = found.energy_low_mj, found.energy_high_mj
    drain = f"{found.battery_percent_per_hour:.0f} % of the battery an hour without a pause"
    yield "energy", f"about {found.energy_mj:.2g} mJ  ({low:.2g} to {high:.2g}; {drain})"
    parts = f"arena {found.arena_mb:.1f} MB, runtime {found.runtime_mb:.1f} MB, the rest weights"
    yield "memory", f"{found.peak_memory_mb:.1f} MB at its peak  ({parts})"
    yield "weights", f"{found.weights_mb:.1f} MB in the file"


def device_rows(report: CompileReport) -> Iterable[tuple[str, str]]:
    """Yield the summary's lines: what an inference takes, what a metric says, the budget."""
    if found := report.cost:
        between = f"{found.latency_ms:.3g} ms ({interval(found)})"
        figures = f"{between}, about {found.energy_mj:.2g} mJ"
        yield "estimated", f"{figures}, peak memory {found.peak_memory_mb:.0f} MB"
        yield "", f"on {found.device}, {found.confidence} (mmc cost says what takes long)"
    if measured := report.evaluation:
        drop = f"{measured.drop_percent:+.2f} % lost" if measured.drop_percent else "nothing lost"
        values = f"{measured.original:.4g} -> {measured.artifact:.4g}, {drop}"
        yield "evaluated", f"{measured.metric} {values}  ({counted(measured.samples, 'sample')})"
        low, high = measured.drop_low_percent, measured.drop_high_percent
        yield "", f"95 %: {low:+.2f} to {high:+.2f} % lost (paired bootstrap)"
    yield from budget_rows(report.budget)


def budget_rows(lines: Sequence[BudgetLine]) -> Iterable[tuple[str, str]]:
    """Yield a line a limit."""
    for place, line in enumerate(lines):
        kept = "kept" if line.met else "MISSED"
        yield "" if place else "budget", f"{kept:6}  {line.name} {line}"
