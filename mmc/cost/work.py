"""What a program has to do, in terms that every backend and every device share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

MULTIPLYING = ("matrix", "product", "depthwise")
"""Engines that multiply: dense layers, products of two computed tensors, one channel a group."""
STREAMING = ("pointwise", "function", "reduce", "move", "concat")
"""Engines that stream: arithmetic, functions (exp, softmax, division), reductions and pools, moves
of data, concatenations (which requantize integers)."""

NUMBERS = ("float", "int8", "int16")
"""Types of activations that a device computes with; float is half precision on the NPUs."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A product as `groups` × `taps` times (rows × inner) @ (inner × columns)."""

    rows: int = 0
    inner: int = 0
    columns: int = 0
    taps: int = 1
    groups: int = 1

    @property
    def macs(self) -> int:
        """Multiplications and additions."""
        return self.rows * self.inner * self.columns * self.taps * self.groups


@dataclass(frozen=True, slots=True)
class Work:
    """What one operator has to do.

    Attributes:
        kind: the emitted operator.
        engine: one of MULTIPLYING or STREAMING.
        number: one of NUMBERS, or "other" for an operator on integers that stay what they are.
        sizes: of the product; zero for operators that only stream.
        read, written: bytes of computed operands and of results, as the device holds them.
        weights: bytes of constants that the device streams from memory.
        name: the user's node, or the tensor that it makes.
        off: whether the host runs it in the NPU's stead.
    """

    kind: str
    engine: str
    number: str = "float"
    sizes: Sizes = Sizes()
    read: int = 0
    written: int = 0
    weights: int = 0
    name: str = ""
    off: bool = False


@dataclass(frozen=True)
class Workload:
    """A whole program.

    Attributes:
        ops: its operators, in order.
        stored_bytes: of weights in the file.
        arena_bytes: of activations.
        entry_bytes, exit_bytes: of the inputs and of the outputs as the caller sees them.
    """

    ops: list[Work] = field(default_factory=list)
    stored_bytes: int = 0
    arena_bytes: int = 0
    entry_bytes: int = 0
    exit_bytes: int = 0

    @property
    def number(self) -> str:
        """The type of activations that most of the multiplications have."""
        shares = Counter[str]()
        for op in self.ops:
            shares[op.number] += op.sizes.macs + 1
        del shares["other"]
        return shares.most_common(1)[0][0] if shares else "float"


def distinct(ops: Iterable[Work]) -> Counter[Work]:
    """Return how often each work occurs, whatever the names: a long model has few kinds."""
    return Counter(replace(op, name="") for op in ops)


def assumed(found: Workload, activation_bits: int, weight_bits: int) -> Workload:
    """Return a program of floats as if its activations and weights had this many bits.

    A bit count of 0 leaves floats. Weights below 8 bits are those of dense layers; others have 8.
    """
    shrink = activation_bits / 16 if activation_bits else 1.0
    outside = activation_bits / 32 if activation_bits else 1.0
    number = f"int{activation_bits}" if activation_bits else "float"

    def change(op: Work) -> Work:
        if op.number != "float":
            return op
        bits = max(weight_bits, 8) if weight_bits and op.engine != "matrix" else weight_bits
        return replace(
            op,
            number=number,
            read=round(op.read * shrink),
            written=round(op.written * shrink),
            weights=round(op.weights * (bits / 16 if bits else 1.0)),
        )

    return Workload(
        [change(op) for op in found.ops],
        round(found.stored_bytes * (weight_bits / 32 if weight_bits else 1.0)),
        round(found.arena_bytes * shrink),
        round(found.entry_bytes * outside),
        round(found.exit_bytes * outside),
    )
