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
    "MaxRoiPool": "crop with RoiAlign or GridSample, which are smoother",
    "TfIdfVectorizer": "prepare the text outside of the model",
    "StringNormalizer": "prepare the text outside of the model",
}


def remedy(node: Node) -> str:
    """Return what the user can do about a node, most specific first."""
    if node.op_type in RANDOM:
        return "draw the random numbers outside: make them an input of the model"
    if node.op_type in TRAINING:
        return "export the model for inference: model.eval(), training=TrainingMode.EVAL"
    advice = SPECIAL.get(node.op_type)
    return f"{advice}, or {cut(node)}" if advice else cut(node)


def cut(node: Node) -> str:
    """Say how to cut the model before a node; the rest runs on the host."""
    tensors = dict.fromkeys(v.name for v in node.inputs if v is not None and is_computed(v))
    names = " ".join(f"'{name}'" for name in tensors) or "TENSOR"
    return f"cut the model before it, run the rest on the host: mmc extract MODEL --to {names}"


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
