"""What weights may become under one kind of activations, and the exact allocation of bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape

from mmc.auto.layer_cells import LayerCells
from mmc.backends.base import widths_of
from mmc.integers.recipe import Recipe, Rule
from mmc.quant.allocation import Choice, allocate
from mmc.target import Target


@dataclass(frozen=True)
class Menu:
    """By layer its cells that the target stores packed and computes rightly, widest first."""

    layers: Sequence[LayerCells]
    choices: Sequence[Sequence[Choice]]
    activations: str

    @classmethod
    def of(cls, target: Target, layers: Sequence[LayerCells], activations: str) -> Menu:
        """Return the cells that the target stores packed and computes rightly."""
        choices = []
        for layer in layers:
            widths = widths_of(target, layer.op, activations, least=layer.least)
            choices.append([Choice(c.bytes, c.error) for c in layer.cells if c.bits in widths])
        return cls(layers, choices, activations)

    @property
    def least(self) -> int:
        """Bytes of the smallest allocation."""
        return sum(min(c.bytes for c in some) for some in self.choices)

    @property
    def most(self) -> int:
        """Bytes of the largest allocation: the widest cells."""
        return sum(some[0].bytes for some in self.choices)

    def widths(self, budget: int) -> list[int]:
        """Return the bits of every layer in the exact allocation of so many bytes."""
        picked = allocate(self.choices, budget)
        return [
            next(c.bits for c in layer.cells if c.bytes == some[i].bytes)
            for layer, some, i in zip(self.layers, self.choices, picked, strict=True)
        ]

    def recipe(self, budget: int) -> tuple[str, Recipe]:
        """Return the allocation in words, and as a recipe."""
        bits = self.widths(budget)
        counts = ", ".join(f"{bits.count(b)} x int{b}" for b in (8, 4, 2) if b in bits)
        label = f"{counts}, {budget / 1e6:.3f} MB, {self.activations} activations"
        return label, Recipe((*rules(self.layers, bits), Rule(8)))


def rules(layers: Sequence[LayerCells], bits: Sequence[int]) -> Iterator[Rule]:
    """Yield a rule a layer, by the name of its weight."""
    for layer, width in zip(layers, bits, strict=True):
        yield Rule(width, name=escape(layer.name))
