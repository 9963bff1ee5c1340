"""Bytes of artifacts beside what they must hold: `python benchmarks/file_size.py [MODEL...]`.

Allowed are codes and scales, 12 bytes a quantized channel, 250 bytes a tensor, 64 KB, and layers
that stay float as they are. With 16-bit activations biases are integers too: 8 bytes of codes, a
scale and a zero point a channel. Rows go to benchmarks/rows/file_size.jsonl, those in it are not
made again; `--write` puts them into docs/file_size.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import json_lines
from quantization import calibration_of, without_paths

import golden_models as golden
import mmc
from mmc.backends.tflite.backend import TfliteBackend
from mmc.diagnostics import MmcError
from mmc.result import CompileResult

TARGETS = {"cpu": "float", "hexagon_v73": "int16", "ane_ios18": "float"}
RECIPES = ("int8", "int4", "int2-experimental")
CHANNEL, TENSOR, FILE = 12, 250, 64 << 10
PAGE = Path(__file__).parent.parent / "docs" / "file_size.md"
ROWS = Path(__file__).parent / "rows" / "file_size.jsonl"
HEAD = """# How large artifacts are

Made by `python benchmarks/file_size.py`, then `--write`: MB of the file, beside what is allowed:
codes and scales of weights, 12 bytes a quantized channel, 250 bytes a tensor, 64 KB, and layers
that stay float as they are. Activations are floats on `cpu` and `ane_ios18`; with the 16 bits of
`hexagon_v73` biases are integers too: 8 bytes of codes, a scale and a zero point a channel.
Constants that no layer reads are not counted as allowed: zeros that 16-bit codes are padded with,
as CONCATENATION is the form that Hexagon takes, where no longer window has the same pads.

| model | target | weights | codes and scales | allowed | file | within |
|---|---|---|---|---|---|---|
"""


def compiled(name: str, target: str, recipe: str, folder: Path) -> CompileResult:
    """Compile one model as a row has it."""
    kind = TARGETS[target]
    suffix = ".mlpackage" if target.startswith("ane") else ".tflite"
    return mmc.compile(
        golden.path(name),
        target=target,
        output=folder / f"{name}{suffix}",
        input_shape={k: tuple(v) for k, v in golden.find(name).shapes.items()},
        recipe=recipe,
        activations=kind,
        calibration=calibration_of(name, folder)[0] if kind != "float" else "",
        verify=False,
    )


def figures(result: CompileResult, target: str) -> dict[str, int]:
    """Return the bytes of codes and scales, of all that is allowed, and of the file."""
    coded = [w for w in result.weights if w.method != "float"]
    codes = sum(-(-w.float_bytes // 4 * w.bits // 8) for w in coded)
    stored = sum(w.bytes for w in coded)
    channels = (stored - codes) // 4
    floats = sum(w.bytes for w in result.weights if w.method == "float")
    biases = (8 + 4 + CHANNEL) * channels if TARGETS[target] == "int16" else 0
    allowed = stored + CHANNEL * channels + TENSOR * tensors(result) + FILE + floats + biases
    return {"stored": stored, "allowed": allowed, "bytes": result.bytes}


def tensors(result: CompileResult) -> int:
    """Return how many tensors a TFLite file has; a Core ML operation has about three."""
    if result.artifact.suffix == ".tflite":
        return len(TfliteBackend.read(result.artifact).tensors)
    return 3 * sum(result.ops.values())


def measure(names: list[str]) -> None:
    """Add the rows that are not there yet."""
    known = {(r["model"], r["target"], r["weights"]) for r in json_lines.read(ROWS)}
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        for name, target, recipe in product(names, TARGETS, RECIPES):
            if (name, target, recipe) in known:
                continue
            row: dict[str, Any] = {"model": name, "target": target, "weights": recipe}
            try:
                row |= figures(compiled(name, target, recipe, Path(folder)), target)
            except MmcError as error:
                row["failure"] = without_paths(str(error.diagnostics[0]).splitlines()[0])
            json_lines.add(ROWS, row)
            print(line(row), flush=True)


def line(row: Mapping[str, Any]) -> str:
    """Return a row of the table."""
    about = f"| {row['model']} | {row['target']} | {row['weights']} |"
    if "failure" in row:
        return f"{about} {row['failure'].replace('|', '/')} | | | |"
    sizes = " | ".join(f"{row[key] / 1e6:.3f}" for key in ("stored", "allowed", "bytes"))
    return f"{about} {sizes} | {'yes' if row['bytes'] <= row['allowed'] else '**no**'} |"


def page() -> Iterator[str]:
    """Yield the parts of the page."""
    rows = [*json_lines.read(ROWS)]
    yield HEAD
    yield from (f"{line(row)}\n" for row in rows)
    made = [row for row in rows if "failure" not in row]
    within = sum(row["bytes"] <= row["allowed"] for row in made)
    yield f"\n{within} of {len(made)} files are within.\n"
    if missing := sorted({m.name for m in golden.models()} - {row["model"] for row in rows}):
        yield f"\nNot measured: {', '.join(missing)}.\n"


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[m.name for m in golden.models()])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} from the rows")
    args = parser.parse_args()
    if args.write:
        PAGE.write_text("".join(page()), encoding="utf-8")
    else:
        measure(args.models)


if __name__ == "__main__":
    main()
