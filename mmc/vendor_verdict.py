"""What a vendor's compiler said of a program, for the reports."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class VendorRefusal:
    """An operator that it refuses: the emitted one, named by the user's nodes, and its words."""

    where: str
    reason: str


@dataclass(frozen=True)
class VendorVerdict:
    """The answer for one architecture.

    Attributes:
        ended: "compiled", "not compiled", "crashed" or "timed out"; selected is not compiled.
        selected: operators that it takes, of `total`, in `partitions` parts.
        mac_share: the part of the multiplications in those operators, 0 to 1.
        context_bytes: size of the compiled contexts.
    """

    architecture: str
    versions: str
    ended: str
    compiled: bool
    seconds: float
    selected: int
    total: int
    partitions: int
    mac_share: float
    context_bytes: int
    refusals: list[VendorRefusal] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
