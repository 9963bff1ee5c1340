"""Are 8-bit artifacts for the processor faster? `python benchmarks/integer_latency.py [MODEL...]`

Each golden model is compiled for `cpu` as float32 and with int8 weights and activations, and
litert-quantizer makes its own 8-bit file of the float32 one (`--peer PYTHON`, the interpreter that
it is installed for). The artifacts run in turns (benchmarks/latency.py): the ratios are the CPU
time of mmc's 8-bit artifact over that of the float32 one, and over the peer's. Rows go to
benchmarks/rows/integer_latency.jsonl (`--rows`); models that are in it are not measured again.
`--write` makes docs/integer_latency.md of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
import mmc
from benchmarks import json_lines
from benchmarks.latency import paired
from benchmarks.quantization import calibration_of, floats
from benchmarks.quantizers import QuantizerError, quantized, source_of
from mmc.diagnostics import MmcError

PEER = "litert-quantizer"
PAGE = Path(__file__).parent.parent / "docs" / "integer_latency.md"
ROWS = Path(__file__).parent / "rows" / "integer_latency.jsonl"
HEAD = """# 8-bit artifacts on the processor, measured

Made by `python benchmarks/integer_latency.py --peer PYTHON --write` from the rows in
benchmarks/rows/integer_latency.jsonl: CPU time of mmc's artifact for `cpu` with int8 weights and
activations (LiteRT with XNNPACK, one thread, paired) over that of its float32 artifact, and over
that of what litert-quantizer 0.11.0 makes of the same float32 artifact. Layers that would be slower
as integers [stay float](quantization.md). Where mmc's takes longer (mtcnn, attacut, silero_vad,
deepcut, oskut) it keeps the layers float that make most of the error: the signal is 3 to 12 dB
clearer, and what the peer makes of the last four is noise ([quantizers.md](quantizers.md)).

| model | operators on codes | over float32 | over litert-quantizer |
|---|---|---|---|"""


def measure(name: str, python: str, folder: Path) -> dict[str, Any]:
    """Return the ratios of one model, None where there is nothing to compare with."""
    data, _ = calibration_of(name, folder)
    plain = source_of(name, PEER, folder)
    result = mmc.compile(
        golden_models.path(name),
        target="cpu",
        output=folder / f"{name}.int8.tflite",
        input_shape={k: tuple(v) for k, v in golden_models.find(name).shapes.items()},
        weights="int8",
        activations="int8",
        calibration=data,
        verify=False,
    )
    every = sum(result.ops.values())
    row = {"model": name, "codes": every - floats(result.artifact), "operators": every}
    row["float"] = paired(result.artifact, plain).ratio
    try:
        row["peer"] = paired(result.artifact, quantized(name, PEER, python, data, "int8")).ratio
    except (QuantizerError, RuntimeError, ValueError) as error:
        row["failure"] = str(error)
    return row


def line(row: Mapping[str, Any]) -> str:
    """Return one line of the table."""
    peer = f"{row['peer']:.2f}" if "peer" in row else "no file that runs"
    codes = f"{row['codes']} of {row['operators']}"
    return f"| {row['model']} | {codes} | {row['float']:.2f} | {peer} |"


def page(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEAD
    yield from map(line, rows)
    for side, title in (("float", "float32"), ("peer", PEER)):
        ratios = [row[side] for row in rows if side in row]
        median, most = statistics.median(ratios), max(ratios)
        yield f"\nOver {title}: {median:.2f} in the median, {most:.2f} at most."


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    models = [m.name for m in golden_models.models()]
    parser.add_argument("models", nargs="*", default=models, metavar="MODEL")
    parser.add_argument("--peer", metavar="PYTHON", help="measure; without, only --write")
    parser.add_argument("--rows", type=Path, default=ROWS, metavar="FILE")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} from the rows")
    args = parser.parse_args()
    known = {row["model"] for row in json_lines.read(args.rows)}
    for name in (n for n in args.models if args.peer and n not in known):
        with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
            try:
                row = measure(name, args.peer, Path(folder))
            except MmcError as error:
                print(f"{name}: {error.diagnostics[0]}", flush=True)
                continue
        json_lines.add(args.rows, row)
        print(line(row), flush=True)
    if args.write:
        PAGE.write_text("\n".join(page([*json_lines.read(args.rows)])) + "\n", "utf-8")


if __name__ == "__main__":
    main()
