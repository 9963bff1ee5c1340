"""The estimate of a model's cost as a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmc.cost import CostEstimate


def cost_rows(found: CostEstimate) -> Iterable[tuple[str, str]]:
    """Yield labels and texts."""
    low, high = found.latency_low_ms, found.latency_high_ms
    yield "latency", f"{found.latency_ms:.3g} ms  (9 of 10: {low:.3g} to {high:.3g}, the P95)"
    low, high = found.energy_low_mj, found.energy_high_mj
    drain = f"{found.battery_percent_per_hour:.0f} % of the battery an hour without a pause"
    yield "energy", f"about {found.energy_mj:.2g} mJ  ({low:.2g} to {high:.2g}; {drain})"
    parts = f"arena {found.arena_mb:.1f} MB, runtime {found.runtime_mb:.1f} MB, the rest weights"
    yield "memory", f"{found.peak_memory_mb:.1f} MB at its peak  ({parts})"
    yield "weights", f"{found.weights_mb:.1f} MB in the file"
