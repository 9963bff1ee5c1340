"""What a backend is, and which one a target or an artifact has.

A backend is one folder: its `__init__` names the artifact's SUFFIX (and FOLDER, where that is one),
its `backend` module holds the class as BACKEND. Nothing else lists it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mmc import plugins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmc.cost.work import Workload
    from mmc.diagnostics import Diagnostic
    from mmc.ir import Model
    from mmc.options import CompileOptions
    from mmc.pass_manager import Phase
    from mmc.schedule import Schedule
    from mmc.structure import Structure
    from mmc.target import Target
    from mmc.verification.pieces import Piece

PACKAGE = "mmc.backends"


class Backend(Protocol):
    """The steps from a loaded model to an artifact; a Program is the backend's own data."""

    job: ClassVar[str]
    """The "module:function" that runs an artifact in a child process, as verification wants it."""

    options: CompileOptions

    def __init__(self, target: Target, options: CompileOptions) -> None: ...

    def phases(self) -> list[Phase]:
        """Return the way from a loaded model to one that lowers op by op."""

    def lower(self, model: Model) -> Any:
        """Return the program; raises LegalityError with every node that cannot be lowered."""

    def schedule(self, program: Any) -> Schedule | None:
        """Put the operators into the order that needs least memory; None if order has no effect."""

    def count(self, program: Any) -> dict[str, int]:
        """Count the emitted operators by kind, most frequent first."""

    def check(self, program: Any) -> list[Diagnostic]:
        """Return everything that the target cannot take, or takes slowly."""

    def work(self, program: Any) -> Workload:
        """Return what the operators have to do, for mmc.cost."""

    @staticmethod
    def write(program: Any, path: Path) -> None:
        """Write the artifact (to a temporary name, then renamed)."""

    @staticmethod
    def read(path: Path) -> Any:
        """Return the program in an artifact of any origin; raises ModelError."""

    @staticmethod
    def lines(program: Any) -> Iterator[str]:
        """Yield the program as text, one line an operator."""

    @staticmethod
    def stats(program: Any) -> Mapping[str, object]:
        """Return counts and sizes as JSON-ready data (mmc.stats/1)."""

    @staticmethod
    def structure(program: Any) -> Structure:
        """Return the operators, what connects them and the user's nodes they came from."""

    @staticmethod
    def inner_values(program: Any) -> list[str]:
        """Return the names of the computed tensors, in order of computation."""

    @staticmethod
    def pieces(program: Any, known: Mapping[str, tuple[int, ...]]) -> Iterator[Piece]:
        """Yield programs that together hold the integer operators, each fed from outside.

        Args:
            known: shapes by name of the values of the final IR, where the program may be cut.
        """


@cache
def packages() -> dict[str, str]:
    """Return backend name -> its package: the folders here, and those that plugins have."""
    package = import_module(PACKAGE)
    here = {
        m.name: f"{PACKAGE}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if m.ispkg
    }
    return plugins.modules("mmc.backends") | here


@cache
def suffixes() -> dict[str, str]:
    """Return artifact suffix -> backend name."""
    found = {name: getattr(import_module(p), "SUFFIX", "") for name, p in packages().items()}
    return {suffix: name for name, suffix in found.items() if suffix}


def suffix_of(name: str) -> str:
    """Return the artifact suffix of the backend called `name`."""
    return next(suffix for suffix, backend in suffixes().items() if backend == name)


def artifact_path(source: Path, target: Target) -> Path:
    """Return where an artifact goes unless the user says: ./<stem>.<target><suffix>."""
    return Path(f"{source.stem}.{target.name}{suffix_of(target.backend)}")


def makes_folder(name: str) -> bool:
    """Say whether the artifacts of the backend called `name` are folders."""
    return bool(getattr(import_module(packages()[name]), "FOLDER", False))


def load_backend(name: str) -> type[Backend]:
    """Return the backend called `name`, as a target's table names it."""
    found: type[Backend] = import_module(f"{packages()[name]}.backend").BACKEND
    return found


def backend_of(path: str | Path) -> type[Backend] | None:
    """Return the backend whose artifact `path` is by its suffix; None for other files."""
    name = suffixes().get(Path(path).suffix)
    return load_backend(name) if name and find_spec(f"{packages()[name]}.backend") else None


def runner_of(path: str | Path) -> str | None:
    """Return the "module:function" that runs the artifact `path`; None for other files."""
    name = suffixes().get(Path(path).suffix)
    return f"{packages()[name]}.run:run" if name else None


def precisions_of(path: str | Path) -> tuple[str, ...]:
    """Return the precisions that the artifact `path` can be run with: its run's PRECISIONS."""
    name = suffixes().get(Path(path).suffix)
    found: tuple[str, ...] = ("float32",)
    return getattr(import_module(f"{packages()[name]}.run"), "PRECISIONS", found) if name else found


def widths_of(target: Target, op: str, activations: str, *, least: int = 8) -> tuple[int, ...]:
    """Return the bits of weights that a target stores in that size and computes rightly.

    A backend says so in a static method `widths`; 8 where it has none.

    Args:
        op: the layer's operator in the target's form, such as Linear.
        activations: float, int8 or int16.
        least: the fewest bits of the layer's weights that an NPU reads.
    """
    ask = getattr(load_backend(target.backend), "widths", None)
    return ask(target, op, activations, least) if ask else (8,)


def activations_of(target: Target) -> tuple[str, ...]:
    """Return the kinds of activations to try, best for the target first: `kinds`, or float."""
    ask = getattr(load_backend(target.backend), "kinds", None)
    return ask(target) if ask else ("float",)
