"""What an inference costs: latency, energy and memory, operator by operator."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mmc.cost.device import Device, load_device
from mmc.cost.terms import OF_OPS, TERMS, Array, amounts_of, parts, whole
from mmc.cost.work import Work, Workload
from mmc.target import Target

SCHEMA = "mmc.cost/1"
HOUR_S = 3600.0

HOST_GMACS, HOST_GB, HOST_ENTRY_MS = 20.0, 5.0, 0.1
"""What one core of a phone is assumed to do with operators that leave the NPU, and the way there
and back: giga-multiplications and gigabytes a second, milliseconds."""


@dataclass(frozen=True, slots=True)
class OpCost:
    """One operator: its time, and the part of it that is longest ("compute", "memory", ...)."""

    name: str
    kind: str
    latency_ms: float
    energy_mj: float
    macs: int
    bytes: int
    bound: str


@dataclass(frozen=True)
class CostEstimate:
    """What one inference costs on a device of the target; all figures are estimates.

    9 of 10 models lie between `latency_low_ms` and `latency_high_ms`, the P95. `peak_memory_mb` is
    weights, arena and the runtime's overhead; `weights_mb` the constants in the file;
    `battery_percent_per_hour` the drain of inferences without a pause. `confidence` is "fitted",
    "extrapolated" or "published".
    """

    schema: str
    target: str
    device: str
    confidence: str
    number: str
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    energy_mj: float
    energy_low_mj: float
    energy_high_mj: float
    battery_percent_per_hour: float
    peak_memory_mb: float
    weights_mb: float
    arena_mb: float
    runtime_mb: float
    base_ms: float
    macs: int
    sources: dict[str, str]
    ops: list[OpCost] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


def estimate(work: Workload, target: Target) -> CostEstimate:
    """Return what one inference of a program costs on a target.

    Raises:
        UsageError: MMC510 where no device of the target was measured.
    """
    device = load_device(target)
    number = work.number if work.number in device.coefficients else next(iter(device.coefficients))
    cost = times(work.ops, device, number)
    base = float(device.coefficients[number][OF_OPS:] @ whole(work))
    latency = base + float(cost.sum())
    low, high = device.interval[number]
    energy = [device.power_w.low, device.power_w.middle, device.power_w.high]
    held = sum(op.weights for op in work.ops) / 1e6
    runtime = device.fixed_mb + max(device.copies - 1, 0.0) * held
    arena = work.arena_bytes / 1e6
    return CostEstimate(
        SCHEMA,
        target.name,
        device.name,
        device.confidence,
        number,
        latency,
        latency * low,
        latency * high,
        latency * energy[1],
        latency * low * energy[0],
        latency * high * energy[2],
        100 * energy[1] / device.battery_wh,
        held + arena + runtime,
        work.stored_bytes / 1e6,
        arena,
        runtime,
        base,
        sum(op.sizes.macs for op in work.ops),
        dict(device.sources),
        [op_cost(op, row, energy[1]) for op, row in zip(work.ops, cost, strict=True)],
    )


def times(ops: list[Work], device: Device, number: str) -> Array:
    """Return the milliseconds of each operator by term: (operators, terms of operators).

    An operator on other types than the device computes with counts as one of `number`.
    """
    rows = [device.coefficients.get(op.number, device.coefficients[number]) for op in ops]
    amount = amounts_of(ops, device.vtcm_bytes)
    cost = parts(amount, np.array(rows).reshape(-1, len(TERMS)))
    for index, op in enumerate(ops):
        if op.off:
            cost[index] = 0.0
            cost[index, TERMS.index("ops")] = host_ms(op)
    return cost


def host_ms(op: Work) -> float:
    """Return the milliseconds of an operator that the host runs, with the way there and back."""
    moved = op.read + op.written + op.weights
    return max(op.sizes.macs / HOST_GMACS, moved / HOST_GB) / 1e6 + HOST_ENTRY_MS


def op_cost(op: Work, row: Array, power_w: float) -> OpCost:
    """Return one operator's share."""
    total, longest = float(row.sum()), TERMS[int(row.argmax())]
    bound = {"weights": "memory", "ops": "host" if op.off else "overhead"}.get(longest, "compute")
    moved = op.read + op.written + op.weights
    return OpCost(op.name, op.kind, total, total * power_w, op.sizes.macs, moved, bound)
