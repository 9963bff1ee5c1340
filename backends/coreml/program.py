"""A MIL program as plain data: what lowering produces, the check reads and the writer writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mmc.diagnostics import Diagnostic
    from mmc.options import Picture

Array = npt.NDArray[Any]

NUMPY_TYPES: dict[str, str] = {
    "fp16": "float16",
    "fp32": "float32",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "bool": "bool",
    "int4": "int8",
    "uint1": "uint8",
    "uint2": "uint8",
    "uint3": "uint8",
    "uint4": "uint8",
    "uint6": "uint8",
}
"""MIL type -> numpy type of its data; types below 8 bits are held one element a byte."""


@dataclass(eq=False, slots=True)
class Var:
    """A tensor. `name` is a wish until the program is finished; constants have data or text.

    Data of fp16 may be in float32: the writer rounds it.

    An extent of -1 is open: the package serves several sizes.

    `fixed` marks what a constexpr operation makes: as good as a constant.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: Array | str | None = None
    fixed: bool = False

    @property
    def is_constant(self) -> bool:
        """Say whether the value is known."""
        return self.data is not None


@dataclass
class Operation:
    """One op: `code` is a MIL op type, `sources` name the user's ONNX nodes."""

    code: str
    inputs: dict[str, list[Var]]
    outputs: list[Var]
    sources: tuple[str, ...] = ()

    @property
    def output(self) -> Var:
        """The first result."""
        return self.outputs[0]

    def operands(self) -> Iterator[Var]:
        """Yield all operands, constants too."""
        for group in self.inputs.values():
            yield from group

    def parameter(self, name: str, default: Any = None) -> Any:
        """Return a constant operand as a Python value: text, number or list."""
        group = self.inputs.get(name)
        if not group or group[0].data is None:
            return default
        data = group[0].data
        return data if isinstance(data, str) else np.asarray(data).tolist()


@dataclass
class Feature:
    """An input or output of the model: `onnx_name` is the user's, `dtype` the ONNX type.

    `shapes` are the ones that it may have, the default first; `ranged`: all between the two.
    """

    var: Var
    onnx_name: str
    dtype: str
    shape: tuple[int, ...] = ()
    picture: Picture | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    ranged: bool = False


@dataclass
class Program:
    """One function. `opset` is "CoreML8", `version` the specification that goes with it."""

    operations: list[Operation] = field(default_factory=list)
    inputs: list[Feature] = field(default_factory=list)
    outputs: list[Feature] = field(default_factory=list)
    opset: str = "CoreML8"
    version: int = 9
    metadata: dict[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    was_read: bool = False
    """It comes from a package, maybe another tool's."""
    findings: list[Diagnostic] = field(default_factory=list)
    """What lowering has to say of the form that it chose."""

    @property
    def is_open(self) -> bool:
        """Say whether inputs may have several shapes, so that extents are open."""
        return any(feature.shapes for feature in self.inputs)

    def computing(self) -> list[Operation]:
        """Return the operations that run: constants and their decompression are none."""
        return [op for op in self.operations if not op.code.startswith("constexpr_")]
