"""Signal to noise of every model with integer activations: `python benchmarks/quantization.py`.

With `--peer NAME=PYTHON` (onnxruntime, nncf, litert-quantizer, and the interpreter that each is
installed for) other quantizers get the same model and samples in the same run, and are judged
alike. Rows go to `--rows`, those in it are not made again (delete the lines that shall be);
`--write` puts them into docs/quantizers.md.

Each golden model is calibrated on 16 samples and judged on 4 others, all of them variations of its
one real sample (or of the project's own data, where there is some): against ONNX Runtime with its
optimizer off, on the original model. Printed is the worst output's dB over the 4 samples, of the
artifact in LiteRT. It compares settings and tools; it is no task accuracy.
"""

from __future__ import annotations

import argparse
import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import json_lines
import numpy as np
from quantizers import QuantizerError, outputs, quantized

import golden_models as golden
import mmc
from mmc.diagnostics import MmcError
from mmc.files import write_npz
from mmc.values import Array

CALIBRATION, JUDGED = 16, 4
FORMS = {"int8": "cpu", "int16": "hexagon_v73"}
"""Activations, and the target that mmc compiles them for."""
PAGE = Path(__file__).parent.parent / "docs" / "quantizers.md"
ROWS = Path(__file__).parent / "rows" / "quantizers.jsonl"
PAGE_HEAD = """# mmc and other quantizers

Made by `python benchmarks/quantization.py --peer NAME=PYTHON...`, then `--write`, from the rows in
benchmarks/rows/quantizers.jsonl: int8 weights per channel, 16 samples to calibrate on, the worst
output's signal to noise over 4 others, against ONNX Runtime on the original with its optimizer
off. mmc compiles int8 activations for `cpu`, where layers that would be slower or wrong as integers
stay float, and int16 for `hexagon_v73`; its artifact runs in LiteRT, as that of litert-quantizer,
which gets mmc's float32 .tflite; those of onnxruntime and nncf run in ONNX Runtime. It compares
tools; it is no accuracy of a task (deepcut and oskut make one number each). onnxruntime stores the
tables of embeddings with the bits of activations, mmc with those of weights: where only attacut's
table has 8 bits, a scale a row, and all else is float, 44.5 dB are left. Of ppocr_rec's four
samples two have characters that mmc's 8-bit weights alone turn, all else in floats: 10 dB are left
there, 43 and 60 of the other two.
"""
DATA = Path(golden.__file__).parent / "data"


@dataclass(frozen=True)
class Figures:
    """What one compile came to: dB, operators on codes and all of them, bytes, or why it failed."""

    decibels: float = float("nan")
    codes: int = 0
    operators: int = 0
    seconds: float = 0.0
    failure: str = ""
    size: int = 0


def without_paths(text: str) -> str:
    """Return what a tool says without the places of files on this machine."""
    return re.sub(r"/\S+", "…", text)


def variations(name: str, count: int, seed: int) -> Iterator[dict[str, Array]]:
    """Yield inputs like the model's sample: pictures and sounds shifted and rescaled, ids mixed."""
    rng = np.random.default_rng(seed)
    if name == "digits_vqa_vision":
        with np.load(DATA / "digits_vqa_calibration.npz") as data:
            for i in rng.choice(len(data["image"]), count, replace=False):
                yield {"image": (data["image"][i][None] / np.float32(255)).astype(np.float32)}
        return
    sample = golden.sample(name)
    for _ in range(count):
        yield {key: varied(value, rng) for key, value in sample.items()}


def varied(value: Array, rng: np.random.Generator) -> Array:
    """Return a float array rolled and rescaled, ids with some in other places, or the masks."""
    whole = value.ndim < 3 and value.min() >= 0 and np.array_equal(value, np.rint(value))
    if not whole:  # some exporters hand over ids as floats
        gain = rng.uniform(0.7, 1.15) if value.any() else 1.0
        rolled = np.roll(value, rng.integers(0, 40), axis=-1 if value.ndim != 4 else (-2,))
        return (rolled * gain).astype(value.dtype)
    if np.unique(value).size <= 2:
        return value
    used = np.flatnonzero(value.reshape(-1))
    flat = value.reshape(-1).copy()
    swapped = used[1:-1][rng.random(max(len(used) - 2, 0)) < 0.5]
    flat[swapped] = rng.permutation(flat[swapped])
    if len(swapped) > 3:
        flat[swapped[::3]] = rng.choice(flat[used], len(swapped[::3]))
    return flat.reshape(value.shape)


def calibration_of(name: str, folder: Path) -> tuple[Path, list[dict[str, Array]]]:
    """Return the file of samples to calibrate on, and those to judge by."""
    drawn = list(variations(name, CALIBRATION + JUDGED, 0))
    data = folder / f"{name}.npz"
    arrays = {k: np.stack([d[k] for d in drawn[:CALIBRATION]]) for k in drawn[0]}
    write_npz(data, arrays)
    return data, drawn[CALIBRATION:]


def measure(name: str, target: str, weights: str, activations: str, folder: Path) -> Figures:
    """Compile one model and compare the artifact with the original."""
    data, judged = calibration_of(name, folder)
    start = time.process_time()
    try:
        result = mmc.compile(
            golden.path(name),
            target=target,
            output=folder / f"{name}.{target}.{activations}.tflite",
            input_shape={k: tuple(v) for k, v in golden.find(name).shapes.items()},
            weights=weights,
            activations=activations,
            calibration=data if activations != "float" else "",
            inputs=judged[0],
            verify=True,
        )
    except MmcError as error:
        return Figures(failure=without_paths(str(error.diagnostics[0]).splitlines()[0]))
    seconds = time.process_time() - start
    worst = worst_of(name, judged, [mmc.run(result.artifact, feeds) for feeds in judged])
    ops = sum(result.ops.values())
    codes = ops - floats(result.artifact)
    return Figures(worst, codes, ops, seconds, size=result.artifact.stat().st_size)


def peer_figures(name: str, peer: str, python: str, activations: str, folder: Path) -> Figures:
    """Let another quantizer make its file, and compare that with the original."""
    data, judged = calibration_of(name, folder)
    try:
        made = quantized(name, peer, python, data, activations)
        worst = worst_of(name, judged, outputs(made, judged))
    except QuantizerError as error:
        return Figures(failure=without_paths(str(error)))
    return Figures(worst, size=made.stat().st_size)


def worst_of(name: str, judged: list[dict[str, Array]], found: list[dict[str, Array]]) -> float:
    """Return the worst output's signal to noise over the samples."""
    originals = (mmc.run(golden.path(name), feeds) for feeds in judged)
    return min(map(decibels, originals, found))


def floats(artifact: Path) -> int:
    """Return how many operators compute on floats."""
    from mmc.backends.tflite.backend import TfliteBackend

    program = TfliteBackend.read(artifact)
    kinds = [program.tensors[op.outputs[0]].dtype for op in program.operators]
    return sum(kind not in ("INT8", "INT16") for kind in kinds)


def decibels(expected: dict[str, Array], actual: dict[str, Array]) -> float:
    """Return the worst output's signal to noise; outputs that are integers say nothing."""
    return min(
        (
            ratio(value.astype(np.float64), actual[name].astype(np.float64))
            for name, value in expected.items()
            if value.dtype.kind == "f" and value.any()
        ),
        default=float("inf"),
    )


def ratio(expected: Array, actual: Array) -> float:
    """Return 10 log10 of signal by noise."""
    noise = float(((actual - expected) ** 2).sum())
    return float("inf") if not noise else 10 * float(np.log10((expected**2).sum() / noise))


def compared(rows: Path, peers: Mapping[str, str], models: Sequence[str]) -> None:
    """Add the rows that are not there yet: a model, a form, a tool and its figures each."""
    known = {(r["model"], r["form"], r["tool"]) for r in json_lines.read(rows)}
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        for name, (form, target), tool in product(models, FORMS.items(), ["mmc", *peers]):
            if (name, form, tool) in known:
                continue
            if tool == "mmc":
                found = measure(name, target, "int8", form, Path(folder))
            else:
                found = peer_figures(name, tool, peers[tool], form, Path(folder))
            row = {"model": name, "form": form, "tool": tool, **asdict(found)}
            json_lines.add(rows, row)
            print(f"{name} {form} {tool}: {cell(row)}", flush=True)


def cell(row: Mapping[str, Any]) -> str:
    """Return what a table says of one tool's figures."""
    if row["failure"]:
        return without_paths(row["failure"]).replace("|", "/")
    return f"{row['decibels']:.1f} dB, {row['size'] / 1e6:.2f} MB"


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all tools."""
    tools = ["mmc", *dict.fromkeys(row["tool"] for row in rows if row["tool"] != "mmc")]
    by = {(row["model"], row["form"], row["tool"]): row for row in rows}
    lines = [
        PAGE_HEAD,
        f"| model | activations | {' | '.join(tools)} |",
        "|---" * (len(tools) + 2) + "|",
    ]
    for name, form in dict.fromkeys((row["model"], row["form"]) for row in rows):
        found = [by.get((name, form, tool)) for tool in tools]
        cells = ["not run" if row is None else cell(row) for row in found]
        lines.append(f"| {name} | {form} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", summary(by)]) + "\n"


def summary(by: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> str:
    """Say in how many rows no other tool has a better ratio than mmc, and name the others."""
    best: dict[tuple[str, str], float] = {}
    for (name, form, tool), row in by.items():
        if tool != "mmc" and not row["failure"]:
            best[name, form] = max(row["decibels"], best.get((name, form), -math.inf))
    ours = {k: by[*k, "mmc"] for k in best}
    behind = [k for k, row in ours.items() if row["failure"] or row["decibels"] < best[k]]
    names = ", ".join(f"{name} {form}" for name, form in behind)
    missing = sorted({m.name for m in golden.models()} - {name for name, _ in best})
    text = f"No other tool is better in {len(best) - len(behind)} of {len(best)} rows"
    text += f"; one is in: {names}." if behind else "."
    return text + (f"\n\nNot run: {', '.join(missing)}." if missing else "")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[m.name for m in golden.models()])
    parser.add_argument("--target", nargs="*", default=["cpu", "hexagon_v73"])
    parser.add_argument("--weights", default="int8")
    parser.add_argument("--activations", nargs="*", default=["int8", "int16"])
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--rows", type=Path, default=ROWS, metavar="FILE")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} from the rows")
    args = parser.parse_args()
    if args.write:
        PAGE.write_text(page([*json_lines.read(args.rows)]), "utf-8")
    elif args.peer:
        compared(args.rows, dict(p.split("=", 1) for p in args.peer), args.models)
    else:
        settings(args)


def settings(args: argparse.Namespace) -> None:
    """Print the table of mmc's own settings."""
    columns = ("model", "target", "activations", "SNR dB", "on codes", "seconds", "")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        for name in args.models:
            for target in args.target:
                for activations in args.activations:
                    f = measure(name, target, args.weights, activations, Path(folder))
                    row = f"{f.decibels:.1f} | {f.codes} of {f.operators} | {f.seconds:.0f}"
                    print(
                        f"| {name} | {target} | {activations} | {row} | {f.failure} |", flush=True
                    )


if __name__ == "__main__":
    main()
