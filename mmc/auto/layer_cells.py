"""What was measured of layers, a cell a width: plain data for `auto` and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log10


@dataclass(frozen=True)
class Cell:
    """A layer's weight at a width.

    `error` is the squared error at the model's outputs by their squares (of integer outputs: the
    part that differs), the mean over outputs and samples. `gain` is the bytes saved against the
    next wider cell for each percent of error more; None where the error does not grow.
    """

    bits: int
    bytes: int
    error: float
    gain: float | None = None

    @property
    def decibels(self) -> float:
        """Signal to noise at the outputs."""
        return -10 * log10(self.error) if self.error > 0 else float("inf")


@dataclass(frozen=True)
class LayerCells:
    """A weight, named as recipes name it; the cells, widest first; its bytes as floats.

    An NPU reads weights of `least` bits or more.
    """

    name: str
    node: str
    op: str
    kind: str
    shape: tuple[int, ...]
    float_bytes: int
    cells: tuple[Cell, ...]
    least: int = 8

    def cell(self, bits: int) -> Cell | None:
        """Return the cell of a width, if it was measured."""
        return next((c for c in self.cells if c.bits == bits), None)


@dataclass(frozen=True)
class Sensitivity:
    """The layers in the order of the model, and on how many samples they were measured."""

    model: str
    target: str
    samples: int
    layers: tuple[LayerCells, ...]
    from_cache: int = field(default=0, compare=False)

    def uniform_bytes(self, bits: int) -> int:
        """Return the bytes of all weights at one width, or the next wider one that a layer has."""
        return sum(
            min((c.bytes for c in layer.cells if c.bits >= bits), default=layer.float_bytes)
            for layer in self.layers
        )
