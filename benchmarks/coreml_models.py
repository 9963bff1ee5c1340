"""Every golden model as a Core ML package, executed and compared: docs/coreml_models.md.

    python benchmarks/coreml_models.py [NAME…] [--targets ane_ios18,…] [--docs]

A model is compiled for each target in float16 and in float32 and executed by mmc's evaluator of the
saved package on the manifest's real sample, in float16 with every result rounded. A row of
benchmarks/rows/coreml_models.jsonl (`--rows`) is one of these packages; what has a row is not made
again. `--docs` makes the page of all rows. Exit code 1: a package was not verified.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import golden_models  # noqa: E402
from benchmarks import json_lines  # noqa: E402
from mmc.compiler import compile_model  # noqa: E402
from mmc.diagnostics import OFF_NPU, MmcError  # noqa: E402
from mmc.options import CompileOptions  # noqa: E402
from mmc.result import CompileResult  # noqa: E402

TARGETS = ("ane_ios18", "ane_ios16", "ane_ios17", "ane_ios26")
PRECISIONS = ("float16", "float32")
ROWS = ROOT / "benchmarks" / "rows" / "coreml_models.jsonl"
PAGE = ROOT / "docs" / "coreml_models.md"
MOST_DB = 999.0
"""What a row has for infinity: equal numbers."""
Row = dict[str, Any]


def attempt(name: str, target: str, precision: str) -> Row:
    """Compile, execute and compare one package; return its row."""
    model = golden_models.find(name)
    shapes = {k: tuple(v) for k, v in model.shapes.items()}
    options = CompileOptions(
        precision=precision, input_shapes=shapes, inputs=golden_models.sample(name)
    )
    row: Row = {"model": name, "target": target, "precision": precision, "error": ""}
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "model.mlpackage"
        try:
            result = compile_model(golden_models.path(name), target, artifact, options)
        except MmcError as error:
            return row | {"error": " ".join(str(error).split())[:300]}
    return row | facts(result)


def facts(result: CompileResult) -> Row:
    """Return what a row tells of a package that was made."""
    assert result.verification
    outputs = result.verification.outputs
    least = min(outputs, key=lambda o: o.emission.level_db)
    codes = Counter(d.code for d in result.diagnostics)
    return {
        "level_db": round(min(least.emission.level_db, MOST_DB), 1),
        "floor_db": round(min(least.floor_db, MOST_DB), 1),
        "operators": sum(result.ops.values()),
        "transposes": result.ops.get("transpose", 0),
        "findings": dict(sorted(codes.items())),
    }


def page(rows: list[Row]) -> str:
    """Return the page of all rows: a line a model, a column a target and precision."""
    cells = {(r["model"], r["target"], r["precision"]): cell(r) for r in rows}
    columns = list(itertools.product(TARGETS, PRECISIONS))
    lines = ["| model | " + " | ".join(f"{t[4:]} {p}" for t, p in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for model in golden_models.models():
        found = [cells.get((model.name, *column), "") for column in columns]
        lines.append(f"| {model.name} | " + " | ".join(found) + " |")
    return HEAD + "\n".join(lines) + "\n"


HEAD = """# Golden models as Core ML packages

Made by `python benchmarks/coreml_models.py --docs` of `benchmarks/rows/coreml_models.jsonl`, a row
for each package. Executed by mmc's evaluator of the saved package on the manifest's real sample, in
float16 with every result rounded. A cell has the worst output's distance from ONNX Runtime on the
optimized model in dB (equal: no number differs); in brackets the model's own rounding floor where
that is below what is wanted (80 dB in float32, 40 in float16); and of float16 how many operators
leave the engine. float32 runs on the CPU or GPU throughout.

"""


def cell(row: Row) -> str:
    """Return one cell of the table."""
    if row["error"]:
        return row["error"].split(":")[0]
    half = row["precision"] == "float16"
    away = sum(n for code, n in row["findings"].items() if half and code in OFF_NPU)
    floor = f" ({row['floor_db']:.0f})" if row["floor_db"] < (40 if half else 80) else ""
    level = "equal" if row["level_db"] >= MOST_DB else f"{row['level_db']:.0f}"
    return f"{level}{floor}" + (f", {away} off" if away else "")


def main() -> int:
    """Make what has no row yet; write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all golden models")
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    args = parser.parse_args()
    names = args.names or [m.name for m in sorted(golden_models.models(), key=lambda m: m.bytes)]
    rows = list(json_lines.read(args.rows))
    done = {(r["model"], r["target"], r["precision"]) for r in rows}
    for target, precision, name in itertools.product(args.targets.split(","), PRECISIONS, names):
        if (name, target, precision) not in done:
            rows.append(attempt(name, target, precision))
            json_lines.add(args.rows, rows[-1])
            print(*rows[-1].values(), flush=True)
    if args.docs:
        PAGE.write_text(page(rows), "utf-8")
    return int(any(r["error"] for r in rows))


if __name__ == "__main__":
    sys.exit(main())
