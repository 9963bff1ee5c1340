"""What `mmc opt` recognises and what is left: `python benchmarks/recognition.py [MODEL...]`.

A MODEL is a golden model's name or an ONNX file with fixed shapes; without any, all golden models
are optimized. `made / left` counts operators of the result, and decompositions that are still in
it: erf and tanh gates, roots of mean squares, turned halves or pairs, softmax between two products.
`wide` counts attentions whose queries, keys and values share an input, by how many of them are fed
by one projection. What counts as left is decided here, from the saved file alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import onnx
from onnx import NodeProto
from optimizers import fixed

sys.path.insert(0, str(Path(__file__).parent.parent))
import golden_models
from mmc.optimizer import optimize

NORMS = ("LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization")
ARITHMETIC = frozenset("Add Sub Mul Div Neg Clip Relu Max Min Abs Pow Cast Where Identity".split())
MOVES = frozenset("Reshape Transpose Expand Split Slice Concat Unsqueeze Squeeze Gather".split())
BETWEEN = ARITHMETIC | MOVES | {"RotaryEmbedding", *NORMS}
MEANS = ("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "GlobalAveragePool")
PRODUCTS = ("MatMul", "Gemm", "Einsum")


class Graph:
    """A saved graph with its makers and users by value."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path, load_external_data=False).graph
        self.nodes = list(graph.node)
        self.constants = {t.name for t in graph.initializer}
        self.constants |= {n.output[0] for n in self.nodes if n.op_type == "Constant"}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.users: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def count(self, *kinds: str) -> int:
        """Count nodes of these kinds."""
        return sum(node.op_type in kinds for node in self.nodes)

    def above(self, name: str, through: frozenset[str], seen: set[str]) -> Iterator[NodeProto]:
        """Yield the nodes above a value, reached through operators of some kinds."""
        made = self.makers.get(name)
        if made is None or name in seen:
            return
        seen.update(made.output)
        yield made
        if made.op_type in through:
            for operand in made.input:
                yield from self.above(operand, through, seen)

    def below(self, node: NodeProto, through: frozenset[str]) -> Iterator[NodeProto]:
        """Yield the nodes below a node, reached through operators of some kinds."""
        for user in (u for name in node.output for u in self.users.get(name, ())):
            yield user
            if user.op_type in through:
                yield from self.below(user, through)

    def computed(self, node: NodeProto) -> bool:
        """Say whether a product has two computed operands."""
        return node.op_type in PRODUCTS and not self.constants & set(node.input[:2])


def gates(g: Graph) -> int:
    """Count erf, and tanh of something cubic."""
    found = g.count("Erf")
    for node in (n for n in g.nodes if n.op_type == "Tanh"):
        inside = list(g.above(node.input[0], ARITHMETIC, set()))
        products = sum(n.op_type in ("Mul", "Pow") for n in inside)
        found += products >= 2 and any(n.op_type == "Add" for n in g.below(node, frozenset()))
    return found


def roots(g: Graph) -> int:
    """Count the roots of means of squares."""
    found = 0
    for node in g.nodes:
        if node.op_type in ("Sqrt", "Pow") and node.input[0] not in g.constants:
            above = g.above(node.input[0], ARITHMETIC - {"Pow"}, set())
            means = [n for n in above if n.op_type in MEANS[:3] or n.op_type == MEANS[-1]]
            found += any(
                g.makers[n.input[0]].op_type in ("Mul", "Pow")
                for n in means
                if n.input[0] in g.makers
            ) and scales(g, node)
    return found


def scales(g: Graph, node: NodeProto) -> bool:
    """Say whether something is divided by a root, or multiplied by its reciprocal."""
    users = {n.op_type for n in g.below(node, frozenset({"Reciprocal", "Expand", "Unsqueeze"}))}
    return bool(users & {"Div", "Mul", "Reciprocal"})


def turns(g: Graph) -> int:
    """Count the places where a negated part is put next to another part."""
    found = 0
    for node in (n for n in g.nodes if n.op_type == "Neg"):
        parts = frozenset({"Reshape", "Unsqueeze", "Squeeze"})
        sources = {n.op_type for n in g.above(node.input[0], parts, set())}
        found += bool(sources & {"Slice", "Split", "Gather"}) and any(
            n.op_type == "Concat" for n in g.below(node, parts)
        )
    return found


def softmaxes(g: Graph) -> int:
    """Count softmaxes between two products of computed operands."""
    found = 0
    for node in (n for n in g.nodes if n.op_type == "Softmax"):
        before = any(map(g.computed, g.above(node.input[0], BETWEEN, set())))
        found += before and any(map(g.computed, g.below(node, BETWEEN)))
    return found


def wide(g: Graph) -> tuple[int, int]:
    """Return how many attentions have one projection, and how many have one input."""
    one = shared = 0
    for node in (n for n in g.nodes if n.op_type == "Attention"):
        sources = [projections(g, name) for name in node.input[:3]]
        if all(len(found) == 1 for found in sources):
            nodes = {id(n): n for found in sources for n in found}
            shared += len({n.input[0] for n in nodes.values()}) == 1
            one += len(nodes) == 1
    return one, shared


def projections(g: Graph, name: str) -> list[NodeProto]:
    """Return the products by a weight that a value is made of."""
    return [n for n in g.above(name, BETWEEN, set()) if n.op_type in ("MatMul", "Gemm")]


COLUMNS: dict[str, tuple[Callable[[Graph], int], tuple[str, ...]]] = {
    "Gelu": (gates, ("Gelu",)),
    "norms": (roots, NORMS),
    "rotary": (turns, ("RotaryEmbedding",)),
    "attention": (softmaxes, ("Attention",)),
}


def cells(name: str, folder: Path) -> Iterator[str]:
    """Yield the cells of one model's row."""
    source = Path(name) if name.endswith(".onnx") else fixed(name, folder)[0]
    result = folder / f"{source.stem}.mmc.onnx"
    optimize(source, result)
    before, after = Graph(source), Graph(result)
    yield source.stem
    for left, kinds in COLUMNS.values():
        made, rest = after.count(*kinds), left(after)
        yield f"{made} / {rest}" if made or rest or left(before) else ""
    one, shared = wide(after)
    yield f"{one} of {shared}" if shared else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    args = parser.parse_args(arguments)
    titles = ["made / left", *COLUMNS, "wide"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models or [m.name for m in golden_models.models()]:
            print(f"| {' | '.join(cells(name, Path(folder)))} |", flush=True)


if __name__ == "__main__":
    main()
