"""Why nothing brought an operator to a form that TFLite has."""

from __future__ import annotations

from mmc.ir import Model, Node
from mmc.pattern import Rule, apply_rules, rules_of

STAGES = ("decompose", "nhwc", "tflite")


def reasons(model: Model) -> dict[Node, str]:
    """Return, for the nodes that rules were tried on, what those said.

    The model has been through these rules already: none of them changes it now.
    """
    found: dict[Node, list[str]] = {}

    def note(rule: Rule, node: Node, why: str) -> None:
        found.setdefault(node, []).append(why)

    for stage in STAGES:
        apply_rules(model, rules_of(stage), note)
    return {node: "; ".join(dict.fromkeys(whys)) for node, whys in found.items()}
