"""What a compiled model may take at most: `--budget budget.toml`, checked line by line.

max_size = "35MB"             # the artifact
max_latency = "20ms"          # P95 of one inference: the upper end of the estimate
max_memory = "150MB"          # peak: weights, arena, runtime
max_battery = "5%"            # of a full battery an hour
inferences_per_second = 10    # for max_battery; left out: without a pause
max_drop = "1%"               # of the metric, relative; needs --evaluation
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc.cost.device import load_device
from mmc.diagnostics import Diagnostic, Severity, UsageError
from mmc.target import Target

if TYPE_CHECKING:
    from mmc.cost import CostEstimate

BYTES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
UNITS: Mapping[str, Mapping[str, float]] = {
    "max_size": BYTES,
    "max_latency": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "max_memory": BYTES,
    "max_battery": {"%": 1.0},
    "inferences_per_second": {},
    "max_drop": {"%": 1.0},
}
"""Key -> the units that it is written in, and their size in the first unit of the figure."""
SHOWN = {
    "max_size": (1e6, "MB"),
    "max_latency": (1.0, "ms"),
    "max_memory": (1e6, "MB"),
    "max_battery": (1.0, "%"),
    "max_drop": (1.0, "%"),
}
NAMES = {
    "max_size": "size of the artifact",
    "max_latency": "P95 latency",
    "max_memory": "peak memory",
    "max_battery": "battery an hour",
    "max_drop": "drop of the metric (worse end of 95 %)",
}
FIXES = {
    "max_size": "store fewer bits (--weights int8, int4), or raise the limit",
    "max_latency": "use --weights int8 --activations int8; `mmc cost` says what takes long",
    "max_memory": "store fewer bits, or lower the input's resolution",
    "max_battery": "run less often (inferences_per_second), or use integers",
    "max_drop": "keep more bits, or calibrate with more data",
}
ESTIMATED = ("max_latency", "max_memory", "max_battery")
EXAMPLES = {"max_size": '"35MB"', "max_latency": '"20ms"', "max_memory": '"150MB"'}


@dataclass(frozen=True)
class Budget:
    """The limits by key: bytes, milliseconds, percent. `path` is where they are from."""

    path: str
    limits: Mapping[str, float]
    inferences_per_second: float | None = None


@dataclass(frozen=True)
class BudgetLine:
    """One limit, in `unit`, against the figure; `met` says whether it is kept."""

    key: str
    name: str
    limit: float
    figure: float
    unit: str
    met: bool

    def __str__(self) -> str:
        sign = "<=" if self.met else ">"
        return f"{self.figure:.3g} {self.unit} {sign} {self.limit:.3g} {self.unit}"


def read_budget(path: str | PathLike[str]) -> Budget:
    """Return the budget in a TOML file.

    Raises:
        UsageError: MMC511 if it cannot be read, has an unknown key or a value that is no limit.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise malformed(path, "cannot be read", str(error)) from error
    limits = {key: limit(path, key, value) for key, value in data.items()}
    rate = limits.pop("inferences_per_second", None)
    if not limits:
        raise malformed(path, "has no limits")
    if rate is not None and "max_battery" not in limits:
        raise malformed(path, "has inferences_per_second without max_battery")
    return Budget(str(path), limits, rate)


def with_limits(budget: Budget | None, **limits: str | None) -> Budget | None:
    """Return the budget with the limits of the command line, which win; None where there are none.

    Raises:
        UsageError: MMC511 for a value that is no limit.
    """
    where = "command line"
    given = {key: limit(where, key, text) for key, text in limits.items() if text}
    if budget is None:
        return Budget(where, given) if given else None
    return Budget(budget.path, {**budget.limits, **given}, budget.inferences_per_second)


def limit(path: str | PathLike[str], key: str, value: Any) -> float:
    """Return the value of one line in its base unit; raises UsageError (MMC511)."""
    if key not in UNITS:
        near = get_close_matches(key.replace("-", "_"), UNITS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise malformed(path, f"{key} is no line of a budget{hint}")
    units = UNITS[key]
    if not units:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not right or not 0 < value < float("inf"):
            raise malformed(path, f"{key} = {value!r} is no positive number")
        return float(value)
    text = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z%]+)\s*", str(value))
    if not isinstance(value, str) or text is None or text[2] not in units:
        example = EXAMPLES.get(key, '"5%"')
        raise malformed(path, f"{key} = {value!r} is no limit", f"write it as {key} = {example}")
    return float(text[1]) * units[text[2]]


def malformed(path: str | PathLike[str], what: str, why: str = "") -> UsageError:
    """Return the error for a budget that cannot be used."""
    fix = f"its lines are {', '.join(UNITS)} (docs/cost.md)"
    return UsageError("MMC511", str(path), what, why=why, fix=fix)


def refuse_unchecked(budget: Budget, target: Target, evaluated: bool) -> None:
    """Refuse limits whose figures a compile would not have.

    Raises:
        UsageError: MMC510 for estimates of an unknown device, MMC513 for a drop without a metric.
    """
    if any(key in budget.limits for key in ESTIMATED):
        load_device(target)
    if "max_drop" in budget.limits and not evaluated:
        raise UsageError(
            "MMC513",
            f"{budget.path} max_drop",
            "is a limit on something that is not measured",
            fix="add --evaluation DATA --metric NAME|module:function, or take it out",
        )


def figures(
    size: int, cost: CostEstimate | None, drop_percent: float | None, budget: Budget
) -> dict[str, float]:
    """Return what a budget limits: bytes, milliseconds, percent."""
    found = {"max_size": float(size)}
    if cost is not None:
        rate = budget.inferences_per_second
        busy = 1.0 if rate is None else min(1.0, rate * cost.latency_ms / 1e3)
        found["max_latency"] = cost.latency_high_ms
        found["max_memory"] = cost.peak_memory_mb * 1e6
        found["max_battery"] = cost.battery_percent_per_hour * busy
    if drop_percent is not None:
        found["max_drop"] = drop_percent
    return found


def check_budget(budget: Budget, figures: Mapping[str, float]) -> list[BudgetLine]:
    """Return every limit against its figure, in bytes, milliseconds and percent."""
    found = []
    for key, most in budget.limits.items():
        scale, unit = SHOWN[key]
        met = figures[key] <= most
        found.append(BudgetLine(key, NAMES[key], most / scale, figures[key] / scale, unit, met))
    return found


def missed(budget: Budget, lines: list[BudgetLine]) -> Iterator[Diagnostic]:
    """Yield a finding (MMC512) for each limit that is not kept."""
    for line in lines:
        if not line.met:
            what = f"{line.name} {line}"
            where = f"{budget.path} {line.key}"
            yield Diagnostic("MMC512", Severity.ERROR, where, what, fix=FIXES[line.key])
