"""Which operators of other domains have an expansion, and what an expansion gets to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mmc.registry import Registry
from mmc.values import constant

if TYPE_CHECKING:
    from onnx_ir import Node, Value

    from mmc.values import Array

DOMAIN = "com.microsoft"
CLASSICAL = "ai.onnx.ml"
"""ONNX's own domain of classical machine learning; what has no expansion is left for lowering."""

T = TypeVar("T")


class NotExpandable(Exception):  # noqa: N818 - becomes a diagnostic
    """A form of a known operator that has no equal in standard ONNX; the text says which."""


@dataclass(frozen=True)
class Call:
    """A node to expand: its inputs (None where omitted), attributes and wanted outputs."""

    node: Node
    attributes: dict[str, Any]

    def input(self, index: int) -> Value | None:
        """Return an input, None when it is omitted."""
        return self.node.inputs[index] if index < len(self.node.inputs) else None

    def need(self, index: int) -> Value:
        """Return an input that must be there."""
        value = self.input(index)
        if value is None:
            raise NotExpandable(f"input {index} is missing")
        return value

    def constant(self, index: int) -> Array:
        """Return the array of an input that must be constant."""
        array = constant(self.need(index))
        if array is None:
            raise NotExpandable(f"input {index} is computed, not constant")
        return array

    def get(self, name: str, default: T) -> T:
        """Return an attribute, or its default."""
        found: T = self.attributes.get(name, default)
        return found

    def wants(self, index: int) -> bool:
        """Say whether somebody reads an output."""
        outputs = self.node.outputs
        if index >= len(outputs) or not outputs[index].name:
            return False
        return bool(outputs[index].uses()) or outputs[index].is_graph_output()

    def only(self, *indices: int) -> None:
        """Refuse when an output other than these is read."""
        for index in range(len(self.node.outputs)):
            if index not in indices and self.wants(index):
                raise NotExpandable(f"output {index} is used")

    def rank(self, index: int) -> int:
        """Return the rank of an input."""
        shape = self.need(index).shape
        if shape is None:
            raise NotExpandable(f"the rank of input {index} is not known")
        return len(shape)


Expansion = Callable[[Any, Call], Any]
EXPANSIONS: Registry[Expansion] = Registry("expansion", "mmc.frontend.contrib")


def expands(*op_types: str, domain: str = DOMAIN) -> Callable[[Expansion], Expansion]:
    """Register the expansion of operators of a domain."""

    def decorate(function: Expansion) -> Expansion:
        for op_type in op_types:
            EXPANSIONS.add(f"{domain}.{op_type}", function)
        return function

    return decorate


def expansion_of(domain: str, op_type: str) -> Expansion | None:
    """Return how an operator is written as standard ONNX, None when mmc does not know."""
    return EXPANSIONS.get(f"{domain}.{op_type}")
