"""Integer kernels on the scales that a model brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mmc.builder import derived, initializer
from mmc.integers.activation_scales import Scales, activations
from mmc.integers.biases import fit_bias
from mmc.integers.calibration import Data, calibrate
from mmc.integers.delicate import MATRICES
from mmc.integers.eligible import takes_integers
from mmc.integers.factors import too_large
from mmc.integers.grids import affine_of, grids_of, read_on, rounded_to
from mmc.integers.integer_ops import FIXED, INTEGER, JOINED, SAME, SLOW, layer_of
from mmc.integers.integer_ranges import Needed
from mmc.integers.kept_float import NO_GRID, NO_KERNEL, OWN_FLOATS, SLOWER, STEEP, tell_floats
from mmc.integers.layers import base_of
from mmc.ir import Graph, Model, Node, Value, constant, sources
from mmc.options import CompileOptions
from mmc.pass_manager import Contract, Pass
from mmc.passes.quantize_activations import (
    pair,
    parameters,
    quantize_constants,
)
from mmc.passes.spread_grids import SpreadGrids, put_behind
from mmc.pattern import substitute
from mmc.quant.ranges import Affine, affine, min_max
from mmc.quant.recovery import recover
from mmc.values import OPEN_GRIDS


@dataclass(frozen=True)
class AdoptGrids(Pass):
    """round(f(round(x)))  ->  dequantize(quantize(f(dequantize(quantize(x))))), and f is on codes.

    Operators between two grids that have an integer kernel compute on the model's own codes; all
    others on floats between DequantizeLinear and QuantizeLinear. Results that the model does not
    round get a scale from data, where there is some.
    """

    name = "adopt-grids"
    contract = Contract.LOSSY
    budget_db = 15.0
    calibration: str = ""
    samples: int = 1000
    quick: bool = False
    """Let stay float what floats compute faster: not for NPUs."""

    @classmethod
    def chosen_by(cls, options: CompileOptions) -> AdoptGrids:
        """Return the pass as the options ask for."""
        return cls(options.calibration, options.calibration_samples)

    def run(self, model: Model) -> int:
        """Return the number of grids that became codes."""
        graph = model.graph
        if not grids_of(graph):
            return 0
        open_ = [n for n in graph if lacks_grid(n)]
        if open_ and self.calibration:
            self.measure(model, open_)
            SpreadGrids().run(model)
            open_ = []
        model.metadata_props[OPEN_GRIDS] = str(len(open_))
        slow = {n for n in graph if self.quick and base_of(n)[1] in SLOW}
        nodes = [n for n in graph if n not in slow and is_integer(n)]
        own = {n for n in graph if not bits_of(n)}
        steep = {n for n in graph if is_steep(n)}
        nodes = [n for n in nodes if n not in steep]
        others = {OWN_FLOATS: own, STEEP: steep, NO_KERNEL: {*graph}}
        tell_floats(graph, nodes, {SLOWER: slow, NO_GRID: {*open_}, **others})
        store_operands(graph, nodes)
        for node in nodes:
            node.metadata_props[INTEGER] = str(bits_of(node))
        grids = grids_of(graph)
        for node in grids:
            to_codes(graph, node)
        return len(grids)

    def measure(self, model: Model, nodes: Iterable[Node]) -> None:
        """Give results that have no grid the one of the values that are seen in the data."""
        values = [(v, bits_of(n)) for n in nodes for v in n.outputs]
        names = [v.name or "" for v, _ in values]
        data = Data(self.calibration, self.samples)
        seen = calibrate(model, data, ranges=names, counted=False).histograms
        for value, bits in values:
            put_behind(model.graph, value, affine(*min_max(seen[value.name or ""]), bits))


def lacks_grid(node: Node) -> bool:
    """Say whether a kernel would compute a layer or product but for the scale of its results."""
    if not layer_of(node) and base_of(node)[1] not in MATRICES:
        return False
    bits, made = bits_of(node), node.outputs[0]
    rounds = made.is_graph_output() or any(affine_of(use.node) is None for use in made.uses())
    return bool(bits) and rounds and takes_integers(node, bits)


def bits_of(node: Node) -> int:
    """Return the bits of the grids that all its activations are on; 0 where they are on none."""
    grids = {read_on(value) for value in activations(node)}
    bits = {0 if q is None else q.bits for q in grids}
    return bits.pop() if len(bits) == 1 else 0


def is_integer(node: Node) -> bool:
    """Say whether a kernel computes a node on the codes of the grids around it."""
    bits, op = bits_of(node), base_of(node)[1]
    made = [rounded_to(value) for value in node.outputs]
    if not bits or any(q is None or q.bits != bits for q in made):
        return False
    if not takes_integers(node, bits):
        return False
    if op in SAME and any(read_on(activations(node)[0]) != q for q in made):
        return False
    if op in JOINED and any(read_on(value) != made[0] for value in activations(node)):
        return False
    return op not in FIXED or made[0] == FIXED[op][bits]


def is_steep(node: Node) -> bool:
    """Say whether the grid of a result is too fine beside those of what it is made of."""
    made = {v: rounded_to(v) for v in node.outputs}
    return bool(bits_of(node)) and too_large(node, lambda v: made[v] if v in made else read_on(v))


def store_operands(graph: Graph, nodes: Iterable[Node]) -> None:
    """Store the constants of integer operators as codes, with biases that fit."""
    chosen, needed = dict(coded_values(nodes)), Needed({})
    for node in nodes:
        keep_constants(graph, node)
        if layer_of(node):
            fit_bias(graph, node, chosen)
        else:
            quantize_constants(graph, node, Scales(bits_of(node)), chosen, needed)


def coded_values(nodes: Iterable[Node]) -> Iterator[tuple[Value, Affine]]:
    """Yield what integer operators read and make, with its scale."""
    for node in nodes:
        for value in activations(node):
            if (q := read_on(value)) is not None:
                yield value, q
        for value in node.outputs:
            if (q := rounded_to(value)) is not None:
                yield value, q


def keep_constants(graph: Graph, node: Node) -> None:
    """Store constant operands as the codes that they were, where that is what they are."""
    if layer_of(node) or base_of(node)[1] in JOINED or bits_of(node) != 8:
        return
    for place, value in enumerate(node.inputs):
        array = constant(value)
        if value is None or array is None or array.dtype != np.float32:
            continue
        found = recover(array.reshape(1, -1))
        if found is None:
            continue
        shift = 128 if found.zero.any() else 0
        codes = (found.codes.reshape(array.shape) - shift).astype(np.int8)
        q = Affine(8, float(found.scale[0]), int(found.zero[0]) - shift)
        given = [initializer(graph, value, codes), *parameters(graph, q, value)]
        made = derived(graph, "DequantizeLinear", given, value, sources(node))
        graph.insert_before(node, made)
        node.replace_input_with(place, made.outputs[0])


def to_codes(graph: Graph, node: Node) -> None:
    """round(x)  ->  dequantize(quantize(x))."""
    q, x = affine_of(node), node.inputs[0]
    assert q is not None
    assert x is not None
    first, second = pair(graph, x, q, sources(node))
    graph.insert_before(node, [first, second])
    substitute(node.outputs[0], second.outputs[0])
    graph.remove(node, safe=True)
