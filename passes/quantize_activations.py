"""Activations as integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.builder import derived, initializer
from mmc.integers.activation_scales import Scales, activations
from mmc.integers.bias_correction import correct, last_layers, names_made, places_of
from mmc.integers.biases import fit_bias
from mmc.integers.calibration import Data, calibrate
from mmc.integers.clipping import by_output_error
from mmc.integers.cut_offs import drop_cut_offs, is_behind
from mmc.integers.eligible import floats_of
from mmc.integers.factors import unfit
from mmc.integers.float_islands import islands
from mmc.integers.integer_ops import INTEGER, JOINED, SAME, layer_of
from mmc.integers.integer_ranges import Needed, Range
from mmc.integers.kept_float import COSTLY, LAST, UNEVEN, tell_floats
from mmc.integers.layers import base_of
from mmc.integers.uneven_parts import last_of_fixed_scale, uneven_joins
from mmc.ir import Array, Graph, Model, Node, Value, constant, sources
from mmc.naming import fresh_name
from mmc.options import CompileOptions
from mmc.pass_manager import Contract, Pass
from mmc.quant.ranges import Affine, min_max, narrowed, percentile
from mmc.quant.statistics import Histogram
from mmc.values import ARRIVED_QUANTIZED

TYPES = {8: np.int8, 16: np.int16}
CLIPPED = 0.9999
"""The part of the values that a clipped range holds."""
MARGIN = 1.5
"""How many times as far as the data 16-bit codes reach. One more bit of them is worth less than the
one value beyond the data that is cut off (a ViT's worst of 8 samples: 28.3 dB, 33.3 so)."""


@dataclass(frozen=True)
class QuantizeActivations(Pass):
    """Store what integer kernels read and write as integers: QuantizeLinear, DequantizeLinear.

    Needs integer weights (quantize-weights) and data. Kernels that only move codes share scales;
    what has no integer kernel, or is delicate, stays float, between DequantizeLinear and
    QuantizeLinear. At 8 bits the biases of the last layers take up their mean error.
    """

    name = "quantize-activations"
    contract = Contract.LOSSY
    budget_db = 3.0
    bits: int = 8
    calibration: str = ""
    samples: int = 1000
    outliers: str = "none"
    """`clip`: leave out the 0.01 % of values farthest out; `auto`: where the outputs gain by it."""
    quick: bool = False
    """Let stay float what floats compute faster: not for NPUs."""
    last_float: bool = False
    """Let stay float what makes an output in a scale that a kernel dictates: sigmoid, softmax."""
    half: bool = False
    """Let stay float what has a step or a range that float16 does not hold."""
    parts: bool = False
    """Let stay float what joins parts of far different ranges into what leaves the codes."""
    islands: float = 0.0
    """Let the few values stay float that make most of the error, where codes alone would leave less
    signal to noise than this, in dB."""

    @classmethod
    def chosen_by(cls, options: CompileOptions) -> QuantizeActivations:
        """Return the pass as the options ask for."""
        data, samples = options.calibration, options.calibration_samples
        return cls(options.activation_bits, data, samples, options.outliers)

    def run(self, model: Model) -> int:
        """Return the number of operators that become integer ones."""
        if ARRIVED_QUANTIZED in model.metadata_props or any(
            INTEGER in n.metadata_props for n in model.graph
        ):
            return 0
        left = floats_of(model.graph, self.bits, quick=self.quick, last=self.last_float)
        nodes = settle([n for n in model.graph if not any(n in some for some in left.values())])
        scales = tied(nodes, Scales(self.bits, self.margin, half=self.half))
        wanted = sorted({v.name or "" for v in scales.values})
        data, counted = Data(self.calibration, self.samples), self.outliers == "clip"
        last = last_layers(model.graph) if self.bits == 8 else []
        found = calibrate(model, data, ranges=wanted, means=places_of(last), counted=counted)
        seen, before = found.histograms, {n: found.means[m] for n, m in names_made(last).items()}
        nodes = self.without_uneven(nodes, scales, seen, left)
        scales = tied(nodes, scales.none_yet())
        ranges = self.ranges(model, scales, seen)
        asked = (model, data, scales, ranges, nodes, self.islands)
        apart = islands(*asked) if self.islands else set()
        nodes, scales = chosen_without(apart, nodes, scales, ranges, seen)
        left = {COSTLY: apart} | left
        while fits_not := {n: why for n in nodes if (why := unfit(n, scales.of, half=self.half))}:
            for node, why in fits_not.items():
                left.setdefault(why, set()).add(node)
            nodes, scales = chosen_without(fits_not.keys(), nodes, scales, ranges, seen)
        nodes = drop_cut_offs(model.graph, nodes, scales)
        tell_floats(model.graph, nodes, left)
        store(model.graph, nodes, scales, seen)
        correct(model, data, before)
        return len(nodes)

    def without_uneven(
        self,
        nodes: list[Node],
        scales: Scales,
        seen: Mapping[str, Histogram],
        left: dict[str, set[Node]],
    ) -> list[Node]:
        """Return the nodes without what stays float for parts of outputs; add that to `left`."""
        joins = left[UNEVEN] = uneven_joins(nodes, scales, seen) if self.parts else set()
        nodes = [n for n in nodes if n not in joins]
        last = last_of_fixed_scale(nodes) if self.last_float else set()
        left[LAST] |= last
        return settle([n for n in nodes if n not in last])

    @property
    def margin(self) -> float:
        """How many times as far as the data codes reach: what ends is the user's choice."""
        return MARGIN if self.bits == 16 and self.outliers == "none" else 1.0

    def ranges(
        self, model: Model, scales: Scales, seen: Mapping[str, Histogram]
    ) -> dict[Value, Range]:
        """Return the range of every scale, by what stands for all who share it."""
        exact = scales.merged(seen, min_max)
        if self.outliers == "none":
            return exact
        if self.outliers == "clip":
            return scales.merged(seen, lambda found: percentile(found, CLIPPED))
        outputs = {scales.root(v) for v in scales.values if v.is_graph_output()}
        asked = {
            name: narrowed(*exact[root])
            for root in exact.keys() - outputs
            if scales.known.get(root) is None
            for name in scales.members(root)
        }
        found = by_output_error(model, Data(self.calibration, self.samples), self.bits, asked)
        return {root: found.get(scales.members(root)[0], exact[root]) for root in exact}


def store(graph: Graph, nodes: Sequence[Node], scales: Scales, seen: dict[str, Histogram]) -> None:
    """Let operators read and make codes."""
    chosen, needed = {v: scales.of(v) for v in scales.values}, Needed(seen)
    for node in nodes:
        if layer_of(node):
            fit_bias(graph, node, chosen)
        else:
            quantize_constants(graph, node, scales, chosen, needed)
        node.metadata_props[INTEGER] = str(scales.bits)
    made = {v: wrap(graph, v, q) for v, q in chosen.items()}
    origin = {result: value for value, result in made.items()}
    for node in nodes:
        match_scales(graph, node, chosen, origin)


def tied(nodes: list[Node], scales: Scales) -> Scales:
    """Tie scales as the kernels of nodes demand, and return them."""
    coded = set(nodes)
    for node in nodes:
        scales.tie(node)
        if is_behind(node, coded):
            scales.join(activations(node)[0], node.outputs[0])
    return scales


def chosen_without(
    apart: Set[Node],
    nodes: list[Node],
    scales: Scales,
    ranges: Mapping[Value, Range],
    seen: Mapping[str, Histogram],
) -> tuple[list[Node], Scales]:
    """Return the operators that compute on codes without some, and the scales that they choose."""
    if apart:
        nodes, before = settle([n for n in nodes if n not in apart]), scales
        scales = tied(nodes, scales.none_yet())
        exact = scales.merged(seen, min_max)
        ranges = {r: within(exact[r], ranges.get(before.root(r), exact[r])) for r in exact}
    scales.choose(ranges)
    return nodes, scales


def within(exact: Range, clipped: Range) -> Range:
    """Return the part of a range that an earlier choice left."""
    return max(exact[0], clipped[0]), min(exact[1], clipped[1])


def settle(nodes: list[Node]) -> list[Node]:
    """Leave out what moves or cuts off floats only: codes would gain nothing."""
    kept = set(nodes)
    for node in nodes:  # in the order of the graph: what stands before is settled
        if is_lonely(node, kept):
            kept.remove(node)
    return [n for n in nodes if n in kept]


def is_lonely(node: Node, kept: set[Node]) -> bool:
    """Say whether a node has no codes to move, or to end with."""
    op = base_of(node)[1]
    if op == "Clip":
        return not is_behind(node, kept)
    return op in SAME | JOINED and not any(v.producer() in kept for v in activations(node))


def parameters(graph: Graph, q: Affine, like: Value) -> list[Value]:
    """Return scale and zero point as constants."""
    arrays: tuple[Array, ...] = (np.float32(q.scale), np.asarray(q.zero, TYPES[q.bits]))  # type: ignore[assignment]
    return [initializer(graph, like, np.asarray(array)) for array in arrays]


def pair(graph: Graph, value: Value, q: Affine, note: tuple[str, ...]) -> tuple[Node, Node]:
    """Return QuantizeLinear and DequantizeLinear of a value, not yet in the graph."""
    given = parameters(graph, q, value)
    first = derived(graph, "QuantizeLinear", [value, *given], value, note)
    first.outputs[0].type = ir.TensorType(ir.DataType.INT8 if q.bits == 8 else ir.DataType.INT16)
    return first, derived(graph, "DequantizeLinear", [first.outputs[0], *given], value, note)


def wrap(graph: Graph, value: Value, q: Affine) -> Value:
    """Let all who read a value read its codes; return what they read.

    Where no kernel makes the codes, operators on floats go on reading the floats.
    """
    users, maker = list(value.uses()), value.producer()
    coded = maker is not None and INTEGER in maker.metadata_props
    users = [u for u in users if coded or INTEGER in u.node.metadata_props]
    note = sources(maker) if maker is not None else sources(users[0].node)
    first, second = pair(graph, value, q, note)
    if maker is not None:
        graph.insert_after(maker, [first, second])
    else:
        graph.insert_before(graph[0], [first, second])
    result = second.outputs[0]
    for use in users:
        use.node.replace_input_with(use.idx, result)
    if coded and value.is_graph_output():
        graph.outputs[list(graph.outputs).index(value)] = result
        result.name, value.name = value.name, fresh_name(graph, value.name or "")
    return result


def match_scales(
    graph: Graph, node: Node, chosen: dict[Value, Affine], origin: Mapping[Value, Value]
) -> None:
    """Rescale what a joining kernel reads in another scale than its result's."""
    if base_of(node)[1] not in JOINED:
        return
    wanted = chosen[node.outputs[0]]
    for place, value in enumerate(node.inputs):
        if value is not None and value in origin and chosen[origin[value]] != wanted:
            first, second = pair(graph, value, wanted, sources(node))
            graph.insert_before(node, [first, second])
            node.replace_input_with(place, second.outputs[0])


def quantize_constants(
    graph: Graph,
    node: Node,
    scales: Scales,
    chosen: Mapping[Value, Affine],
    needed: Needed,
) -> None:
    """Store the constant operands of an integer operator (not weights and biases) as codes."""
    for place, value in enumerate(node.inputs):
        array = constant(value)
        if value is None or array is None or array.dtype != np.float32:
            continue
        array = bounded(node, place, array, chosen)
        least, high = float(array.min(initial=np.inf)), float(array.max(initial=-np.inf))
        low = max(least, needed.of(value)[0])
        joined = base_of(node)[1] in JOINED
        q = chosen[node.outputs[0]] if joined else scales.covering(low, high)
        with np.errstate(over="ignore"):  # the least float is a mask
            steps = np.rint(array / q.scale)
        codes = np.clip(steps + q.zero, q.low, q.high).astype(TYPES[q.bits])
        given = [initializer(graph, value, codes), *parameters(graph, q, value)]
        made = derived(graph, "DequantizeLinear", given, value, sources(node))
        graph.insert_before(node, made)
        node.replace_input_with(place, made.outputs[0])


def bounded(node: Node, place: int, array: Array, chosen: Mapping[Value, Affine]) -> Array:
    """Return a factor, cut where every product but 0 is beyond the codes of the result anyway.

    A mask is often a product by the least float: its scale over that of the result is too large
    for what kernels multiply sums by.
    """
    other = node.inputs[1 - place] if base_of(node)[1] == "Mul" else None
    if other is None or other not in chosen:
        return array
    most = chosen[node.outputs[0]].reach / chosen[other].scale
    return np.clip(array, -most, most)
