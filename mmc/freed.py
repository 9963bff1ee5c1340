"""Give the system back what a compile has let go of: its peak is that of the largest stage."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from onnx_ir import Shape

from mmc.ir import Graph, Model, is_static
from mmc.pass_manager import Instrument, Pass, PassRecord

MANY = 3000
"""Changes from which on a search for garbage gives back more than it takes."""


@dataclass
class Freed(Instrument):
    """Frees the nodes that passes removed: they hold each other, so that they stay until then."""

    nodes: int = 0
    changed: int = 0

    def start(self, model: Model) -> None:
        """Count the nodes."""
        self.nodes = model.graph.num_nodes()

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Search once there is much to be found."""
        self.changed += max(record.changes, abs(record.nodes - self.nodes))
        self.nodes = record.nodes
        if self.changed >= max(MANY, self.nodes // 4):
            self.changed = 0
            search()


def settle(model: Model) -> None:
    """Free what the passes left behind, before what comes next needs memory."""
    if model.graph.num_nodes() >= MANY:
        share_shapes(model)
        search()


def share_shapes(model: Model) -> None:
    """Let values of equal shapes have one; no pass follows that could change it for one of them."""
    known: dict[tuple[object, ...], Shape] = {}
    made = (value for node in model.graph for value in node.outputs)
    for value in (*made, *model.graph.initializers.values()):
        if value.shape is not None and is_static(value):
            value.shape = known.setdefault(tuple(value.shape.dims), value.shape)


def let_go(model: Model) -> None:
    """Empty a model that was lowered and that nobody will ask any more."""
    large = model.graph.num_nodes() >= MANY
    model.graph = Graph((), (), nodes=())
    if large:
        search()


def search() -> None:
    """Free what only holds itself."""
    gc.collect()
    give_back()


def give_back() -> None:
    """Let the system have the memory that C and C++ libraries have freed and keep at hand."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    """Return glibc's malloc_trim; other allocators give back by themselves, or cannot."""
    if not sys.platform.startswith("linux"):
        return lambda _: None
    found: Callable[[int], object] = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
    return found
