"""mmc against other converters: `python benchmarks/peers.py --peer NAME=PYTHON... [MODEL...]`

A peer is one of benchmarks/converters.py and the interpreter of the environment that it is
installed in. A MODEL is a golden model's name or an ONNX file with fixed shapes; all golden ones
and one of 100 MB where none is given. It is compiled by the peer and by mmc in turns (A B A B),
from the same file, without verification. CPU seconds are those of a process and its children,
medians over the turns; the ratio leaves out the seconds of imports, on both sides (0.8 for TFLite,
1.7 for Core ML). Operators are counted with our own readers. The error is against ONNX Runtime with
its optimizer off on the golden sample, relative to the output's largest magnitude; packages for
Core ML are computed in float32 by mmc's evaluator. Latency is CPU time on one thread (XNNPACK),
both loaded at once and run in turns.

A comparison is a row of benchmarks/rows/peers.jsonl (`--rows`): those in it are not made again
(delete the lines that shall be). `--write` makes docs/peers.md of them.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from benchmarks import json_lines
from benchmarks.artifacts import Artifact
from benchmarks.converters import CONVERTERS, Converter, Cost, environment, spend
from benchmarks.large_model import LARGE, large
from benchmarks.latency import paired
from benchmarks.optimizers import fixed
from mmc.values import Array
from mmc.verification.execute import execute
from mmc.verification.reference import JOB as REFERENCE

PAGE = Path(__file__).parent.parent / "docs" / "peers.md"
ROWS = Path(__file__).parent / "rows" / "peers.jsonl"
SIDES = ("mmc", "other")
RIGHT = 0.01
"""An artifact is right when its error is at most this: float16 weights, and no wrong operator."""
TITLES = (
    "model | CPU s mmc | CPU s peer | ratio | peak MB mmc | peak MB peer | allowed MB | ops mmc"
    " | ops peer | transposes mmc | transposes peer | error mmc | error peer | latency mmc / peer"
)
SUMMARY = (
    "peer | right, of | CPU ratio: median, most | fewer or as many operators"
    " | error: most mmc, most peer | latency: median, most"
)
HEAD = """# mmc and other converters, measured

Made by `python benchmarks/peers.py --peer NAME=PYTHON...`, then `--write`, from the rows in
benchmarks/rows/peers.jsonl, each measured in one run on one machine: trust the ratios, not the
seconds. What each column is: the head of `benchmarks/peers.py`; how each peer is called:
`benchmarks/converters.py`. A model is right where its error is at most 0.01. litert-torch and
coremltools convert torch modules: they get what onnx2torch makes of a model. The format of
coreai-onnx is one that nothing on Linux reads, and its seconds are mostly imports. What onnx2tf
makes of oskut computes something else; how much lower latencies could be: [heavy.md](heavy.md).
"""


@dataclass
class Side:
    """One compiler's figures on one model."""

    costs: list[Cost] = field(default_factory=list)
    operators: int = -1
    transposes: int = -1
    error: float = float("nan")

    def row(self) -> dict[str, Any]:
        """Return it with the medians of its costs, NaN where it failed."""
        seconds = [c.cpu_seconds for c in self.costs] or [float("nan")]
        peaks = [c.peak_bytes / 1e6 for c in self.costs] or [float("nan")]
        medians = {"cpu_seconds": statistics.median(seconds), "megabytes": statistics.median(peaks)}
        return medians | {k: v for k, v in asdict(self).items() if k != "costs"}


def mmc_words(source: Path, out: Path, peer: Converter) -> list[str]:
    """Return mmc's command for an artifact of the same kind."""
    flags = [f"--target={peer.target}", *peer.flags, "--no-verify", "--no-cache", "--quiet"]
    return [sys.executable, "-m", "mmc", "compile", str(source), *flags, "-o", str(out)]


def compare(name: str, peer: Converter, python: str, repeat: int, folder: Path) -> dict[str, Any]:
    """Compile one model by both, in turns, and return both sides' figures."""
    source, sample = fixed(str(large(folder)) if name == LARGE else name, folder)
    wanted = execute(REFERENCE, source, sample).outputs
    source = stored(source, folder / "plain")
    theirs = peer.made(source, folder / "peer")
    artifacts = [folder / f"mmc{theirs.suffix.replace('.aimodel', '.mlpackage')}", theirs]
    sides = (Side(), Side())
    variables = environment(python, folder.parent)
    for turn in range(repeat + 1):  # the first one writes bytecode, and does not count
        copy = folder / "copy" / source.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, copy)  # onnx2tf rewrites its input
        words = (mmc_words(source, artifacts[0], peer), peer.words(python, copy, folder / "peer"))
        for side, command, artifact in zip(sides, words, artifacts, strict=True):
            remove(artifact)
            cost = spend(command, folder / "log", variables)
            side.costs += [cost] if turn and cost and artifact.exists() else []
    for side, path in zip(sides, artifacts, strict=True):
        if side.costs:
            look(side, Artifact(path), sample, wanted)
    runs = all(math.isfinite(side.error) for side in sides)
    ratio = latency(artifacts) if runs and peer.target == "cpu" else float("nan")
    figures = {"mmc": sides[0].row(), "other": sides[1].row(), "latency": ratio}
    return {"bytes": source.stat().st_size, **figures}


def stored(path: Path, folder: Path) -> Path:
    """Write a copy whose Constant nodes are initializers, since onnx2coreml takes no others."""
    import onnx_ir as ir
    from onnx_ir.passes.common import LiftConstantsToInitializersPass

    model = ir.load(path)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    folder.mkdir()
    ir.save(model, folder / path.name)
    return folder / path.name


def look(
    side: Side, artifact: Artifact, sample: Mapping[str, Array], wanted: Mapping[str, Array]
) -> None:
    """Fill in what is known of an artifact."""
    if artifact.codes is not None:
        side.operators = len(artifact.codes)
        side.transposes = sum(code.lower() == "transpose" for code in artifact.codes)
    side.error = artifact.error(sample, wanted)


def remove(artifact: Path) -> None:
    """Remove a file or a folder, if it is there."""
    shutil.rmtree(artifact) if artifact.is_dir() else artifact.unlink(missing_ok=True)


def latency(artifacts: Sequence[Path]) -> float:
    """Return how many times the peer's CPU time ours takes; NaN where that is not known."""
    try:
        return paired(*artifacts).ratio
    except (RuntimeError, ValueError):
        return float("nan")


def measured(rows: Path, peers: Mapping[str, str], names: Sequence[str], repeat: int) -> None:
    """Add the rows that are not there yet."""
    known = {(row["peer"], row["model"]) for row in json_lines.read(rows)}
    for peer, python in peers.items():
        for name in (name for name in names if (peer, name) not in known):
            with tempfile.TemporaryDirectory() as folder:
                here = Path(folder) / "work"
                here.mkdir()
                found = compare(name, CONVERTERS[peer], python, repeat, here)
            json_lines.add(rows, {"peer": peer, "model": name, **found})
            print(f"{peer}: {line(peer, {'model': name, **found})}", flush=True)


def line(peer: str, row: Mapping[str, Any]) -> str:
    """Return one line of a peer's table."""
    sides = [row[side] for side in SIDES]
    cells = [row["model"], *(figure(s["cpu_seconds"], ".2f", "fails") for s in sides)]
    cells.append(figure(cpu_ratio(peer, row), ".2f"))
    cells += [figure(s["megabytes"], ".0f") for s in sides]
    cells.append(f"{(150e6 + 1.2 * row['bytes']) / 1e6:.0f}")
    for what in ("operators", "transposes"):
        cells += [str(s[what]) if s[what] >= 0 else "-" for s in sides]
    cells += [figure(s["error"], ".0e") for s in sides]
    return f"| {' | '.join([*cells, figure(row['latency'], '.2f')])} |"


def figure(value: float, form: str, missing: str = "-") -> str:
    """Return a number as a cell says it."""
    return missing if math.isnan(value) else format(value, form)


def cpu_ratio(peer: str, row: Mapping[str, Any]) -> float:
    """Return mmc's CPU seconds over the peer's, imports left out on both sides."""
    ours, theirs = (row[side]["cpu_seconds"] - CONVERTERS[peer].imports for side in SIDES)
    return max(ours, 0.0) / theirs if theirs > 0 else float("nan")


def summary(peer: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the line of a peer in the table of all."""
    right = [sum(r[side]["error"] <= RIGHT for r in rows) for side in SIDES]
    made = [r for r in rows if not math.isnan(r["other"]["cpu_seconds"])]
    counted = [r for r in made if r["other"]["operators"] >= 0]
    fewer = sum(r["mmc"]["operators"] <= r["other"]["operators"] for r in counted)
    cells = [
        peer,
        f"mmc {right[0]}, peer {right[1] if counted else '-'}, of {len(rows)}",
        two([cpu_ratio(peer, r) for r in made]),
        f"{fewer} of {len(counted)}" if counted else "-",
        ", ".join(most(lambda r, s=side: r[s]["error"], made) for side in SIDES),
        two([r["latency"] for r in made]),
    ]
    return f"| {' | '.join(cells)} |"


def most(value: Callable[[Mapping[str, Any]], float], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the largest of the values that are numbers."""
    known = [v for v in map(value, rows) if not math.isnan(v)]
    return f"{max(known):.0e}" if known else "-"


def two(values: Sequence[float]) -> str:
    """Return the median and the largest of the numbers among some."""
    known = [v for v in values if not math.isnan(v)]
    return f"{statistics.median(known):.2f}, {max(known):.2f}" if known else "-"


def page(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the page: the table of all peers, and one of each."""
    peers = {r["peer"]: [o for o in rows if o["peer"] == r["peer"]] for r in rows}
    yield from (HEAD, f"| {SUMMARY} |", "|---" * (SUMMARY.count("|") + 1) + "|")
    yield from (summary(peer, found) for peer, found in peers.items())
    for peer, found in peers.items():
        yield from ("", f"## {peer}", "", f"| {TITLES} |", "|---" * (TITLES.count("|") + 1) + "|")
        yield from (line(peer, row) for row in found)


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=[*(m.name for m in golden_models.models()), LARGE]
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each compiler")
    parser.add_argument("--rows", type=Path, default=ROWS, metavar="FILE")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} from the rows")
    args = parser.parse_args()
    peers = dict(given.split("=", 1) for given in args.peer)
    if unknown := set(peers) - set(CONVERTERS):
        parser.error(f"unknown peers {sorted(unknown)}; there are {sorted(CONVERTERS)}")
    measured(args.rows, peers, args.names, args.repeat)
    if args.write:
        PAGE.write_text("\n".join(page([*json_lines.read(args.rows)])) + "\n", "utf-8")


if __name__ == "__main__":
    main()
