"""Patterns over the graph, as data.

`op.Add(op.MatMul("x", const("w")), const("b"))`: a string binds a value, `const` a numpy array,
`.named` the node; the same pattern object (or string) used twice must match the same value.
Commutative ops match both orders; a number matches a scalar constant. `...` as the last input
stands for any number of further ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

CONSTANT = "Constant"


@dataclass(frozen=True, eq=False)
class Pattern:
    """Base of all patterns; equality is identity, so that one object used twice means one value."""


@dataclass(frozen=True, eq=False)
class Const(Pattern):
    """A constant, bound as a numpy array under `name`; `value` restricts it to that scalar."""

    name: str = ""
    value: float | None = None


@dataclass(frozen=True, eq=False)
class Maybe(Pattern):
    """An input that may be omitted; its names are then bound to None."""

    pattern: Pattern | str


@dataclass(frozen=True, eq=False)
class Either(Pattern):
    """The first alternative that matches."""

    alternatives: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class OpPattern(Pattern):
    """Output number `output` of a node with one of `op_types`, these inputs and attributes."""

    op_types: tuple[str, ...]
    domain: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    output: int = 0

    def named(self, name: str) -> OpPattern:
        """Bind the matched node under `name`."""
        return replace(self, name=name)

    @cached_property
    def demands(self) -> tuple[tuple[int, frozenset[str]], ...]:
        """The inputs that only some operators may make, and which."""
        found = ((i, makers_of(part)) for i, part in enumerate(self.inputs))
        return tuple((i, makers) for i, makers in found if makers is not None)


class _OpFactory:
    """`op.Conv(...)`, `op["Relu", "Clip"](...)`; `op.mmc` is the same for the mmc domain."""

    def __init__(self, domain: str = "") -> None:
        self._domain = domain

    def __getitem__(self, op_types: str | tuple[str, ...]) -> Callable[..., OpPattern]:
        names = (op_types,) if isinstance(op_types, str) else op_types
        return lambda *inputs, **attributes: OpPattern(names, self._domain, inputs, attributes)

    def __getattr__(self, op_type: str) -> Any:
        return self[op_type]


def names_of(pattern: Any) -> set[str]:
    """Return the names that a pattern can bind."""
    if isinstance(pattern, str):
        return {pattern}
    parts = (pattern.pattern,) if isinstance(pattern, Maybe) else getattr(pattern, "inputs", ())
    parts = getattr(pattern, "alternatives", parts)
    return {getattr(pattern, "name", "")}.union(*map(names_of, parts))


op = _OpFactory()
mmc_op = _OpFactory("mmc")


def const(name: str = "", value: float | None = None) -> Const:
    """Match a constant and bind its array to `name`."""
    return Const(name, value)


def maybe(pattern: Pattern | str) -> Maybe:
    """Match `pattern` or an omitted input."""
    return Maybe(pattern)


def either(*alternatives: Pattern | str) -> Either:
    """Match the first alternative that fits."""
    return Either(alternatives)


def makers_of(pattern: Any) -> frozenset[str] | None:
    """Return the operators that may make a part of a pattern; None: it may be anything."""
    if isinstance(pattern, (str, Maybe)) or pattern is ...:
        return None
    if isinstance(pattern, Either):
        found = [makers_of(part) for part in pattern.alternatives]
        return None if None in found else frozenset().union(*filter(None, found))
    return frozenset(pattern.op_types if isinstance(pattern, OpPattern) else (CONSTANT,))
