"""Channels of like ranges, for activations that share one scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mmc.builder import initializer
from mmc.integers.calibration import Data, calibrate, inputs_of
from mmc.integers.channels import Channels, channels_of
from mmc.integers.layers import base_of
from mmc.ir import Array, Graph, Model, Node, Value, constant, operand, shape_of
from mmc.naming import fresh_name
from mmc.opset import DOMAIN, split_activation
from mmc.options import CompileOptions
from mmc.pass_manager import Contract, Pass
from mmc.quant.equalization import Held, balance, held, noise, rounding

POOLS = ("MaxPool2d", "AveragePool2d", "MaxPool", "AveragePool", "GlobalAveragePool")
HOMOGENEOUS = (*POOLS, "Relu", "LeakyRelu", "PRelu", "Identity")
"""f(s x) = s f(x) for every s > 0, channel by channel."""
SAMPLES = 32
"""Samples that ranges are taken from."""
LEAST_GAIN = 0.9
"""The noise at the layers that read must fall below so much of what it was: less is chance."""
BLOCKED = "blocked"


@dataclass
class Stretch:
    """Values whose channels can be scaled together, and the layers at both ends."""

    makers: dict[Node, Channels] = field(default_factory=dict)
    readers: dict[Node, Channels] = field(default_factory=dict)
    between: list[Node] = field(default_factory=list)
    """What lies between them, in order."""
    axes: set[int] = field(default_factory=set)
    """Which axis the channels are, for those that have an opinion."""

    @property
    def sums(self) -> list[Node]:
        """Those that add: what they read has codes of its own."""
        return [n for n in self.between if base_of(n)[1] == "Add"]

    @property
    def places(self) -> dict[str, int]:
        """The axis of channels by the names of all that layers read and sums add."""
        read = [*(n.inputs[0] for n in self.readers), *(v for n in self.sums for v in n.inputs)]
        (axis,) = self.axes
        return {v.name or "": axis for v in read if v is not None}


@dataclass(frozen=True)
class EqualizeChannels(Pass):
    """w1 / s, b1 / s  ->  relu, add, pool  ->  w2 * s: the same function, channels of like ranges.

    Activations have one scale a tensor: its largest channel leaves few codes to the others. The
    factors are powers of two, so that floats are the same to the last bit. They are applied where
    the noise of 8 bits, at the layers that read the channels, falls by it.

    Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
        ICCV 2019, section 4.1; `mmc.quant.equalization`.
    """

    name = "equalize-channels"
    contract = Contract.EXACT

    calibration: str = ""
    """DATA that ranges are taken from."""
    samples: int = SAMPLES

    @classmethod
    def chosen_by(cls, options: CompileOptions) -> EqualizeChannels:
        """Return the pass as the options ask for."""
        return cls(options.calibration, min(SAMPLES, options.calibration_samples))

    def run(self, model: Model) -> int:
        """Return the number of stretches that were scaled."""
        found = [*stretches(model.graph)]
        if not found or not self.calibration:
            return 0
        asked = {n: r for s in found for n in s.readers if (r := inputs_of(n)) is not None}
        places = {name: axis for s in found for name, axis in s.places.items()}
        data = Data(self.calibration, self.samples)
        seen = calibrate(model, data, [*asked.values()], channels=places)
        known = {
            node: held(seen.extents[r.value], seen.moments[r], last=r.last)
            for node, r in asked.items()
            if r in seen.moments
        }
        return sum(equalize(model.graph, s, known, seen.extents) for s in found)


def equalizing(options: CompileOptions) -> tuple[EqualizeChannels, ...]:
    """Return the pass for 8-bit activations; statistics of inputs are of channels as they are."""
    asked = options.activation_bits == 8 and not options.statistics
    return (EqualizeChannels.chosen_by(options),) if asked else ()


def stretches(graph: Graph) -> Iterator[Stretch]:
    """Yield what can be scaled: nothing else reads or makes these channels."""
    import networkx as nx  # a tenth of a second that other compiles need not pay

    web: nx.Graph[Value | str] = nx.Graph()
    web.add_edges_from((BLOCKED, v) for v in (*graph.inputs, *graph.outputs))
    for node in graph:
        web.add_edges_from(ties(node))
    free = [part for part in nx.connected_components(web) if BLOCKED not in part]
    of = {value: i for i, part in enumerate(free) for value in part}
    found = [Stretch() for _ in free]
    for node in graph:
        made = node.outputs[0]
        if layer := channels_of(node):
            for value, ends in ((made, "makers"), (node.inputs[0], "readers")):
                if value in of:
                    getattr(found[of[value]], ends)[node] = layer
                    found[of[value]].axes.add(layer.values)
        elif made in of:
            found[of[made]].between.append(node)
            if base_of(node)[1] in POOLS:
                found[of[made]].axes.add(len(shape_of(made)) - 1 if node.domain == DOMAIN else 1)
    yield from (s for s in found if s.makers and s.readers and len(s.axes) == 1)


def ties(node: Node) -> Iterator[tuple[Value | str, Value]]:
    """Yield pairs of values that have one factor; with BLOCKED, what has none."""
    read = [v for v in node.inputs if v is not None and constant(v) is None]
    made, op = node.outputs[0], base_of(node)[1]
    fused = split_activation(node.op_type)[1] if node.domain == DOMAIN else ""
    rising = fused in ("", "Relu")
    if channels_of(node) and len(read) == 1:
        yield (made, made) if rising else (BLOCKED, made)
        yield read[0], read[0]
    elif op in HOMOGENEOUS and rising and read == [node.inputs[0]] and len(node.outputs) == 1:
        yield read[0], made
    elif op == "Add" and rising and len(read) == 2 and alike(*read):
        yield read[0], made
        yield read[1], made
    else:
        yield from ((BLOCKED, v) for v in (*read, *node.outputs))


def alike(a: Value, b: Value) -> bool:
    """Say whether two values have one shape: no channel of one is added to several."""
    return shape_of(a) == shape_of(b)


def equalize(
    graph: Graph, stretch: Stretch, known: dict[Node, Held], extents: dict[str, Array]
) -> bool:
    """Scale one stretch, if that lowers the noise."""
    if any(n not in known for n in stretch.readers):
        return False
    weights = {n: layer.filters(weight_of(n)) for n, layer in stretch.readers.items()}
    made = np.max([known[n].reach for n in stretch.readers], axis=0)
    read = np.max([columns(w, len(made)) for w in weights.values()], axis=0)
    factors = balance(made, read)

    def total(factors: Array) -> float:
        terms = carried(stretch, extents, factors)
        return sum(noise(weights[n], factors, known[n], terms[n.inputs[0]]) for n in weights)

    before, after = total(np.ones_like(factors)), total(factors)
    if not after < LEAST_GAIN * before:
        return False
    for node, layer in stretch.makers.items():
        replace(graph, node, 1, 1 / factors, layer.made)
        if operand(node, 2) is not None:
            replace(graph, node, 2, 1 / factors, -1)
    for node, layer in stretch.readers.items():
        replace(graph, node, 1, factors, layer.read)
    for node in (*stretch.makers, *stretch.between):  # no longer what the model calls so
        node.outputs[0].name = fresh_name(graph, node.outputs[0].name or "")
    return True


def carried(
    stretch: Stretch, extents: dict[str, Array], factors: Array
) -> dict[Value | None, float]:
    """Return the energy of the rounding of all that a value is the sum of, itself left out."""
    found = defaultdict[Value | None, float](float)
    for node in stretch.between:
        read = [v for v in node.inputs if v is not None and constant(v) is None]
        found[node.outputs[0]] = sum(found[v] for v in read)
        if base_of(node)[1] == "Add":
            found[node.outputs[0]] += sum(rounding(extents[v.name or ""], factors) for v in read)
    return found


def weight_of(node: Node) -> Array:
    """Return the weight of a layer."""
    weight = constant(node.inputs[1])
    assert weight is not None
    return weight


def columns(filters: Array, channels: int) -> Array:
    """Return the largest weight of every channel that is read."""
    axes = (1, 2) if filters.shape[1] < channels else (0, 2)
    ends = filters.max(axis=axes, initial=0), filters.min(axis=axes, initial=0)
    return np.asarray(np.maximum(ends[0], -ends[1]))


def replace(graph: Graph, node: Node, place: int, factors: Array, axis: int) -> None:
    """Put a constant whose channels, an axis, are multiplied in the place of another."""
    old = node.inputs[place]
    array = constant(old)
    assert old is not None
    assert array is not None
    shape = [1] * max(array.ndim, 1)
    shape[axis] = -1
    made = initializer(graph, old, (array * factors.reshape(shape)).astype(np.float32, copy=False))
    node.replace_input_with(place, made)
