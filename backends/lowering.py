"""How IR nodes become a backend's operators: who lowers what, and what is said when nobody can."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Generic, TypeVar

import numpy as np

from mmc.backends.refusals import reasons
from mmc.diagnostics import Diagnostic, Severity
from mmc.ir import Array, Model, Node, constant, sources
from mmc.opset import DOMAIN, split_activation
from mmc.remedies import remedy
from mmc.values import WHY_KEPT

Lowering = TypeVar("Lowering", bound=Callable[..., None])


class Unsupported(Exception):  # noqa: N818 - becomes a diagnostic
    """A lowering cannot express its node rightly; becomes MMC201 with the user's op name."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


class FollowsRefused(Unsupported):
    """A node reads what a refused one computes: no finding of its own."""


class Lowerings(Generic[Lowering]):
    """The lowerings of one backend; `package` is imported, module by module, when first asked."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._entries: dict[tuple[str, str], Lowering] = {}
        self._loaded = False

    def lowers(self, *op_types: str, domain: str = "") -> Callable[[Lowering], Lowering]:
        """Register a lowering for ONNX ops; permission is the target's business, not this one's."""

        def decorate(function: Lowering) -> Lowering:
            for op_type in op_types:
                if self._entries.setdefault((domain, op_type), function) is not function:
                    raise ValueError(f"{op_type} is lowered twice")
            return function

        return decorate

    def of(self, node: Node) -> Lowering | None:
        """Return the lowering of a node; a fused activation is the lowering's to read."""
        self._load()
        op_type = split_activation(node.op_type)[0] if node.domain == DOMAIN else node.op_type
        return self._entries.get((node.domain, op_type))

    def ops(self) -> tuple[str, ...]:
        """Return the ONNX op types that have a lowering, sorted."""
        self._load()
        return tuple(sorted(op_type for domain, op_type in self._entries if not domain))

    def findings(
        self, model: Model, refused: Mapping[Node, Unsupported], stages: Sequence[str]
    ) -> list[Diagnostic]:
        """Return a diagnostic a node; without a lowering, the rules say why they did not help.

        What only follows from another refusal is left out.
        """
        first = {n: r for n, r in refused.items() if not isinstance(r, FollowsRefused)}
        refused = first or refused
        lacking = {node for node in refused if self.of(node) is None}
        hints = reasons(model, stages) if lacking else {}
        found = []
        for node, reason in refused.items():
            where = f"{node.op_type} {', '.join(sources(node))!r}"
            hint = hints.get(node, node.metadata_props.get(WHY_KEPT)) if node in lacking else None
            why = f"{reason.why} ({hint})" if hint else reason.why
            fix = reason.fix or (remedy(node) if node in lacking else "")
            found.append(Diagnostic("MMC201", Severity.ERROR, where, "cannot be emitted", why, fix))
        return found

    def _load(self) -> None:
        if not self._loaded:
            package = import_module(self.package)
            for module in pkgutil.iter_modules(package.__path__, self.package + "."):
                import_module(module.name)
            self._loaded = True


def place_of(code: str, origins: Sequence[str]) -> str:
    """Name an operator for the user: the emitted code and the ONNX nodes it came from."""
    if not origins:
        return f"{code} (made by mmc)"
    others = len(origins) - 1
    more = f" (with {others} other node{'s' * (others > 1)})" if others else ""
    return f"{code} '{origins[0]}'{more}"


def known(n: Node, position: int) -> list[int] | None:
    """Return an operand's integers; None if it is omitted.

    Raises:
        Unsupported: when they are computed.
    """
    value = n.inputs[position] if position < len(n.inputs) else None
    array = constant(value)
    if value is not None and array is None:
        raise Unsupported(f"{n.op_type} by computed numbers", fix=f"--const {value.name}=...")
    return None if array is None else [int(v) for v in array.reshape(-1)]


def slice_bounds(n: Node, shape: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return a Slice's begin and step for every axis; the steps to take are the result's size."""
    starts, ends = known(n, 1) or [], known(n, 2) or []
    axes, steps = known(n, 3), known(n, 4)
    begins, strides = [0] * len(shape), [1] * len(shape)
    for i, start in enumerate(starts):
        axis = i if axes is None else axes[i] % len(shape)
        step = 1 if steps is None else steps[i]
        begin, _, _ = slice(start, ends[i], step).indices(shape[axis])
        begins[axis], strides[axis] = max(begin, 0), step
    return begins, strides


def counted_from_front(indices: Array, sizes: Array | int) -> Array:
    """Return constant indices as int32, counted from the front.

    Args:
        sizes: the size along the indexed axis, or of each coordinate's.
    Raises:
        Unsupported: when an index is out of range.
    """
    counted = np.where(indices < 0, indices + sizes, indices)
    if ((counted < 0) | (counted >= sizes)).any():
        raise Unsupported(f"an index is out of range: the sizes are {sizes}")
    return counted.astype(np.int32)
