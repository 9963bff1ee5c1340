"""One-operator programs: the questions that the measuring programs ask about a runtime.

Each module `cases_*` yields `Case`s; the operator's cell and features are computed from its program
by `mmc.backends.tflite.cells`, as the check computes them for a user's program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.cells import cell, features
from mmc.backends.tflite.program import NUMPY_TYPES, Array, Operator, Program, Quantization, Tensor

IMAGE = (1, 8, 8, 16)
FLOATS = ("FLOAT32", "INT8", "INT16")
NUMBERS = ("FLOAT32", "INT32", "INT8", "INT16", "INT64")
ANY = (*NUMBERS, "BOOL", "FLOAT16", "UINT8")
STEPS = {"INT8": 1 / 16, "INT16": 1 / 4096, "UINT8": 1 / 16}
SHARED_OPTIONS = {
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "AVERAGE_POOL_2D": "Pool2D",
    "MAX_POOL_2D": "Pool2D",
    "L2_POOL_2D": "Pool2D",
    "L2_NORMALIZATION": "L2Norm",
    "CONV_3D_TRANSPOSE": "Conv3D",
    "ATAN2": "ATan2",
    "LSTM": "LSTM",
    **dict.fromkeys(
        "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ALL REDUCE_ANY".split(), "Reducer"
    ),
}
OPTION_NAMES = {n.lower(): n for n in dir(schema) if n.endswith("OptionsT")}
VERSIONS = {"BROADCAST_TO": 2, "GATHER_ND": 1}


@dataclass(frozen=True)
class Case:
    """One operator to be judged; `domain` bounds the values that its inputs are drawn from."""

    op: str
    program: Program
    domain: tuple[float, float] = (-2.0, 2.0)

    @property
    def key(self) -> tuple[str, str, str]:
        """Return (op, cell, feature), the row of the table that this case measures."""
        operator = self.program.operators[0]
        return self.op, cell(self.program, operator), "+".join(features(self.program, operator))


@dataclass
class Maker:
    """Collects the tensors of a one-operator program."""

    dtype: str = "FLOAT32"
    program: Program = field(default_factory=Program)
    seed: int = 0

    def x(self, shape: Sequence[int], dtype: str = "", scale: float = 0, zero: int = 0) -> int:
        """Add an activation; a quantized type gets `scale`, by default one that spans about ±8."""
        dtype = dtype or self.dtype
        tensor = Tensor(f"t{len(self.program.tensors)}", tuple(shape), dtype)
        if dtype in STEPS:
            zero = zero + (128 if dtype == "UINT8" and not scale else 0)
            tensor.quantization = per_tensor(scale or STEPS[dtype], zero)
        return self._add(tensor)

    def i(self, values: Any, dtype: str = "INT32") -> int:
        """Add an integer constant: a shape, axes, padding."""
        data = np.array(values, NUMPY_TYPES[dtype])
        return self._add(Tensor(f"t{len(self.program.tensors)}", data.shape, dtype, data))

    def w(
        self,
        shape: Sequence[int],
        dtype: str = "",
        axis: int | None = None,
        scale: float = 0,
        low: float = -1.0,
    ) -> int:
        """Add constant weights in [low, 1], quantized per tensor, or per slice of `axis`."""
        dtype = dtype or self.dtype
        real = np.random.default_rng(7 + self.seed).uniform(low, 1, tuple(shape))
        tensor = Tensor(f"t{len(self.program.tensors)}", tuple(shape), dtype)
        peak = {"INT2": 1, "INT4": 7, "INT8": 127, "INT16": 32767, "UINT8": 127}.get(dtype)
        if peak is None:
            tensor.data = real.astype(NUMPY_TYPES[dtype])
            return self._add(tensor)
        count = 1 if axis is None else shape[axis]
        scales = np.full(count, scale or 1 / peak) * (1 + 0.01 * np.arange(count))
        zero = 128 if dtype == "UINT8" else 0
        tensor.quantization = Quantization(
            scales.astype(np.float32), np.full(count, zero, np.int64), axis or 0
        )
        spread = np.ones(len(shape), int)
        spread[axis or 0] = count
        codes = np.clip(np.rint(real / scales.reshape(spread)), -peak, peak) + zero
        tensor.data = codes.astype(NUMPY_TYPES[dtype])
        return self._add(tensor)

    def bias(self, size: int, weights: int) -> int:
        """Add the bias of a convolution or linear layer: wide integers if quantized."""
        real = np.random.default_rng(8).uniform(-1, 1, size)
        if self.dtype not in STEPS:
            return self._add(
                Tensor("bias", (size,), self.dtype, real.astype(NUMPY_TYPES[self.dtype]))
            )
        quantization = self.program.tensors[weights].quantization
        assert quantization is not None
        scale = (quantization.scale * np.float32(STEPS[self.dtype])).astype(np.float32)
        dtype = "INT64" if self.dtype == "INT16" else "INT32"
        codes = np.rint(real / scale).astype(NUMPY_TYPES[dtype])
        zero = np.zeros(scale.size, np.int64)
        return self._add(Tensor("bias", (size,), dtype, codes, Quantization(scale, zero)))

    def case(
        self,
        op: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        domain: tuple[float, float] = (-2.0, 2.0),
        **option: Any,
    ) -> Case:
        """Return the finished case; the activations among the inputs are the program's inputs."""
        p = self.program
        p.operators.append(
            Operator(op, list(inputs), list(outputs), options(op, **option), VERSIONS.get(op, 1))
        )
        free = [i for i in dict.fromkeys(inputs) if i >= 0 and p.tensors[i].data is None]
        p.inputs = [(p.tensors[i].name, i) for i in free if not p.tensors[i].variable]
        p.outputs = [(p.tensors[i].name, i) for i in outputs]
        return Case(op, p, domain)

    def _add(self, tensor: Tensor) -> int:
        self.seed += 1
        self.program.tensors.append(tensor)
        return len(self.program.tensors) - 1


def per_tensor(scale: float, zero: int) -> Quantization:
    """Return the quantization of an activation."""
    return Quantization(np.array([scale], np.float32), np.array([zero], np.int64))


def options(op: str, **values: Any) -> Any:
    """Return the schema's options object of `op` with `values` set; None if it has none."""
    name = SHARED_OPTIONS.get(op, op.replace("_", "")) + "OptionsT"
    found = OPTION_NAMES.get(name.lower())
    if found is None:
        return None
    result = getattr(schema, found)()
    if hasattr(result, "potScaleInt16"):
        result.potScaleInt16 = False  # the schema's default is a form of old converters
    for key, value in values.items():
        if not hasattr(result, key):
            raise AttributeError(f"{found} has no field {key}")
        setattr(result, key, value)
    return result


def draw(tensor: Tensor, domain: tuple[float, float], seed: int) -> Array:
    """Return values for an input: reals of `domain` (as codes, if quantized), small integers."""
    rng = np.random.default_rng(seed)
    if tensor.dtype == "BOOL":
        return rng.integers(0, 2, tensor.shape).astype(bool)
    if tensor.quantization is not None or tensor.dtype in ("FLOAT32", "FLOAT16"):
        return encode(rng.uniform(*domain, tensor.shape), tensor)
    low = math.ceil(domain[0])  # 0.5, where zero is not allowed, gives 1
    return rng.integers(low, 5, tensor.shape).astype(NUMPY_TYPES[tensor.dtype])


def encode(real: Array, tensor: Tensor) -> Array:
    """Return `real` as the tensor stores it."""
    dtype = np.dtype(NUMPY_TYPES[tensor.dtype])
    if tensor.quantization is None:
        return np.asarray(real).astype(dtype)
    scale, zero = tensor.quantization.scale.item(), tensor.quantization.zero_point.item()
    info = np.iinfo(dtype)
    codes: Array = np.clip(np.rint(real / scale) + zero, info.min, info.max).astype(dtype)
    return codes


def decode(stored: Array, tensor: Tensor) -> Array:
    """Return the real values (float64) of a quantized tensor, any other as it is."""
    quantization = tensor.quantization
    if quantization is None:
        return stored
    spread = np.ones(max(stored.ndim, 1), int)
    spread[quantization.axis if stored.ndim else 0] = quantization.scale.size
    scale = quantization.scale.astype(np.float64).reshape(spread)
    real: Array = (stored - quantization.zero_point.reshape(spread)) * scale
    return real


def surrounded(case: Case) -> Program | None:
    """Return the case's program with a RELU before each input and a square behind each output.

    None where neither can stand: they take float and quantized activations only. The square is a
    MUL because that is the operator before which v68 fails to compile others.
    """
    program = deepcopy(case.program)
    before, behind = (
        put(program, ends, b) for ends, b in ((program.inputs, True), (program.outputs, False))
    )
    if not before and not behind:
        return None
    program.operators = [*before, *program.operators, *behind]
    return program


def put(program: Program, ends: list[tuple[str, int]], before: bool) -> list[Operator]:
    """Move the ends of a program outwards by one operator each, where the type allows it."""
    made = []
    for place, (name, index) in enumerate(ends):
        if program.tensors[index].dtype in FLOATS and len(program.tensors[index].shape) in (
            2,
            3,
            4,
        ):
            outer = len(program.tensors)
            program.tensors.append(replace(program.tensors[index], name=f"outer{outer}"))
            made.append(
                Operator("RELU", [outer], [index])
                if before
                else Operator("MUL", [index, index], [outer], options("MUL"))
            )
            ends[place] = (name, outer)
    return made
