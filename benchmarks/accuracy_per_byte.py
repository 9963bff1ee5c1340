"""How accurate models are at how many bytes: `python benchmarks/accuracy_per_byte.py --lines DIR`.

Every row is compiled, and its artifact runs over the labelled samples of its task (tasks.py). The
difference to the original, on the same samples, has a paired bootstrap interval of 95 %, and its
worse end is held against what is wanted. Rows go to --results as they are made, and are not made
again; `--write` measures nothing, and puts the rows there are into docs/accuracy_per_byte.md.
Without `--lines` (300 pictures of text lines with labels.json) the recognizer is left out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import json_lines
from questions import PARTS, exact_answers, parts_of
from tasks import TASKS, Feeds, Task

import mmc
from mmc.dataset import read_samples
from mmc.evaluation import outputs_of, stacked
from mmc.metrics import bootstrap
from mmc.result import CompileResult
from mmc.values import Array
from mmc.verification.trial import Subject

DOCS = Path(__file__).parent.parent / "docs" / "accuracy_per_byte.md"
EMBEDDED = '[[rule]]\nrole = "embedding"\nweights = "int4"\n'
WINDOWS = ("first", "depthwise", "gate", "small")
RECIPES = {
    "int2, embedding int4": 'weights = "int2"\n' + EMBEDDED,
    "int4 also for the head": "".join(
        ['weights = "int4"\n']
        + [f'[[rule]]\nrole = "{role}"\nweights = "int8"\n' for role in WINDOWS]
    ),
    "int4, embedding int4": 'weights = "int4"\n' + EMBEDDED,
}


@dataclass(frozen=True)
class Row:
    """One line of the table: what is compiled, and what is wanted of it.

    Args:
        weights: a preset, or a name in RECIPES.
        megabytes: codes and scales, at most; 0: any number.
        limit: of the worse end, as `kind` says: "loses" (points of the original's figure, where 1
            is 100 of them), "keeps" (part of it), "is above" or "is below" (the figure itself).
    """

    task: str
    target: str
    weights: str
    activations: str
    megabytes: float
    kind: str
    limit: float


@dataclass(frozen=True)
class Found:
    """What became of a row. `low` and `high` are the ends of what is judged."""

    row: Row
    original: float
    artifact: float
    low: float
    high: float
    bytes: int
    file_bytes: int
    more: Mapping[str, float]

    @property
    def met(self) -> bool:
        """Whether the worse end, and the bytes, are as wanted."""
        small = not self.row.megabytes or self.bytes <= self.row.megabytes * 1e6
        worse = {
            "loses": self.high <= self.row.limit,
            "is below": self.high <= self.row.limit,
            "keeps": self.low >= self.row.limit,
            "is above": self.low >= self.row.limit,
        }
        return small and worse[self.row.kind]


def rows() -> Iterator[Row]:
    """Yield what is wanted."""
    for target in ("cpu", "ane_ios18"):
        yield Row("minilm_l6", target, "int8", "float", 22.8, "loses", 0.005)
        yield Row("minilm_l6", target, "int4, embedding int4", "float", 11.6, "loses", 0.01)
        yield Row("minilm_l6", target, "int2, embedding int4", "float", 8.8, "keeps", 0.93)
    yield Row("minilm_l6", "hexagon_v73", "int4, embedding int4", "int16", 17.2, "loses", 0.01)
    yield Row("minilm_l6", "hexagon_v73", "int2, embedding int4", "int16", 14.2, "keeps", 0.93)
    yield Row("efficientnet_lite0", "cpu", "int8", "float", 4.75, "is below", 0.01)
    yield Row("efficientnet_lite0", "hexagon_v73", "int8", "int16", 4.75, "is below", 0.01)
    yield Row("efficientnet_lite0", "ane_ios18", "int8", "float", 4.75, "is below", 0.01)
    low = "int4 also for the head"
    yield Row("efficientnet_lite0", "cpu", low, "float", 3.1, "is below", 0.13)
    yield Row("efficientnet_lite0", "ane_ios18", low, "float", 3.1, "is below", 0.13)
    yield Row("efficientnet_lite0", "ane_ios18", "table4", "float", 2.9, "is below", 0.10)
    yield Row("ppocr_rec", "cpu", low, "float", 1.6, "is above", 0.98)
    yield Row("ppocr_rec", "ane_ios18", low, "float", 1.6, "is above", 0.98)
    yield Row("ppocr_rec", "ane_ios18", "table4", "float", 1.6, "is above", 0.985)
    widths = {"int8": 0.01, "int4": 0.02, "int2-experimental": 0.05}
    for target in ("cpu", "hexagon_v73", "ane_ios18"):
        kind = "int16" if target == "hexagon_v73" else "float"
        for name, limit in widths.items():
            yield Row("digits_vqa", target, name, kind, 0, "loses", limit)


@dataclass(eq=False)
class Bench:
    """The folder of models, data and artifacts."""

    folder: Path
    lines: Path | None

    @cache  # noqa: B019 - one bench a process
    def task(self, name: str) -> Task:
        """Return a task of one model."""
        return TASKS[name](self.folder, self.lines or Path("lines"))

    def measure(self, row: Row) -> Found:
        """Compile and judge one row."""
        if row.task == "digits_vqa":
            return self.answers(row)
        task = self.task(row.task)
        result = self.compiled(row, task.model, task.shapes, task.calibration)
        samples = list(read_samples(str(task.evaluation), task.shapes, 1000))
        labels = stacked([given for _, given in samples]) if samples[0][1] else {}
        subject = Subject(result.artifact, task.model, task.model, rounding=rounding(row.target))
        before = self.originals(row.task, subject, samples)
        after = outputs_of(subject, samples, original=False)
        scores = [task.score(outputs, before, labels) for outputs in (before, after)]
        figures = judged(row.kind, scores[0], scores[1], task.total)
        more = {"agreement": float(scores[1][:, 1].mean())} if row.kind == "is below" else {}
        return found(row, [result], figures, more)

    def originals(self, name: str, subject: Subject, samples: Sequence[Any]) -> Feeds:
        """Return the outputs of the original, which are kept."""
        from mmc.files import read_npz, write_npz

        file = self.folder / f"{name}.originals.npz"
        if not file.exists():
            write_npz(file, outputs_of(subject, samples, original=True))
        return read_npz(file)

    def answers(self, row: Row) -> Found:
        """Compile the three parts, and let them answer questions one after the other."""
        parts, before = parts_of(self.folder)
        made = {p: self.compiled(row, t.model, t.shapes, t.calibration) for p, t in parts.items()}
        after = exact_answers({p: made[p].artifact for p in PARTS}, rounding(row.target))
        figures = judged(row.kind, before, after, lambda right: float(right.mean()))
        return found(row, [*made.values()], figures, {})

    def compiled(
        self, row: Row, model: Path, shapes: Mapping[str, tuple[int, ...]], calibration: Path
    ) -> CompileResult:
        """Compile one model; nothing is verified, as everything is measured."""
        recipe: Path | str = row.weights
        if row.weights in RECIPES:
            recipe = self.folder / "recipe.toml"
            recipe.write_text(RECIPES[row.weights])
        suffix = "mlpackage" if row.target.startswith("ane") else "tflite"
        return mmc.compile(
            model,
            target=row.target,
            output=self.folder / f"{model.stem}.{suffix}",
            input_shape=shapes,
            recipe=recipe,
            activations=row.activations,
            calibration=calibration,
            verify=False,
        )


def rounding(target: str) -> str:
    """Return the precision that a run emulates."""
    return "float16" if target.startswith("ane") else ""


def judged(
    kind: str, before: Array, after: Array, total: Callable[[Array], float]
) -> tuple[float, float, float, float]:
    """Return the original's and the artifact's figure, and the ends of what `kind` judges."""

    def value(places: Array) -> float:
        old, new = total(before[places]), total(after[places])
        if kind == "keeps":
            return new / old
        return old - new if kind == "loses" else new

    low, high = bootstrap(value, len(before), 1000)
    return total(before), total(after), low, high


def found(
    row: Row,
    results: Sequence[CompileResult],
    figures: tuple[float, float, float, float],
    more: Mapping[str, float],
) -> Found:
    """Return what became of a row, with the bytes of its artifacts."""
    weights = sum(w.bytes for result in results for w in result.weights)
    return Found(row, *figures, weights, sum(r.bytes for r in results), more)


def text_of(one: Found) -> str:
    """Return a line of the table."""
    row = one.row
    wanted = f"{row.kind} {row.limit:g}" + (f", {row.megabytes:g} MB" if row.megabytes else "")
    more = "".join(f", {name} {value:.3f}" for name, value in one.more.items())
    cells = (
        row.task,
        row.target,
        row.weights if row.activations == "float" else f"{row.weights}; {row.activations}",
        f"{one.bytes / 1e6:.2f}",
        f"{one.file_bytes / 1e6:.2f}",
        f"{one.original:.4f}",
        f"{one.artifact:.4f}{more}",
        f"{one.low:.4f} to {one.high:.4f}",
        wanted,
        "yes" if one.met else "**no**",
    )
    return f"| {' | '.join(cells)} |"


HEAD = """# Accuracy per byte

Made by `python benchmarks/accuracy_per_byte.py --lines DIR`, then `--write`; rows are judged by
the worse end of their 95 % interval (paired bootstrap over samples, original and artifact on the
same draws). Figures: `minilm_l6` Spearman's correlation with people on WordSim-353 and 647 pairs
of SimLex-999 (mean of both); `efficientnet_lite0` KL in nats against the original, on 320 crops
of pictures that calibration has not seen; `ppocr_rec` right characters on 300 rendered lines
(without spaces); `digits_vqa` exact answers to 500 questions, three artifacts one after the
other. The interval is of what is judged: points lost, part kept, or the figure. MB are codes and
scales, file MB the artifact.

"""
COLUMNS = (
    "model",
    "target",
    "weights; activations",
    "MB",
    "file MB",
    "original",
    "artifact",
    "95 %",
    "wanted",
    "met",
)


def read_results(file: Path) -> list[Found]:
    """Return the rows that were made before."""
    return [Found(**{**one, "row": Row(**one["row"])}) for one in json_lines.read(file)]


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="default: all")
    parser.add_argument("--target", nargs="*", default=[])
    parser.add_argument("--weights", nargs="*", default=[])
    parser.add_argument("--lines", type=Path, metavar="DIR")
    parser.add_argument("--results", type=Path, default=Path("accuracy_per_byte.jsonl"))
    parser.add_argument("--write", action="store_true", help=f"only write {DOCS.name}")
    args = parser.parse_args()
    done = read_results(args.results)
    asked = [r for r in rows() if args.lines or r.task != "ppocr_rec"]
    for name, given in (("task", args.tasks), ("target", args.target), ("weights", args.weights)):
        asked = [r for r in asked if not given or getattr(r, name) in given]
    asked = [] if args.write else asked
    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        bench = Bench(Path(folder), args.lines)
        for row in asked:
            if row in [one.row for one in done]:
                continue
            done.append(bench.measure(row))
            json_lines.add(args.results, asdict(done[-1]))
            print(text_of(done[-1]), flush=True)
    order = list(rows())
    known = sorted((d for d in done if d.row in order), key=lambda d: order.index(d.row))
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS), *map(text_of, known)]
    print("\n".join(table))
    if args.write:
        notes = DOCS.read_text().partition("\n## ") if DOCS.exists() else ("", "", "")
        DOCS.write_text(HEAD + "\n".join(table) + "\n" + notes[1] + notes[2])


if __name__ == "__main__":
    main()
