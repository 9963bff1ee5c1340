"""Compile for several sizes: one package from the programs of a model at fixed sizes.

The model is compiled at several sizes, and what the programs have in common is one program for all:
an extent that differs is open, and a constant that follows an extent is written so that it does.
Every listed size is verified, of a range its ends and its middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmc.diagnostics import Diagnostic, Severity, UsageError
from mmc.flexible import Sizes, declared, patterns, spread
from mmc.ir import Model, load, shape_of
from mmc.options import CompileOptions

Make = Callable[[CompileOptions], tuple[Model, Any]]


@dataclass(frozen=True)
class Case:
    """The model at one size of every dimension: final IR and program."""

    options: CompileOptions
    model: Model
    program: Any


def first_of(options: CompileOptions, backend: Any) -> CompileOptions:
    """Return the options at the default sizes; raises UsageError MMC011 if the backend has none."""
    if not options.sizes:
        return options
    if not hasattr(backend, "generalize"):
        where = f"--dim {next(iter(options.sizes))}={next(iter(options.sizes.values()))}"
        why = "artifacts of other targets run at one size"
        fix = "give one size, or an ane_* target"
        raise UsageError("MMC011", where, "is for Core ML", why=why, fix=fix)
    return at(options, declared(options.sizes)[0])


def at(options: CompileOptions, sizes: Mapping[str, int]) -> CompileOptions:
    """Return the options with every dimension fixed."""
    return replace(options, dims={**options.dims, **sizes}, sizes={})


def generalize(
    source: Path, backend: Any, options: CompileOptions, first: Case, make: Make
) -> tuple[Any, list[Case], Diagnostic]:
    """Return the program for all sizes, the cases to verify it at, and what is to be said of it.

    Args:
        make: compiles the model for fixed sizes.
    Raises:
        MmcError: MMC229 if no one program serves all sizes, or what a compile raises.
    """
    cases = declared(options.sizes)
    known = {frozenset(cases[0].items()): first}

    def case(sizes: Mapping[str, int]) -> Case:
        key = frozenset(sizes.items())
        if key not in known:
            fixed = at(options, sizes)
            known[key] = Case(fixed, *make(fixed))
        return known[key]

    chosen = spread(cases)
    verified = [case(sizes) for sizes in chosen]
    programs = [case(sizes).program for sizes in patterns(chosen)]
    ranged = any(s.ranged for s in options.sizes.values())
    ends = [cases[0], cases[-1]] if ranged else cases
    shapes = dict(input_shapes(load(source), first.model, ends))
    program = backend.generalize(programs, shapes, ranged=ranged)
    return program, verified, told(options.sizes, chosen)


def input_shapes(
    model: Model, fixed: Model, cases: list[dict[str, int]]
) -> Iterator[tuple[str, list[tuple[int, ...]]]]:
    """Yield every input whose shape depends on the sizes, and its shape for each case."""
    static = {v.name: shape_of(v) for v in fixed.graph.inputs}
    for value in model.graph.inputs:
        symbols = [getattr(d, "value", None) or "" for d in value.shape or ()]
        if value.name in static and any(s in cases[0] for s in symbols):
            dims = list(zip(symbols, static[value.name], strict=True))
            yield value.name or "", [tuple(c.get(s, d) for s, d in dims) for c in cases]


def told(sizes: Mapping[str, Sizes], verified: list[dict[str, int]]) -> Diagnostic:
    """Return the finding on what the package takes."""
    where = " ".join(f"--dim {name}={s}" for name, s in sizes.items())
    shown = "; ".join(", ".join(map(str, v.values())) for v in verified)
    if not any(s.ranged for s in sizes.values()):
        what = f"the package takes each of these sizes, the first by default; verified: {shown}"
        return Diagnostic("MMC227", Severity.NOTE, where, what)
    return Diagnostic(
        "MMC228",
        Severity.WARNING,
        where,
        f"only the smallest sizes run on the engine, others on the CPU or GPU; verified: {shown}",
        why="Apple, developer.apple.com/forums/thread/724930: of a range the engine takes the "
        "default shape, of listed shapes each",
        fix="list the sizes: --dim NAME=1,2,4",
    )
