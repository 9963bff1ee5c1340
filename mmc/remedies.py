"""What to do about an operator that no target has: a line for its diagnostic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mmc.ir import Node, Value, constant
from mmc.naming import FRESH

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial"}
)
TRAINING = frozenset({"BatchNormalization", "Dropout", "Adam", "Adagrad", "Momentum", "Gradient"})
SPECIAL = {
    "NonMaxSuppression": "export the model without it (detectors have an option: nms=False)",
    "MaxRoiPool": "crop with RoiAlign or GridSample, which are smoother",
    "TfIdfVectorizer": "prepare the text outside of the model",
    "StringNormalizer": "prepare the text outside of the model",
}
SHAPED_BY_DATA = frozenset({"NonMaxSuppression", "NonZero", "Unique"})
"""Operators whose data decide how much they find, so that no bound input makes it a known size."""
ALL_SIZES = frozenset({"ConstantOfShape", "Range"})
"""Operators of which every operand decides the shape; of others the first is data."""


def remedy(node: Node) -> str:
    """Return what the user can do about a node, most specific first."""
    if node.op_type in RANDOM:
        return "draw the random numbers outside: make them an input of the model"
    if node.op_type in TRAINING:
        return "export the model for inference: model.eval(), training=TrainingMode.EVAL"
    advice = SPECIAL.get(node.op_type)
    return f"{advice}, or {cut(node)}" if advice else cut(node)


def size_remedy(node: Node) -> str:
    """Return what the user can do about a node that only data give a shape."""
    sizes = node.inputs if node.op_type in ALL_SIZES else node.inputs[1:]
    given = [] if node.op_type in SHAPED_BY_DATA else decided_by(sizes)
    bind = f"bind {', '.join(map(repr, given))} with --const; or " if given else ""
    return bind + remedy(node)


def cut(node: Node) -> str:
    """Say how to cut the model before a node, or behind one that nothing computed stands before."""
    before, behind = (
        " ".join(dict.fromkeys(f"'{v.name}'" for v in values if v is not None and is_computed(v)))
        for values in (node.inputs, node.outputs)
    )
    last = any(v.is_graph_output() for v in node.outputs)
    if before or last or not behind:
        where = f"--to {before or 'TENSOR'}"
        return f"cut the model before it, run the rest on the host: mmc extract MODEL {where}"
    return f"run it on the host, compile what is behind it: mmc extract MODEL --from {behind}"


def is_computed(value: Value) -> bool:
    """Say whether a value is a result of the user's own nodes, under a name that they know."""
    if value.producer() is None or constant(value) is not None:
        return False
    return bool(value.name) and FRESH not in (value.name or "")


def decided_by(
    values: Iterable[Value | None], sources: Mapping[Value, Sequence[Value | None]] | None = None
) -> list[str]:
    """Return the names of the model's inputs that values are computed from, sorted.

    Args:
        sources: what stands behind values that no node of theirs makes: a loop's own inputs.
    """
    behind = sources or {}
    names: dict[str, None] = {}
    work, seen = [v for v in values if v is not None], set[Value]()
    while work:
        value = work.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.producer()
        if value in behind:
            work += [v for v in behind[value] if v is not None]
        elif node is not None:
            work += [v for v in node.inputs if v is not None]
        elif value.is_graph_input() and value.name and constant(value) is None:
            names[value.name] = None
    return sorted(names)
