"""What the CPU time of a compile goes to: `python benchmarks/spent.py [--before FOLDER] [--docs]`

Each of MODELS is compiled with --no-verify for both kinds of target, in a process of its own that
adds up what runs below `import`, at the start or late. CPU seconds, medians of REPEAT runs; the
stages are the report's, with the imports that happen in them. `--before` names a checkout of an
earlier commit, which is compiled by in turns with this one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
import golden_models  # noqa: E402

MODELS = ("efficientnet_lite0", "minilm_l6")
TARGETS = {"hexagon_v73": ".tflite", "ane_ios18": ".mlpackage"}
REPEAT = 3
PAGE = ROOT / "docs" / "spent.md"
PROBE = """
import builtins, importlib, json, sys, time
spent, depth = 0.0, 0
def timed(plain):
    def call(*words, **more):
        global spent, depth
        start, depth = time.process_time(), depth + 1
        try:
            return plain(*words, **more)
        finally:
            depth -= 1
            if not depth:
                spent += time.process_time() - start
    return call
builtins.__import__ = timed(builtins.__import__)
importlib.import_module = timed(importlib.import_module)
from mmc.cli import main
code = main(sys.argv[2:])
found = {"imports": spent, "whole": time.process_time()}
open(sys.argv[1], "w").write(json.dumps(found))
sys.exit(code)
"""
"""Compiles as the rest of its command line says, and writes what that took to a file."""


def measure(checkout: Path, name: str, target: str, folder: Path) -> dict[str, float]:
    """Return the CPU seconds of one compile, by part."""
    out = folder / f"m{TARGETS[target]}"
    shapes = golden_models.find(name).shapes
    command = ["compile", str(golden_models.path(name)), "--target", target, "-o", str(out)]
    command += [f"--input-shape={k}:{','.join(map(str, v))}" for k, v in shapes.items()]
    command += ["--no-verify", "--report", str(folder / "r.json")]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "MMC_NO_CACHE": "1"}
    subprocess.run(
        [sys.executable, "-c", PROBE, str(folder / "probe"), *command],
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    probe = json.loads((folder / "probe").read_text())
    report = json.loads((folder / "r.json").read_text())
    stages = {s["name"]: s.get("cpu_seconds", s["seconds"]) for s in report["stages"]}
    return {**probe, **stages}


def rows(checkouts: dict[str, Path]) -> Iterator[list[str]]:
    """Yield the cells of the table."""
    with tempfile.TemporaryDirectory() as place:
        for name in MODELS:
            for target in TARGETS:
                runs: dict[str, list[dict[str, float]]] = {label: [] for label in checkouts}
                for _ in range(REPEAT):
                    for label, checkout in checkouts.items():
                        runs[label].append(measure(checkout, name, target, Path(place)))
                for label, found in runs.items():
                    yield [name, target, label, *cells(found)]


def cells(runs: list[dict[str, float]]) -> list[str]:
    """Return the medians of the parts; stages of less than 10 ms are left out."""
    part = {key: statistics.median(run.get(key, 0.0) for run in runs) for key in runs[0]}
    imports, whole = part.pop("imports"), part.pop("whole")
    named = {key: seconds for key, seconds in part.items() if seconds >= 0.01}
    stages = ", ".join(f"{key} {seconds:.2f}" for key, seconds in named.items())
    return [f"{whole:.2f}", f"{imports:.2f}", f"{whole - imports:.2f}", stages]


def page(lines: list[str], before: str) -> str:
    """Return the table as a page of the documentation."""
    earlier = f" `before` is commit {before}." if before else ""
    return (
        "# What a compile spends its time on\n\n"
        "CPU seconds of `mmc compile --no-verify`. Made by `python benchmarks/spent.py --before"
        f" FOLDER --docs`, whose\nhead says what is counted.{earlier}\n\n" + "\n".join(lines) + "\n"
    )


def main() -> None:
    """Print the table, and write it as a page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="an earlier checkout")
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.name}")
    args = parser.parse_args()
    checkouts = ({"before": args.before} if args.before else {}) | {"now": ROOT}
    lines = ["| model | target | when | whole | imports | the rest | stages |", "|---" * 7 + "|"]
    for row in rows(checkouts):
        lines.append(f"| {' | '.join(row)} |")
        print(lines[-1], flush=True)
    if args.docs:
        show = [
            "git",
            "-C",
            str(args.before or ROOT),
            "log",
            "-1",
            "--format=%h of %ad",
            "--date=short",
        ]
        commit = subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip()
        PAGE.write_text(page(lines, commit if args.before else ""), "utf-8")


if __name__ == "__main__":
    main()
