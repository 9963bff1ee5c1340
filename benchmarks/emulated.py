"""Does the NPU decide as the CPU does? `python benchmarks/emulated.py --lines DIR [--write]`.

Integer artifacts of models with labelled data run on LiteRT's kernels and on Qualcomm's emulator of
the Hexagon (extra `hexagon`). A decision is where an output row is largest: an answer's word, a
class, a character of a text line. Where fewer than 99 % are the same, the processor's kernels are
held against each other too: LiteRT has three sets, XNNPACK's, its own, and the reference.

`--lines` is a folder as for benchmarks/tasks.py, without which text lines are left out. `--rows
FILE` keeps each line as it comes, and what is in it is not measured again; `--write` puts the table
of all into docs/hexagon.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models as golden
import mmc
from benchmarks import json_lines
from benchmarks.emulated_data import NEEDS_LINES, PICTURES, Data, Feeds
from benchmarks.emulated_texts import TEXTS
from benchmarks.questions import runs
from mmc.backends.tflite.emulator import emulate, to_compiled
from mmc.files import write_npz
from mmc.values import Array

PAGE = Path(__file__).parent.parent / "docs" / "hexagon.md"
BEGIN, END = "<!-- made by benchmarks/emulated.py -->", "<!-- end of emulated.py -->"
MODELS = PICTURES | TEXTS
FORMS = {"w8a8": "int8", "w8a16": "int16"}
TOGETHER = 2
BOUND = 99.0
"""The share of equal decisions, in percent, below which the page names a row."""


@dataclass(frozen=True)
class Row:
    """Shares of equal decisions in percent: of each pair, then of each with the labels if any."""

    name: str
    form: str
    architecture: str
    samples: int
    decisions: int
    shares: tuple[float, ...]
    kernels: float | None = None
    """The share that the processor's own kernels decide alike, where the NPU is below BOUND."""

    def text(self) -> str:
        """Return a line of the table."""
        cells = [self.name, self.form, str(self.samples), str(self.decisions)]
        cells += [f"{share:.1f} %" for share in self.shares]
        cells += [""] * (10 - len(cells))
        own = "" if self.kernels is None else f"{self.kernels:.1f} %"
        return f"| {' | '.join([*cells[:5], own, *cells[5:]])} |"


def measure(name: str, form: str, architecture: str, data: Data, folder: Path) -> Row:
    """Compile one model in one form and compare what decides."""
    write_npz(file := folder / "calibration.npz", data.calibration)
    result = mmc.compile(
        golden.path(name),
        target=f"hexagon_{architecture}",
        output=folder / "model.tflite",
        input_shape={k: v.shape[1:] for k, v in data.calibration.items()},
        weights="int8",
        activations=FORMS[form],
        calibration=str(file),
        verify=False,
    )
    count = len(next(iter(data.judged.values())))
    original = data.decide(runs(golden.path(name), data.judged, ""))
    host = data.decide(runs(result.artifact, data.judged, ""))
    npu = data.decide(emulated(result.artifact, data.judged, architecture, folder))
    shares = [percent(npu == host), percent(host == original), percent(npu == original)]
    if data.labels is not None:
        known = data.labels >= 0
        shares += [percent((made == data.labels)[known]) for made in (original, host, npu)]
    near = shares[0] >= BOUND
    alike = None if near else least_alike(data, own_kernels(result.artifact, data.judged))
    return Row(name, form, architecture, count, host.size, tuple(shares), alike)


def emulated(artifact: Path, feeds: Feeds, architecture: str, folder: Path) -> Feeds:
    """Return the emulator's outputs; a few samples a process, as each has a time limit."""
    compiled, count = to_compiled(artifact, architecture, folder), len(next(iter(feeds.values())))
    parts = (
        emulate(
            compiled, {k: v[i : i + TOGETHER] for k, v in feeds.items()}, architecture, stacked=True
        )
        for i in range(0, count, TOGETHER)
    )
    made = [part.outputs for part in parts]
    return {name: np.concatenate([some[name] for some in made]) for name in made[0]}


def own_kernels(artifact: Path, feeds: Feeds) -> Iterator[Feeds]:
    """Yield the outputs of each set of kernels that LiteRT has for a processor."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = OpResolverType
    for kind in (kinds.BUILTIN, kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES, kinds.BUILTIN_REF):
        interpreter = Interpreter(str(artifact), experimental_op_resolver_type=kind, num_threads=1)
        runner = interpreter.get_signature_runner()
        types = {name: told["dtype"] for name, told in runner.get_input_details().items()}
        count = len(next(iter(feeds.values())))
        made = [runner(**{k: feeds[k][i].astype(types[k]) for k in types}) for i in range(count)]
        yield {name: np.stack([some[name] for some in made]) for name in made[0]}


def least_alike(data: Data, outputs: Iterator[Feeds]) -> float:
    """Return the share of equal decisions of the two that differ most, in percent."""
    decided = [data.decide(some) for some in outputs]
    return min(percent(a == b) for a, b in combinations(decided, 2))


def percent(right: Array) -> float:
    """Return the share of what is true."""
    return float(100 * right.mean())


def page(rows: Sequence[Row], architecture: str) -> Iterator[str]:
    """Yield the lines of the table, and what it does not hold."""
    yield f"On `hexagon_{architecture}`; CPU is LiteRT's kernels, NPU the emulator.\n"
    columns = ("model", "form", "samples", "decisions", "NPU = CPU", "CPU = CPU")
    columns += ("CPU = original", "NPU = original", "original right", "CPU right", "NPU right")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    yield from (row.text() for row in rows)
    near = sum(row.shares[0] >= BOUND for row in rows)
    yield f"\nNPU and CPU decide alike in {BOUND:g} % or more of {near} of {len(rows)} rows."
    measured = {(row.name, row.form) for row in rows}
    open_ = {m: [f for f in FORMS if (m, f) not in measured] for m in MODELS}
    if left := [f"{m} {' and '.join(forms)}" for m, forms in open_.items() if forms]:
        yield f"Not measured: {', '.join(left)}."


def kept(path: Path | None) -> Iterator[Row]:
    """Yield the rows of a file of earlier ones."""
    for row in json_lines.read(path):
        yield Row(**row | {"shares": tuple(row["shares"])})


def more(args: argparse.Namespace, known: Collection[tuple[str, str]]) -> Iterator[Row]:
    """Yield the rows that are asked for and not known."""
    for name in args.names or [n for n in MODELS if args.lines or n not in NEEDS_LINES]:
        if forms := [f for f in args.forms.split(",") if (name, f) not in known]:
            data = MODELS[name](args.samples, args.lines)
            for form in forms:
                with tempfile.TemporaryDirectory() as folder:
                    yield measure(name, form, args.architecture, data, Path(folder))


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--lines", type=Path, metavar="DIR", help="labelled pictures of text lines")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--architecture", default="v73")
    parser.add_argument("--rows", type=Path, metavar="FILE")
    parser.add_argument(
        "--known", action="store_true", help="measure nothing that is not in --rows"
    )
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    known = {(r.name, r.form): r for r in kept(args.rows) if r.architecture == args.architecture}
    for row in () if args.known else more(args, known):
        known[row.name, row.form] = row
        print(row.text(), flush=True)
        json_lines.add(args.rows, asdict(row))
    rows = [known[n, f] for n in MODELS for f in FORMS if (n, f) in known]
    if args.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        text = "\n".join(page(rows, args.architecture))
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
