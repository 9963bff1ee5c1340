"""From the final IR to a TFLite program: tensors made on demand, one lowering function per op."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmc.backends.lowering import Lowerings, Unsupported
from mmc.backends.tflite.coded import (
    Codes,
    codes_of,
    is_weight,
    quantization_of,
    quantizer_of,
    unpacker_of,
)
from mmc.backends.tflite.names import Names
from mmc.backends.tflite.program import Array, Operator, Program, Quantization, Tensor, compact
from mmc.integers.integer_ops import INTEGER, dequantizer
from mmc.ir import Node, Value, constant, dtype_of, is_static, shape_of, sources

Lowering = Callable[["Emitter", Node], None]
LOWERINGS: Lowerings[Lowering] = Lowerings("mmc.backends.tflite.lowerings")
lowers = LOWERINGS.lowers
STAGES = ("decompose", "nhwc", "linear", "tflite")
"""The rules that bring operators to forms that are lowered here."""

# TFLite has no kernels worth the name for 64-bit types; values are checked when they are narrowed.
NARROW = {"int64": "int32", "float64": "float32", "uint64": "uint32"}
TFLITE_TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int64": "INT64",
    "int32": "INT32",
    "int16": "INT16",
    "int8": "INT8",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "bool": "BOOL",
    "int4": "INT4",
    "int2": "INT2",
}


SINGLE = (int, bool, float, str, type(None))
"""Types of an option that is one value."""


class Emitter:
    """Collects tensors and operators; every helper returns tensor indices.

    `npu`: for a neural processor, which unpacks no integer constants for float operators.
    """

    def __init__(self, *, npu: bool = False) -> None:
        self.npu = npu
        self.program = Program()
        self.integer = False
        self._tensors: dict[Value, int] = {}
        self._codes: dict[Value, int] = {}
        self._constants: dict[tuple[object, ...], int] = {}
        self._names = Names()
        self._reshaped: dict[int, int] = {}
        self._shapes: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._options: dict[tuple[object, ...], object] = {}
        self._sources: tuple[str, ...] = ()

    def tensor(self, value: Value | None) -> int:
        """Return the tensor of an IR value (-1 for an omitted input), making it at first use."""
        if value is None:
            return -1
        value, floats = self._resolve(value), value
        node = dequantizer(value)
        if self.integer and node is not None and is_weight(node):
            return self.codes(value, codes_of(node))  # an operator on floats may read it too
        if value not in self._tensors:
            array = constant(value)
            name = value.name or ""
            if array is not None:
                self._tensors[value] = self.constant(array, name)
            elif node is not None and not is_weight(node):
                packed = self.tensor(node.inputs[0])
                self._tensors[value] = self.new(shape_of(value), "float32", name)
                self.op("DEQUANTIZE", [packed], [self._tensors[value]])
            elif (quantizer := quantizer_of(value) or unpacker_of(value)) is not None:
                dtype, quantization = quantization_of(quantizer)
                tensor = Tensor(floats.name or name, shape_of(value), dtype, None, quantization)
                self._tensors[value] = self._add(tensor)
            elif node is not None and is_weight(node):
                self._tensors[value] = self._unpacked(value, codes_of(node))
            else:
                dtype = str(dtype_of(value))
                self._tensors[value] = self.new(shape_of(value), NARROW.get(dtype, dtype), name)
        return self._tensors[value]

    def _resolve(self, value: Value) -> Value:
        """Return the codes of a value while an integer operator is lowered, else the value."""
        if not self.integer:
            return value
        node = dequantizer(value)
        if node is not None and not is_weight(node) and node.inputs[0] is not None:
            return node.inputs[0]
        readers = [use.node for use in value.uses() if use.node.op_type == "QuantizeLinear"]
        return readers[0].outputs[0] if readers else value

    def _unpacked(self, value: Value, codes: Codes) -> int:
        """Return a quantized constant as floats; its rows may be the blocks of a larger matrix.

        An NPU unpacks no constants: there they are floats in the file.
        """
        if self.npu:
            return self.constant(codes.floats().reshape(shape_of(value)), value.name or "")
        packed = self.codes(value, codes)
        rows = self.op("DEQUANTIZE", [packed], [self.new(self.shape(packed), "float32")])
        if self.shape(rows) == shape_of(value):
            return rows
        return reshape_op(self, rows, self.new(shape_of(value), "float32"))

    def codes(self, value: Value, codes: Codes) -> int:
        """Return the integer tensor of a quantized constant; `value` are its floats."""
        if value not in self._codes:
            self._codes[value] = self._add(codes.tensor(value.name or ""))
        return self._codes[value]

    def alias(self, value: Value, tensor: int) -> None:
        """Let `value` be an existing tensor: for nodes that move no data."""
        self._tensors[self._resolve(value)] = tensor

    def add(self, tensor: Tensor) -> int:
        """Take a tensor as it is, under a name of its own; equal constants are one tensor."""
        if tensor.data is None:
            return self._add(tensor)
        if (key := tensor.content()) not in self._constants:
            self._constants[key] = self._add(tensor)
        return self._constants[key]

    def twin(self, tensor: int, shape: Sequence[int] | None = None) -> int:
        """Return a fresh tensor of the same type and scale, and the same shape unless given."""
        like = self.program.tensors[tensor]
        size = like.shape if shape is None else tuple(shape)
        return self._add(Tensor("", size, like.dtype, None, like.quantization))

    def constant(self, array: Array, name: str = "") -> int:
        """Return a constant tensor; equal small arrays share one. 64-bit types are narrowed."""
        array = narrow(np.asarray(array))
        tensor = Tensor(name, array.shape, type_name(array.dtype), array)
        return self.add(tensor) if array.nbytes <= 1024 else self._add(tensor)

    def new(self, shape: Sequence[int], dtype: str | np.dtype[np.generic], name: str = "") -> int:
        """Return a fresh tensor computed at run time; `dtype` is a numpy type name."""
        return self._add(Tensor(name, tuple(shape), type_name(dtype)))

    def like(self, value: Value, shape: Sequence[int] | None = None) -> int:
        """Return a fresh tensor with the type of `value`, and its shape unless one is given."""
        if self.integer:
            return self.twin(self.tensor(value), shape)
        dtype = str(dtype_of(value))
        return self.new(shape_of(value) if shape is None else shape, NARROW.get(dtype, dtype))

    def op(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: object | None = None,
        version: int = 1,
    ) -> int:
        """Append an operator; returns its first output. A RESHAPE reads what another one read."""
        if code == "RESHAPE":
            inputs = [self._reshaped.get(inputs[0], inputs[0]), *inputs[1:]]
            self._reshaped[outputs[0]] = inputs[0]
        shared = self._shared(options)
        self.program.operators.append(
            Operator(code, list(inputs), list(outputs), shared, version, self._sources)
        )
        return outputs[0]

    def _shared(self, options: object | None) -> object | None:
        """Return options equal to these: most of many operators have few."""
        if options is None:
            return None
        values = tuple(vars(options).values())
        if any(type(value) not in SINGLE for value in values):
            return options
        return self._options.setdefault((type(options), *values), options)

    def finish(self) -> Program:
        """Return the program without RESHAPEs and constants that nothing reads any more."""
        used = {index for _, index in self.program.outputs}
        used.update(i for op in self.program.operators for i in op.inputs)
        self.program.operators = [
            op for op in self.program.operators if op.code != "RESHAPE" or op.outputs[0] in used
        ]
        compact(self.program)
        return self.program

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.program.tensors[tensor].shape

    def quantize(self, tensor: int, quantization: Quantization) -> None:
        """Attach scales and zero points to a tensor."""
        self.program.tensors[tensor].quantization = quantization

    def node(self, node: Node) -> None:
        """Lower one node; raises Unsupported when there is no right way."""
        lowering = LOWERINGS.of(node)
        if lowering is None:
            raise Unsupported(
                f"mmc has no TFLite lowering for {node.domain or 'ONNX'} {node.op_type}"
            )
        for value in (*node.inputs, *node.outputs):
            if value is not None and value.name and not is_static(value):
                raise Unsupported(
                    f"the shape of {value.name!r} depends on data",
                    fix="bind the inputs that it is computed from with --const",
                )
        self._sources = sources(node)
        self.integer = INTEGER in node.metadata_props
        try:
            lowering(self, node)
        finally:
            self.integer = False

    def _add(self, tensor: Tensor) -> int:
        tensor.name = self._names.free(tensor.name or f"t{len(self.program.tensors)}")
        tensor.shape = self._shapes.setdefault(tensor.shape, tensor.shape)
        self.program.tensors.append(tensor)
        return len(self.program.tensors) - 1


def type_name(dtype: str | np.dtype[np.generic]) -> str:
    """Return the TensorType of a numpy type.

    Raises:
        Unsupported: when TFLite has none (float8, complex, text).
    """
    name = str(np.dtype(dtype))
    if name not in TFLITE_TYPES:
        raise Unsupported(f"TFLite has no tensors of type {name}", fix="cast it to another type")
    return TFLITE_TYPES[name]


def narrow(array: Array) -> Array:
    """Return `array` without 64-bit types.

    Raises:
        Unsupported: when an integer does not fit 32 bits.
    """
    target = NARROW.get(str(array.dtype))
    if target is None:
        return array
    if np.issubdtype(array.dtype, np.integer) and array.size:
        limits = np.iinfo(target)
        # Exporters write "to the end" as the largest 64-bit number; that saturates to the same.
        extreme = np.iinfo(array.dtype)
        beyond = (array < limits.min) | (array > limits.max)
        if (beyond & (array < extreme.max - 1) & (array > extreme.min + 1)).any():
            raise Unsupported("an integer constant does not fit 32 bits")
        array = np.clip(array, limits.min, limits.max)
    return array.astype(target)


def cast_op(e: Emitter, source: int, target: int) -> int:
    """Emit CAST between two tensors, to truth values on an NPU NOT_EQUAL.

    Hexagon's CAST to BOOL is one to bytes: of 0.4 and -2 it makes false (emulated).
    """
    from ai_edge_litert import schema_py_generated as schema

    before, after = (e.program.tensors[i].dtype for i in (source, target))
    if e.npu and after == "BOOL" and before in ("FLOAT32", "INT32"):
        zero = e.constant(np.zeros((), before.lower()))
        return e.op("NOT_EQUAL", [source, zero], [target], schema.NotEqualOptionsT())
    options = schema.CastOptionsT()
    kinds = vars(schema.TensorType)
    options.inDataType, options.outDataType = kinds[before], kinds[after]
    return e.op("CAST", [source], [target], options)


def reshape_op(e: Emitter, source: int, target: int) -> int:
    """Emit RESHAPE between two tensors (a copy, where the shapes are equal)."""
    from ai_edge_litert import schema_py_generated as schema

    options = schema.ReshapeOptionsT()
    options.newShape = list(e.shape(target))
    shape = e.constant(np.array(e.shape(target), np.int32))
    return e.op("RESHAPE", [source, shape], [target], options)
