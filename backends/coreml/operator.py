"""What an operator of the evaluator is, and the registry that finds them.

An operator is a function whose parameters have the names of the MIL operation's inputs (a
trailing underscore where Python has the word). Defaults are the documented ones. Floats come and
go as float32, whatever their declared type; the evaluator rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmc.registry import Registry

from .mil import Type


@dataclass(frozen=True)
class Context:
    """What a parameter named `context` gets: the opset's number and the declared results."""

    opset: int
    outputs: tuple[Type, ...]


Operator = Callable[..., Any]
OPERATORS: Registry[Operator] = Registry("operator", "mmc.backends.coreml.operators")


class UnsupportedError(Exception):
    """An operator got values that its documentation leaves open, or that are not covered."""


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Register a function as the meaning of MIL operations."""

    def register(function: Operator) -> Operator:
        for name in names:
            OPERATORS.add(name, function)
        return function

    return register
