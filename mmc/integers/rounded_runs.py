"""A model in which feeds let chosen values be rounded as codes would round them, all else float.

What rounding some values alone costs at the outputs says which ranges to clip
(`mmc.integers.clipping`), and which values stay float (`mmc.integers.float_islands`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mmc.integers.integer_ranges import Range
from mmc.ir import Array
from mmc.quant.metrics import error_of
from mmc.quant.ranges import affine


class RoundedRuns:
    """Runs of such a model over samples, against its runs as it is.

    Args:
        session: of a model that `round_values` has changed, in ONNX Runtime.
        samples: the feeds of every run.
        bits: of the codes.
    """

    def __init__(self, session: Any, samples: Sequence[dict[str, Array]], bits: int) -> None:
        self.session, self.samples, self.bits = session, samples, bits
        self.expected = [session.run(None, one) for one in samples]

    def error(self, ranges: Mapping[int, Range]) -> float:
        """Return the mean of `errors`."""
        return float(np.mean(self.errors(ranges)))

    def errors(self, ranges: Mapping[int, Range]) -> Array:
        """Return every sample's error at the outputs with groups rounded to codes of a range."""
        settings = {n: a for i, r in ranges.items() for n, a in setting(i, r, self.bits).items()}
        runs = (self.session.run(None, {**one, **settings}) for one in self.samples)
        return np.array([error_of(e, a) for e, a in zip(self.expected, runs, strict=True)])


def setting(group: int, chosen: Range, bits: int) -> dict[str, Array]:
    """Return the feeds that let the values of a group be rounded as the codes of a range are."""
    q = affine(*chosen, bits)
    numbers = dict(zip(("low", "high", "step"), (*q.ends, q.scale), strict=True))
    on = {name_of(group, "on"): np.array(True)}
    return on | {name_of(group, n): np.array(v, np.float32) for n, v in numbers.items()}


def name_of(group: int, what: str) -> str:
    """Return the name of a feed of `round_values`."""
    return f"mmc.rounded.{group}.{what}"


def round_values(path: Path, groups: Sequence[Sequence[str]]) -> None:
    """Let feeds switch on that named values of the model at `path` are rounded and clipped."""
    proto = onnx.load(path, load_external_data=False)
    graph, of = proto.graph, {name: i for i, names in enumerate(groups) for name in names}
    for i in range(len(groups)):
        for what, default in (("low", -1.0), ("high", 1.0), ("step", 1.0)):
            array = np.array(default, np.float32)
            graph.initializer.append(onnx.numpy_helper.from_array(array, name_of(i, what)))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(False), name_of(i, "on")))
    nodes = list(graph.node)
    for node in nodes:
        node.input[:] = [f"{n}.rounded" if n in of else n for n in node.input]
    made = {n for node in nodes for n in node.output}
    ordered = [x for n, i in of.items() if n not in made for x in rounding(n, i)]
    for node in nodes:
        ordered.append(node)
        ordered += [x for n in node.output if n in of for x in rounding(n, of[n])]
    del graph.node[:]
    graph.node.extend(ordered)
    path.write_bytes(proto.SerializeToString())
    let_override(
        path, {name_of(i, w) for i in range(len(groups)) for w in ("low", "high", "step", "on")}
    )


def rounding(value: str, group: int) -> Iterator[onnx.NodeProto]:
    """Yield the node that makes `value`.rounded: it computes only where it is switched on."""
    low, high, step, on = (name_of(group, what) for what in ("low", "high", "step", "on"))
    steps = (
        ("Clip", [value, low, high], "clipped"),
        ("Div", [f"{value}.clipped", step], "steps"),
        ("Round", [f"{value}.steps"], "whole"),
        ("Mul", [f"{value}.whole", step], "codes"),
    )
    rounds = [onnx.helper.make_node(op, given, [f"{value}.{made}"]) for op, given, made in steps]
    passes = [onnx.helper.make_node("Identity", [value], [f"{value}.as it was"])]
    branches = {
        "then_branch": branch(rounds, f"{value}.codes"),
        "else_branch": branch(passes, f"{value}.as it was"),
    }
    yield onnx.helper.make_node("If", [on], [f"{value}.rounded"], **branches)


def branch(nodes: Sequence[onnx.NodeProto], result: str) -> onnx.GraphProto:
    """Return nodes on floats as what an If computes."""
    made = onnx.helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_graph(nodes, result, [], [made])


def let_override(path: Path, names: set[str]) -> None:
    """Make initializers of the model at `path` inputs too: ONNX lets a feed replace them."""
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        if tensor.name in names:
            made = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            proto.graph.input.append(made)
    path.write_bytes(proto.SerializeToString())
