"""The node cases of the onnx package that count, with the operands that a user would bind."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

Array = npt.NDArray[Any]

MAX_OPSET = 26
TYPES = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT32,
        onnx.TensorProto.INT64,
        onnx.TensorProto.BOOL,
    }
)
SHAPE_OPERANDS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "If": (0,),
    "Loop": (0, 1),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys(
        [f"Reduce{kind}" for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2")], (1,)
    ),
    **dict.fromkeys(("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"), (1,)),
}
"""Operator -> inputs whose values its result's shape depends on."""


@dataclass(frozen=True)
class Case:
    """One stored case. `constants` are the feeds that a user would bind with --const."""

    name: str
    op: str
    model: onnx.ModelProto
    feeds: Mapping[str, Array]
    constants: Mapping[str, Array]
    expected: Mapping[str, Array]
    rtol: float
    atol: float


def load_cases(pattern: str = "") -> list[Case]:
    """Return the cases in scope: opset, and float, int32, int64 or bool inputs and outputs."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = load_model_tests(kind="node")
    ops = {case.name: operator_of(case.model) for case in stored}
    chosen = [c for c in stored if in_scope(c.model) and re.search(pattern, c.name)]
    return [make_case(c, ops) for c in chosen]


def operator_of(model: onnx.ModelProto) -> str:
    """Return the operator that a case is about: that of its last node."""
    return str(model.graph.node[-1].op_type) if model.graph.node else "none"


def in_scope(model: onnx.ModelProto) -> bool:
    """Say whether a case counts."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    types = [v.type for v in (*model.graph.input, *model.graph.output)]
    return max(versions, default=0) <= MAX_OPSET and all(
        t.HasField("tensor_type") and t.tensor_type.elem_type in TYPES for t in types
    )


def make_case(stored: Any, ops: Mapping[str, str]) -> Case:
    """Name the stored arrays; an expanded case is about the operator that it expands."""
    model = stored.model
    inputs, outputs = stored.data_sets[0]
    feeds = dict(zip((v.name for v in model.graph.input), inputs, strict=False))
    bound = shape_inputs(model.graph)
    base = re.sub(r"_expanded.*$", "", stored.name)
    return Case(
        name=stored.name,
        op=ops.get(base, ops[stored.name]),
        model=model,
        feeds={k: np.asarray(v) for k, v in feeds.items() if k not in bound},
        constants={k: np.asarray(v) for k, v in feeds.items() if k in bound},
        expected={v.name: np.asarray(a) for v, a in zip(model.graph.output, outputs, strict=True)},
        rtol=stored.rtol,
        atol=stored.atol,
    )


def shape_inputs(graph: onnx.GraphProto) -> set[str]:
    """Return the graph inputs that shapes are computed from, other than by asking for a shape."""
    nodes = list(all_nodes(graph))
    makers = {name: node for node in nodes for name in node.output}
    work = [
        node.input[i]
        for node in nodes
        for i in SHAPE_OPERANDS.get(node.op_type, ())
        if i < len(node.input)
    ]
    seen: set[str] = set()
    while work:
        name = work.pop()
        if name in seen:
            continue
        seen.add(name)
        maker = makers.get(name)
        if maker is not None and maker.op_type not in ("Shape", "Size"):
            work += maker.input
            work += [n for branch in branches(maker) for v in all_nodes(branch) for n in v.input]
    return seen & {v.name for v in graph.input}


def branches(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Return the graphs that a node holds."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of a graph and of the graphs inside it."""
    for node in graph.node:
        yield node
        for branch in branches(node):
            yield from all_nodes(branch)
