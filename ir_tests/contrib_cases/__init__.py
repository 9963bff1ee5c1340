"""Contrib nodes with inputs: (op type, attributes, inputs, number of outputs to look at).

An input is an array (fed at run time), Const (an initializer) or None (omitted). A module of this
package holds the nodes of one family.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc.ir import Array

RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Const:
    """An input that is an initializer."""

    array: Array


@dataclass(frozen=True)
class Case:
    """One node: `outputs` lists which of its outputs are model outputs."""

    op_type: str
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...] = (0,)
    domain: str = "com.microsoft"
    attributes: dict[str, Any] | None = None


def f(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def u(*shape: int, kind: Any = np.uint8) -> Array:
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, shape, endpoint=True).astype(kind)


def case(op_type: str, *inputs: Any, outputs: tuple[int, ...] = (0,), **attributes: Any) -> Case:
    domain = attributes.pop("domain", "com.microsoft")
    return Case(op_type, inputs, outputs, domain, attributes)


def s(value: float) -> Const:
    return Const(np.array(value, np.float32))


def z(value: int, kind: Any = np.uint8) -> Const:
    return Const(np.array(value, kind))


def c(array: Array) -> Const:
    return Const(array)


def every() -> list[Case]:
    """Return the cases of all families."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"contrib_cases.{name}") for name in names]
    return [case for module in modules for case in module.CASES]
