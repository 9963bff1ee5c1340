"""What Qualcomm's compiler says of the golden models: `python benchmarks/hexagon.py [--write]`.

Every model is compiled in each form, the vendor asked for each architecture, and its answer held
against our own table, operator by operator. Needs the extra `hexagon`. `--write` puts the tables
into docs/hexagon.md; `--rows FILE` keeps each answer as it comes, and what is in it is not asked
again; `--known` writes the page of what is in it alone. Quantized forms are calibrated on the one
real sample of the golden model: that decides ranges, not what the NPU takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
import mmc
from benchmarks import json_lines
from benchmarks.floats import in_floats
from golden_models.manifest import FOLDER, find, models
from mmc.backends.targets import vendor
from mmc.backends.tflite.check import legality
from mmc.backends.tflite.program import Program
from mmc.backends.tflite.reader import read
from mmc.diagnostics import NOT_COMPILED, OFF_NPU, MmcError
from mmc.target import load_target

PAGE = Path(__file__).parent.parent / "docs" / "hexagon.md"
MARK = "<!-- made by benchmarks/hexagon.py -->"
FORMS = {
    "float": {},
    "w8a8": {"weights": "int8", "activations": "int8"},
    "w8a16": {"weights": "int8", "activations": "int16"},
    "w4a16": {"weights": "int4", "activations": "int16"},
    "w2a16": {"weights": "int2", "activations": "int16"},
}
ARCHITECTURES = ("v68", "v69", "v73", "v75", "v79", "v81")
FIRST = "v73"


@dataclass(frozen=True)
class Cell:
    """What one architecture's compiler says of one artifact, and how our table judged it.

    Attributes:
        refused: operators that our table takes and the vendor refuses.
        careful: operators that only our table refuses.
    """

    selected: int
    total: int
    partitions: int
    ended: str
    refused: tuple[str, ...] = ()
    careful: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is one compiled partition with every operator in it."""
        return (self.selected, self.partitions, self.ended) == (self.total, 1, "compiled")

    def text(self) -> str:
        """Return selected/total, the partitions if several, and how it ended if not compiled."""
        if not self.total:
            return self.ended
        more = f" in {self.partitions}" if self.partitions != 1 else ""
        failed = "" if self.ended == "compiled" else f", {self.ended}"
        return f"{self.selected}/{self.total}{more}{failed}"


@dataclass(frozen=True)
class Row:
    """One model in one form: the answers by architecture, or why there is no artifact."""

    name: str
    form: str
    cells: tuple[Cell, ...] = ()
    failure: str = ""

    def text(self) -> str:
        """Return a line of the table."""
        said = [c.text() for c in self.cells] or [self.failure, *[""] * (len(ARCHITECTURES) - 1)]
        return f"| {self.name} | {self.form} | {' | '.join(said)} |"


def compare(program: Program, given: vendor.Answer) -> Cell:
    """Return an answer with the operators about which our table says something else."""
    target = load_target(f"hexagon_{given.architecture}")
    host = load_target(target.fallback)
    theirs = {r.index: f"{r.op}: {r.reason}" for r in given.refusals}
    ours = {
        i: f"{op.code}: {found.why}"
        for i, op in enumerate(program.operators)
        for found in legality(program, op, target, host)
        if found.code in OFF_NPU and (found.code != NOT_COMPILED or given.compiled)
    }
    return Cell(
        given.selected,
        given.total,
        given.partitions,
        given.ended,
        tuple(why for i, why in theirs.items() if i not in ours),
        tuple(why for i, why in ours.items() if i not in theirs),
    )


def measure(name: str, form: str, folder: Path) -> Row:
    """Compile one model in one form and ask about it.

    One artifact serves every architecture that takes it whole; the others get one of their own.
    """
    artifact = folder / "model.tflite"
    try:
        build(name, form, FIRST, artifact)
    except MmcError as error:
        found = error.diagnostics[0]
        what = found.why.splitlines()[0] if found.why else found.what
        return Row(name, form, failure=f"{found.code}: {what}")
    program = read(artifact)
    given = {a: vendor.ask(artifact, a) for a in ARCHITECTURES}
    cells = {a: compare(program, answer) for a, answer in given.items()}
    for architecture, answer in given.items():
        if not cells[architecture].whole:
            tell(name, form, answer)
            if architecture != FIRST:
                cells[architecture] = own(name, form, architecture, artifact)
    return Row(name, form, tuple(cells.values()))


def own(name: str, form: str, architecture: str, artifact: Path) -> Cell:
    """Ask about an artifact that is compiled for this architecture."""
    try:
        build(name, form, architecture, artifact)
    except MmcError as error:
        return Cell(0, 0, 0, error.diagnostics[0].code)
    answer = vendor.ask(artifact, architecture)
    tell(name, form, answer)
    return compare(read(artifact), answer)


def build(name: str, form: str, architecture: str, artifact: Path) -> None:
    """Compile one model in one form for one architecture."""
    model, options, source = find(name), dict(FORMS[form]), golden_models.path(name)
    if options:
        source = artifact.with_name("floats.onnx")  # integer weights that arrived keep their width
        source.write_bytes(in_floats(golden_models.path(name)).SerializeToString())
        sample = np.load(FOLDER / model.sample)
        data = artifact.with_name("data.npz")
        np.savez(data, **{k: sample[k][None] for k in sample.files})
        options["calibration"] = str(data)
    mmc.compile(
        source,
        target=f"hexagon_{architecture}",
        output=artifact,
        input_shape=model.shapes,
        verify=False,
        **options,
    )


def tell(name: str, form: str, given: vendor.Answer) -> None:
    """Print what was refused."""
    said = [f"#{r.index} {r.op}: {r.reason}" for r in given.refusals]
    for line in [*said, *given.errors]:
        print(f"  {name} {form} {given.architecture} {line}", file=sys.stderr)


def page(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines below the mark."""
    yield MARK
    yield ""
    yield f"| model | form | {' | '.join(ARCHITECTURES)} |"
    yield "|---|---|" + "---|" * len(ARCHITECTURES)
    yield from (row.text() for row in rows)
    yield ""
    yield "| form | artifacts | one partition, 100 % on the NPU and compiled |"
    yield "|---|---|---|"
    yield from (line for form in FORMS for line in whole(form, rows))
    yield ""
    yield agreement([c for r in rows for c in r.cells if c.total])
    for form in FORMS:
        asked = {r.name for r in rows if r.form == form}
        if left := [m.name for m in models() if m.name not in asked]:
            yield ""
            yield f"Not asked in {form}: {', '.join(left)}."


def whole(form: str, rows: Sequence[Row]) -> Iterator[str]:
    """Yield how many artifacts of a form each architecture takes whole."""
    asked = [r for r in rows if r.form == form]
    made = [r for r in asked if r.cells]
    if asked:
        by = (sum(r.cells[i].whole for r in made) for i in range(len(ARCHITECTURES)))
        said = ", ".join(f"{a} {n}" for a, n in zip(ARCHITECTURES, by, strict=True))
        yield f"| {form} | {len(made)} of {len(asked)} | {said} |"


def agreement(cells: Sequence[Cell]) -> str:
    """Return how often our table says what the vendor says."""
    total = sum(c.total for c in cells)
    refused, careful = sum(len(c.refused) for c in cells), sum(len(c.careful) for c in cells)
    share = 100 * (1 - (refused + careful) / max(total, 1))
    failed = sum(c.ended != "compiled" for c in cells)
    return (
        f"Table and vendor agree on {share:.2f} % of {total} operators: {refused} that the table "
        f"takes are refused, {careful} that it refuses are taken. {failed} of {len(cells)} answers "
        "are selected and not compiled."
    )


def kept(path: Path | None) -> Iterator[Row]:
    """Yield the rows of a file of earlier ones."""
    for row in json_lines.read(path):
        yield Row(row["name"], row["form"], tuple(Cell(**c) for c in row["cells"]), row["failure"])


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="golden models (default: all)")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--rows", type=Path, metavar="FILE")
    parser.add_argument("--known", action="store_true", help="ask nothing that is not in --rows")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    names = args.names or [m.name for m in models()]
    known = {(r.name, r.form): r for r in kept(args.rows)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, form in ((n, f) for n in names for f in args.forms.split(",")):
            if args.known and (name, form) not in known:
                continue
            row = known.get((name, form)) or measure(name, form, Path(folder))
            rows.append(row)
            print(row.text(), flush=True)
            if (name, form) not in known:
                json_lines.add(args.rows, asdict(row))
    if args.write:
        head = PAGE.read_text().split(MARK)[0]
        PAGE.write_text(head + "\n".join(page(rows)) + "\n")
    print(*list(page(rows))[-20:], sep="\n")


if __name__ == "__main__":
    main()
