"""What is known of a target's devices: a TOML file a family, a source on every figure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from mmc.cost.terms import TERMS, Array
from mmc.cost.work import NUMBERS
from mmc.diagnostics import UsageError
from mmc.target import Target


@dataclass(frozen=True)
class Range:
    """An estimate between two bounds."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Device:
    """The reference device of a target.

    Attributes:
        name: what the figures are of.
        confidence: "fitted" to measurements, "extrapolated" from a neighbour, or "published".
        coefficients: number -> milliseconds per unit of each of TERMS.
        interval: number -> (low, high): factors of the latency between which 9 of 10 models lie.
        vtcm_bytes: memory on the chip; larger activations go through DDR.
        fixed_mb, copies: what the runtime takes: megabytes, and how often it holds the weights.
        power_w: what an inference draws while it runs.
        battery_wh: energy of a full battery.
        sources: the keys of the file -> where the figures are from.
    """

    name: str
    confidence: str
    coefficients: Mapping[str, Array]
    interval: Mapping[str, tuple[float, float]]
    vtcm_bytes: int
    fixed_mb: float
    copies: float
    power_w: Range
    battery_wh: float
    sources: Mapping[str, str]


def has_device(target: Target) -> bool:
    """Say whether a device of the target is known."""
    return files("mmc.cost").joinpath(f"{target.family}.toml").is_file()


def load_device(target: Target) -> Device:
    """Return the reference device of a target.

    Raises:
        UsageError: MMC510 where no device of the target was measured.
    """
    if not has_device(target):
        raise UsageError(
            "MMC510",
            f"target {target.name}",
            "has no cost model",
            why="what it costs depends on the machine, and none was measured",
            fix="ask for a hexagon_* or ane_* target",
        )
    return build(target.architecture, read(target.family))


@cache
def read(family: str) -> dict[str, Any]:
    """Return the parsed files of a family: what is written by hand, and what is fitted."""
    found: dict[str, Any] = {}
    for name in (f"{family}.toml", f"{family}_fit.toml"):
        file = files("mmc.cost").joinpath(name)
        for key, value in tomllib.loads(file.read_text("utf-8")).items() if file.is_file() else ():
            found[key] = found.get(key, {}) | value if isinstance(value, dict) else value
    return found


def build(architecture: str, data: Mapping[str, Any]) -> Device:
    """Return the device of one architecture; `like` and `slower` extrapolate from another."""
    own = data[architecture]
    base, slower = data[own["like"]] if "like" in own else own, own.get("slower", 1.0)
    known = {n: base[n] for n in NUMBERS if n in base}
    power = own.get("power_w", data["power_w"])
    return Device(
        own["device"],
        own.get("confidence", data["confidence"]),
        {n: slower * np.array([t[term] for term in TERMS]) for n, t in known.items()},
        {n: tuple(own.get("interval", data["interval"][n])) for n in known},
        data["vtcm_bytes"],
        data["memory"]["fixed_mb"],
        data["memory"]["copies"],
        Range(*power),
        own.get("battery_wh", data["battery_wh"]),
        data["sources"],
    )
