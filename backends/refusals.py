"""Why nothing brought an operator to a form that a backend has."""

from __future__ import annotations

from collections.abc import Sequence

from mmc.ir import Model, Node
from mmc.pattern import Rule, apply_rules, rules_of


def reasons(model: Model, stages: Sequence[str]) -> dict[Node, str]:
    """Return, for the nodes that rules of these stages were tried on, what those said.

    The model has been through these rules already: none of them changes it now.
    """
    found: dict[Node, list[str]] = {}

    def note(rule: Rule, node: Node, why: str) -> None:
        found.setdefault(node, []).append(why)

    for stage in stages:
        apply_rules(model, rules_of(stage), note)
    return {node: "; ".join(dict.fromkeys(whys)) for node, whys in found.items()}
