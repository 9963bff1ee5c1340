"""Refuse what has a shape that only the data decides, or that no memory holds."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from mmc.diagnostics import Diagnostic, LegalityError, Severity
from mmc.ir import Model, Node, Value, is_static, shape_of, sources
from mmc.pass_manager import Pass
from mmc.remedies import size_remedy
from mmc.shapes import MOST_ELEMENTS
from mmc.values import WHY_KEPT


@dataclass(frozen=True)
class RequireStaticShapes(Pass):
    """Raise LegalityError for operators with a result of unknown (MMC201) or huge shape (MMC109).

    A few bytes can ask for terabytes: ConstantOfShape, Expand, Tile.
    """

    name = "require-static-shapes"

    def run(self, model: Model) -> int:
        """Return 0: nothing is changed; what only hands an unknown shape on is not named."""
        found = [diagnostic(n) for n in model.graph if not known(n) and begins(n)]
        found += [huge(n) for n in model.graph if any(map(is_huge, n.outputs))]
        if found:
            raise LegalityError(found)
        return 0


def is_huge(value: Value) -> bool:
    """Say whether a value has more elements than the runtimes' 32-bit sizes can count."""
    return is_static(value) and prod(shape_of(value)) > MOST_ELEMENTS


def huge(node: Node) -> Diagnostic:
    """Say which operator has the huge result; what only hands it on is named too."""
    where = f"{node.op_type} {', '.join(sources(node))!r}"
    what = f"its result has more than {MOST_ELEMENTS} elements"
    why = f"shape {[str(v.shape) for v in node.outputs]}"
    return Diagnostic("MMC109", Severity.ERROR, where, what, why, "export with smaller sizes")


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
    why = node.metadata_props.get(WHY_KEPT, why)
    return Diagnostic("MMC201", Severity.ERROR, where, "cannot be emitted", why, size_remedy(node))
