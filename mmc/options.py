"""What a compile may be asked for, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmc.arguments import CHOICES, no_value
from mmc.budget import Budget
from mmc.diagnostics import UsageError
from mmc.flexible import Sizes
from mmc.values import Array

AUTO = "auto"
"""A type of weights or activations: the one that a search finds."""


@dataclass(frozen=True)
class Picture:
    """An input given as a picture: the model sees pixel * scale + bias, a bias a channel.

    `color` is RGB, BGR or G (grayscale).
    """

    color: str
    scale: float = 1.0
    bias: tuple[float, ...] = (0.0,)

    @property
    def channels(self) -> int:
        """How many numbers a pixel has."""
        return 1 if self.color == "G" else 3

    def axis(self, shape: tuple[int, ...]) -> int | None:
        """Return which axis of one picture's array has the channels; None if it is no picture."""
        if len(shape) != 4 or shape[0] != 1:
            return None
        return next((axis for axis in (1, 3) if shape[axis] == self.channels), None)


@dataclass(frozen=True)
class CompileOptions:
    """What a compile may be asked for; the words are the command line's.

    An empty `precision` is the target's own. `vendor` asks the vendor's compiler, for the target
    and the architectures it names ("v69,v81", "all", or "" for none more); `aot` keeps its result.
    `verify_on` "htp" also compares what the NPU's emulator computes.
    """

    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, Sizes] = field(default_factory=dict)
    constants: Mapping[str, Array] = field(default_factory=dict)
    io_layout: str = "keep"
    io_dtype: str = "float"
    keep_int64: bool = False
    precision: str = ""
    weights: str = "float32"
    activations: str = "float"
    recipe: str = ""
    calibration: str = ""
    calibration_samples: int = 1000
    outliers: str = "none"
    evaluation: str = ""
    metric: str = ""
    budget: Budget | None = None
    optimize: str = "latency"
    require_npu: bool = False
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Array] | None = None
    inputs_from: str = "given inputs"
    statistics: str = ""
    """Moments of inputs by weight from an earlier run over the calibration data (an .npz)."""
    originals: str = ""
    """Where the original's outputs on the evaluation data are kept for the next compile (.npz)."""
    verify: bool = True
    verify_on: str = "host"
    vendor: str | None = None
    aot: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse words that no option has: "INT8" would be floats, and nobody would know.

        Raises:
            UsageError: MMC003.
        """
        for name, words in CHOICES.items():
            given = getattr(self, name)
            if given not in words and not (name == "precision" and given == ""):
                raise no_value(name, given, words)

    @property
    def activation_bits(self) -> int:
        """Bits of integer activations; 0 where they are floats."""
        return {"int8": 8, "int16": 16}.get(self.activations, 0)

    @property
    def integer_weights(self) -> bool:
        """Whether weights become integers."""
        return bool(self.weight_bits or self.recipe or self.weights == AUTO)

    @property
    def weight_bits(self) -> int:
        """Bits of integer weights; 0 where weights are floats."""
        return {"int8": 8, "int4": 4, "int2": 2}.get(self.weights, 0)


def asked_vendor(asked: str | bool | None) -> str | None:
    """Return the architectures besides the target's, "" for none; None where nobody is asked.

    Raises UsageError (MMC003) for what is no text.
    """
    if asked is None or isinstance(asked, bool):
        return "" if asked else None
    if not isinstance(asked, str):
        fix = 'True asks for the target alone; "v69,v81" or "all" also for others'
        raise UsageError("MMC003", "vendor", f"{asked!r} is neither True nor text", fix=fix)
    return asked
