"""What scheduling saves and takes: docs/memory.md.

    python benchmarks/schedule.py [--target T] [--write FILE] [NAME...]

Golden models are compiled, and the arena that LiteRT's interpreter lays out (two threads, no
delegate) is read from the addresses of the tensors in the artifact. Generated graphs show branching
architectures, and how the time grows.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
import mmc
from mmc.backends.tflite.arena import addresses
from mmc.backends.tflite.memory import nbytes
from mmc.backends.tflite.reader import read
from mmc.schedule import Graph, Op, Schedule, schedule


@dataclass
class Maker:
    """Writes down operators, one result each; tensor 0 is the input."""

    sizes: list[int] = field(default_factory=lambda: [3 * 64])
    ops: list[Op] = field(default_factory=list)

    def __call__(self, size: int, *inputs: int, in_place: bool = False) -> int:
        """Add an operator; return its result."""
        self.ops.append(Op(inputs, (len(self.sizes),), inputs if in_place else ()))
        self.sizes.append(size)
        return len(self.sizes) - 1

    def graph(self, output: int) -> Graph:
        """Return what was written down."""
        return Graph(self.sizes, self.ops, (0,), (output,))


def inception(modules: int) -> Graph:
    """Four branches a module, written side by side, level by level."""
    make, x = Maker(), 0
    for _ in range(modules):
        reduced = [make(64, x) for _ in range(4)]
        wide = [make(size, r) for size, r in zip((512, 256, 128, 64), reduced, strict=True)]
        narrow = [make(32, w) for w in wide]
        x = make(128, *narrow)
    return make.graph(x)


def densenet(layers: int) -> Graph:
    """Every layer reads all before it in its block of 12."""
    make, x = Maker(), 0
    for _ in range(layers // 12):
        known = [x]
        for _ in range(12):
            known.append(make(16, make(64, make(16 * len(known), *known))))
        x = make(32, *known)
    return make.graph(x)


def nasnet(cells: int) -> Graph:
    """Cells of five pairs of operators that read the last two cells (NASNet-A, normal cell)."""
    make = Maker()
    before = last = make(128, 0)
    for _ in range(cells):
        h, p = make(64, last), make(64, before)
        pairs = [(h, h), (p, h), (h, p), (p, p), (p, h)]
        halves = [[make(64, make(128, side)) for side in pair] for pair in pairs]
        sums = [make(64, *half, in_place=True) for half in halves]
        before, last = last, make(64 * 5, *sums)
    return make.graph(last)


def randomly_wired(nodes: int) -> Graph:
    """Stages of 32 nodes that read two of the last eight (after Xie et al., ICCV 2019)."""
    make, draw, x = Maker(), random.Random(0), 0
    for _ in range(nodes // 32):
        stage = [x]
        for _ in range(32):
            read = {draw.choice(stage[-8:]), draw.choice(stage[-8:])}
            stage.append(make(draw.choice([32, 64, 128]), *sorted(read)))
        x = make(64, *stage[1:])
    return make.graph(x)


def residual(blocks: int) -> Graph:
    """A chain of blocks with a shortcut each."""
    make, x = Maker(), 0
    for _ in range(blocks):
        x = make(64, make(64, make(128, make(64, x))), x, in_place=True)
    return make.graph(x)


FAMILIES: dict[str, tuple[Callable[[int], Graph], int]] = {
    "inception": (inception, 13),
    "densenet": (densenet, 4),
    "nasnet": (nasnet, 27),
    "randomly wired": (randomly_wired, 1),
    "residual": (residual, 4),
}
"""Name -> generator, and the operators that one of its units makes."""


def figures(found: Schedule) -> str:
    """Return the cells of one plan, in bytes."""
    before, after = found.before, found.after
    peaks = f"{before.peak_bytes:,} | {after.peak_bytes:,} | {after.lower_bound:,}"
    ratio = after.peak_bytes / before.peak_bytes
    shared = f"{after.in_place} + {after.aliases}"
    return f"{peaks} | {ratio:.3f} | {before.arena_bytes:,} | {after.arena_bytes:,} | {shared}"


def golden(name: str, target: str, folder: Path) -> str:
    """Return the row of one golden model."""
    model, artifact = golden_models.find(name), folder / "m.tflite"
    result = mmc.compile(
        golden_models.path(name),
        target=target,
        output=artifact,
        input_shape=model.shapes,
        verify=False,
    )
    assert result.memory is not None
    program = read(artifact)
    found = addresses(program, artifact, threads=2)
    arena = max(start + nbytes(program.tensors[index]) for index, start in found.items())
    seconds = next(s.cpu_seconds for s in result.stages if s.name == "schedule")
    difference = 100 * (result.memory.after.arena_bytes / arena - 1)
    count = len(program.operators)
    compared = f"{arena:,} | {difference:+.1f} %"
    return f"| {name} | {count} | {figures(result.memory)} | {compared} | {seconds:.2f} |"


def generated() -> Iterator[str]:
    """Yield a row a family and size."""
    for size in (100, 1000, 10_000):
        for name, (make, ops) in FAMILIES.items():
            graph = make(size // ops)
            start = time.process_time()
            found = schedule(graph)
            seconds = time.process_time() - start
            yield f"| {name} | {len(graph.ops)} | {figures(found)} | {seconds:.2f} |"


TITLES = "peak before | peak | lower bound | ratio | arena before | arena | in place + views"


def document(target: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Memory of activations\n"
    yield f"Made by `python benchmarks/schedule.py --target {target} --write docs/memory.md`."
    yield "Bytes; `before` is the order of the model, the others that of the artifact. No order has"
    yield "a peak below the lower bound: where the two are equal, the order is optimal. Seconds are"
    yield "of CPU.\n"
    yield "LiteRT's arena is read from the addresses of the tensors, with two threads and without a"
    yield "delegate. Scratch of kernels is not counted, but it lies among the tensors: with one"
    yield "thread, or windows of one row, convolutions also unfold their input there, which can be"
    yield "many times the activations. 38,400 bytes lie so between the tensors of attacut; without"
    yield "them its arena is the planned one.\n"
    yield "## Golden models\n"
    yield f"| model | operators | {TITLES} | LiteRT's arena | difference | s |"
    yield "|---|" + "---:|" * 11
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            yield golden(name, target, Path(folder))
    yield "\n## Generated graphs\n"
    yield f"| graph | operators | {TITLES} | s |"
    yield "|---|" + "---:|" * 9
    yield from generated()


def main() -> None:
    """Print the page, and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all golden models")
    parser.add_argument("--target", default="hexagon_v73")
    parser.add_argument("--write", type=Path, help="the Markdown file to write")
    args = parser.parse_args()
    lines = []
    for line in document(args.target, args.names or [m.name for m in golden_models.models()]):
        print(line, flush=True)
        lines.append(line)
    if args.write:
        args.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
