"""`mmc sensitivity` as a table, as JSON (mmc.sensitivity/1) and as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc.counting import counted
from mmc.diagnostics import UsageError
from mmc.files import write_text
from mmc.findings import printable
from mmc.reports.plot import scatter

if TYPE_CHECKING:
    from mmc.auto.layer_cells import Cell, LayerCells, Sensitivity

SCHEMA = "mmc.sensitivity/1"
SHOWN = 20
KINDS = (".json", ".svg")
NOTHING = "no layer has constant weights that take fewer bytes as integers, their scales included"


def check_path(path: str) -> None:
    """Raise UsageError (MMC003) for a report that would be neither JSON nor a picture."""
    if not path.endswith(KINDS):
        fix = "name a file that ends in .json or .svg"
        raise UsageError("MMC003", f"--report {path}", "is no kind of report", fix=fix)


def to_json(found: Sensitivity) -> dict[str, Any]:
    """Return everything as JSON-ready data."""
    return {"schema": SCHEMA, **asdict(found)}


def write_sensitivity(found: Sensitivity, path: str) -> None:
    """Write JSON or SVG by the path's suffix; raises EmitError (MMC401)."""
    text = picture(found) if path.endswith(".svg") else json.dumps(to_json(found), indent=2) + "\n"
    write_text(Path(path), text)


def print_sensitivity(found: Sensitivity, *, as_json: bool, every: bool) -> None:
    """Print JSON, or a line a layer: those that suffer most come first."""
    if as_json:
        print(json.dumps(to_json(found), indent=2))
        return
    if not found.layers:
        print(NOTHING)
        return
    widths = sorted({c.bits for layer in found.layers for c in layer.cells}, reverse=True)
    totals = ", ".join(f"int{b} {found.uniform_bytes(b) / 1e6:.2f} MB" for b in widths)
    floats = sum(layer.float_bytes for layer in found.layers) / 1e6
    print(
        f"{counted(len(found.layers), 'layer')}, {counted(found.samples, 'sample')};"
        f" floats {floats:.2f} MB, {totals}"
    )
    print("dB: signal to noise at the outputs when this layer alone is integers")
    print("gain: KB saved against the next wider column for each percent of error more\n")
    heads = "".join(f"  {f'int{b} dB':>8}  {'KB':>7}  {'gain':>7}" for b in widths)
    print(f"{'class':9}  {'op':12}{heads}  layer")
    ordered = sorted(found.layers, key=worst)
    for layer in ordered if every else ordered[:SHOWN]:
        cells = "".join(columns(layer.cell(bits)) for bits in widths)
        print(printable(f"{layer.kind:9}  {layer.op:12}{cells}  {layer.node or layer.name}"))
    if not every and len(ordered) > SHOWN:
        rest = counted(len(ordered) - SHOWN, "layer")
        print(f"... and {rest} that suffer less (--verbose shows all)")


def worst(layer: LayerCells) -> float:
    """Return the signal to noise of a layer's narrowest cell."""
    return layer.cells[-1].decibels if layer.cells else float("inf")


def columns(cell: Cell | None) -> str:
    """Return dB, KB and gain of a cell."""
    if cell is None:
        return f"  {'-':>8}  {'-':>7}  {'-':>7}"
    gain = "-" if cell.gain is None else f"{cell.gain / 1e3:.3g}"
    return f"  {cell.decibels:8.1f}  {cell.bytes / 1e3:7.1f}  {gain:>7}"


def picture(found: Sensitivity) -> str:
    """Return the layers in order against their signal to noise, a series a width."""
    widths = sorted({c.bits for layer in found.layers for c in layer.cells}, reverse=True)
    series = {
        f"int{bits}": [
            (float(place), cell.decibels, f"{layer.node or layer.name}: {cell.decibels:.1f} dB")
            for place, layer in enumerate(found.layers)
            if (cell := layer.cell(bits)) is not None
        ]
        for bits in widths
    }
    return scatter(series, "layer, in the order of the model", "dB at the outputs")
