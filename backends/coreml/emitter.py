"""From the final IR to a MIL program: variables made on demand, one lowering function per op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmc.backends.coreml.half import LARGE, LARGEST_HALF, fits_half, to_half
from mmc.backends.coreml.program import NUMPY_TYPES, Array, Operation, Program, Var
from mmc.backends.lowering import FollowsRefused, Lowerings, Unsupported
from mmc.ir import Node, Value, constant, dtype_of, is_static, shape_of, sources

Lowering = Callable[["Emitter", Node], None]
LOWERINGS: Lowerings[Lowering] = Lowerings("mmc.backends.coreml.lowerings")
lowers = LOWERINGS.lowers
MAX_RANK = 5
FLOATS = frozenset({"fp16", "fp32"})
LEAST_HALF = 2.0**-24
SHARED_BYTES = 1024
"""Constants up to this many bytes are compared by content, larger ones by identity."""


class Emitter:
    """Collects operations.

    Attributes:
        float: the type that floats are computed in, "fp16" or "fp32"; it may change on the way.
        version: the specification version, 7 for iOS 16 to 9 for iOS 18; 10 for iOS 26.
        sources: the user's nodes that operations come from now.
    """

    def __init__(self, precision: str = "fp16", version: int = 9) -> None:
        self.program = Program(opset=f"CoreML{version - 1}", version=version)
        self.float = precision
        self.version = version
        self._vars: dict[Value, Var] = {}
        self._known: dict[tuple[Value, str], Var] = {}
        self._deferred: dict[Value, Callable[[], Var]] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Var] = {}
        self._casts: dict[tuple[Var, str], Var] = {}
        self.sources: tuple[str, ...] = ()

    # --- values of the graph

    def var(self, value: Value | None) -> Var:
        """Return the variable of an IR value; constants are made at first use.

        Raises:
            Unsupported: for a tensor of more axes than MIL has.
        """
        found = self.flat(value)
        if found.shape != shape_of(value):
            raise Unsupported(f"{value.name if value else ''!r} has rank {len(shape_of(value))}")
        return found

    def flat(self, value: Value | None) -> Var:
        """Return a variable with the elements of `value` in order; its shape may differ.

        Floats are in the type that is computed with now.
        """
        found = self.raw(value)
        return self.cast(found, self.float) if found.dtype in FLOATS else found

    def raw(self, value: Value | None) -> Var:
        """Return the variable of an IR value in the type that it was made in."""
        if value is None:
            raise Unsupported("an input is omitted")
        if value in self._vars:
            return self._vars[value]
        key = value, self.float
        if key not in self._known:
            self._known[key] = self._constant_of(value)
        return self._known[key]

    def _constant_of(self, value: Value) -> Var:
        if value in self._deferred:
            return self._deferred[value]()
        array = constant(value)
        if array is None:
            raise FollowsRefused(f"{value.name!r} is computed by an operator that is refused")
        return self.constant(array, value.name or "")

    def defer(self, value: Value, make: Callable[[], Var]) -> None:
        """Let `value` be a constant that `make` unpacks for a reader, in the float type of it."""
        self._deferred[value] = make

    def optional(self, node: Node, position: int) -> Var | None:
        """Return an operand's variable; None if it is omitted."""
        value = node.inputs[position] if position < len(node.inputs) else None
        return None if value is None else self.var(value)

    def set(self, value: Value, var: Var) -> None:
        """Let `value` be `var`, which takes its name unless it has one."""
        if not var.name and not var.is_constant:
            var.name = value.name or ""
        self._vars[value] = var

    def is_set(self, value: Value) -> bool:
        """Say whether an IR value has its variable already."""
        return value in self._vars

    def type_of(self, value: Value | None) -> str:
        """Return the MIL type that values of the IR value's type are computed in."""
        return self.mil_type(dtype_of(value))

    def mil_type(self, dtype: np.dtype[Any]) -> str:
        """Return the MIL type for a numpy type; integers are 32 bits wide."""
        if dtype.kind == "b":
            return "bool"
        if dtype.kind in "iu":
            return "int32"
        if dtype.kind in "fV":
            return self.float
        raise Unsupported(f"Core ML has no tensors of type {dtype}", "move that part out")

    # --- constants

    def constant(self, array: Array, name: str = "") -> Var:
        """Return a constant in the type it is computed in; equal small ones are one."""
        array = np.asarray(array)
        kind = self.mil_type(array.dtype)
        return self.typed(self.convert(array, kind), kind, name)

    def convert(self, array: Array, kind: str) -> Array:
        """Return the data in a MIL type: finite numbers stay finite, long integers are cut.

        A single number that is not 0 stays so: it may be all that keeps a divisor from being 0.
        Many float32 numbers are left for the writer to round: both forms would take memory.
        """
        if kind == "fp16" and array.dtype != np.float16:
            if array.size > 1 and array.dtype == np.float32 and fits_half(array):
                return array if array.size >= LARGE else to_half(array)
            limit = np.asarray(LARGEST_HALF, array.dtype)
            fits = not array.size or (-limit <= array.min() and array.max() <= limit)
            if not fits:
                inside = np.isinf(array) | (np.abs(array) <= limit)
                array = np.where(inside, array, np.clip(array, -limit, limit))
            if array.size == 1 and 0 < abs(array.item()) < LEAST_HALF:
                array = np.copysign(np.asarray(LEAST_HALF, array.dtype), array)
        elif kind == "int32" and array.dtype.itemsize > 4 and array.size:
            limits = np.iinfo(np.int32)
            array = np.clip(array, limits.min, limits.max)
        return array.astype(NUMPY_TYPES[kind], copy=False)

    def typed(self, data: Array | str, kind: str, name: str = "") -> Var:
        """Return a constant of a given MIL type, whose data is in that type already."""
        if isinstance(data, str):
            key = (kind, (), data.encode())
            return self._constants.setdefault(key, Var(name, kind, (), data))
        if data.nbytes > SHARED_BYTES:
            return Var(name, kind, data.shape, data)
        key = (kind, data.shape, data.tobytes())
        return self._constants.setdefault(key, Var(name, kind, data.shape, data))

    def lift(self, operand: Any) -> Var:
        """Return a variable for an operand: itself, or a constant for a Python or numpy value."""
        if isinstance(operand, Var):
            return operand
        if isinstance(operand, str):
            return self.typed(operand, "string")
        if isinstance(operand, (list, tuple)) and not operand:
            operand = np.zeros(0, np.int32)
        return self.constant(np.asarray(operand))

    # --- operations

    def op(self, code: str, shape: Sequence[int], dtype: str, /, **inputs: Any) -> Var:
        """Append an operation of one result and return that.

        Operands are variables, lists of variables, Python values (a constant), or None (left out).
        """
        return self.ops(code, [(shape, dtype)], **inputs)[0]

    def ops(
        self, code: str, results: Sequence[tuple[Sequence[int], str]], /, **inputs: Any
    ) -> list[Var]:
        """Append an operation of several results, each a shape and a MIL type."""
        operands = {
            name: [self.lift(x) for x in operand] if _is_variadic(operand) else [self.lift(operand)]
            for name, operand in inputs.items()
            if operand is not None
        }
        outputs = [Var("", dtype, tuple(int(d) for d in shape)) for shape, dtype in results]
        self.program.operations.append(Operation(code, operands, outputs, self.sources))
        return outputs

    def like(self, code: str, x: Var, /, **inputs: Any) -> Var:
        """Append an operation on `x` whose result has its shape and type."""
        return self.op(code, x.shape, x.dtype, x=x, **inputs)

    def cast(self, x: Var, dtype: str) -> Var:
        """Return `x` in another type: itself if it has it, what it was cast from, or a cast."""
        if x.dtype == dtype:
            return x
        if (x, dtype) in self._casts:
            return self._casts[x, dtype]
        if x.is_constant and isinstance(x.data, np.ndarray):
            data = to_half(x.data) if x.dtype == "fp16" and x.data.dtype == np.float32 else x.data
            return self.typed(self.convert(data, dtype), dtype)
        made = self.op("cast", x.shape, dtype, x=x, dtype=dtype)
        self._casts[x, dtype] = made
        if {x.dtype, dtype} == FLOATS:
            self._casts[made, x.dtype] = x
        return made

    def reshape(self, x: Var, shape: Sequence[int]) -> Var:
        """Return `x` in another shape: itself if it has it."""
        shape = tuple(int(d) for d in shape)
        if x.shape == shape:
            return x
        if len(shape) > MAX_RANK:
            raise Unsupported(f"a tensor of rank {len(shape)}: MIL has at most {MAX_RANK} axes")
        if not shape:
            return self.op("squeeze", (), x.dtype, x=x, axes=tuple(range(len(x.shape))))
        return self.op("reshape", shape, x.dtype, x=x, shape=shape)

    def origin(self, node: Node | None) -> None:
        """Let operations that follow come from the user's nodes behind `node`."""
        self.sources = sources(node) if node is not None else ()

    def node(self, node: Node) -> None:
        """Lower one node; raises Unsupported when there is no right way."""
        lowering = LOWERINGS.of(node)
        if lowering is None:
            domain = node.domain or "ONNX"
            raise Unsupported(f"mmc has no Core ML lowering for {domain} {node.op_type}")
        for value in (*node.inputs, *node.outputs):
            if value is None or not value.name:
                continue
            if not is_static(value):
                fix = "bind the inputs that it is computed from with --const"
                raise Unsupported(f"the shape of {value.name!r} depends on data", fix)
            if 0 in shape_of(value) and constant(value) is None and value in node.outputs:
                why = f"{value.name!r} has no elements, and Core ML no such tensors"
                raise Unsupported(why, "larger inputs, where they are too small for the model")
        self.origin(node)
        lowering(self, node)


def _is_variadic(operand: Any) -> bool:
    return isinstance(operand, list) and bool(operand) and isinstance(operand[0], Var)
