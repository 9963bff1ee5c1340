"""Refuse what has a shape that only the data decides."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.diagnostics import Diagnostic, LegalityError, Severity
from mmc.ir import Model, Node, is_static, sources
from mmc.pass_manager import Pass
from mmc.remedies import cut, decided_by


@dataclass(frozen=True)
class RequireStaticShapes(Pass):
    """Raise LegalityError (MMC201) for the operators that make a result of unknown shape."""

    name = "require-static-shapes"

    def run(self, model: Model) -> int:
        """Return 0: nothing is changed; what only hands an unknown shape on is not named."""
        found = [node for node in model.graph if not known(node) and begins(node)]
        if found:
            raise LegalityError([diagnostic(node) for node in found])
        return 0


def known(node: Node) -> bool:
    """Say whether the shapes of all results are known."""
    return all(is_static(v) for v in node.outputs if v.uses() or v.is_graph_output())


def begins(node: Node) -> bool:
    """Say whether the operands' shapes are known, so that the unknown begins here."""
    return all(v is None or v.shape is None or is_static(v) for v in node.inputs) and all(
        v is None or v.producer() is None or v.shape is not None for v in node.inputs
    )


def diagnostic(node: Node) -> Diagnostic:
    """Say which result, and what to do."""
    where = f"{node.op_type} {', '.join(sources(node))!r}"
    why = f"the shape of its result depends on data: {[str(v.shape) for v in node.outputs]}"
    given = decided_by(v for v in node.inputs[1:] if v is not None)
    bind = f"bind {', '.join(map(repr, given))} with --const; or " if given else ""
    fix = bind + cut(node)
    return Diagnostic("MMC201", Severity.ERROR, where, "cannot be emitted", why, fix)
