"""Let ONNX Runtime multiply 8-bit integers exactly on every processor.

On x86 without VNNI its products of signed 8-bit weights add pairs in 16 bits and saturate: an
operator that is exact by definition returns something else, without a word. Products of unsigned
operands do not, so a reference is run with w + 128 and zero point + 128 in place of w and its zero
point, which changes no result: (w + 128) - (z + 128) = w - z.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OFFSET = 128


@dataclass(frozen=True)
class Product:
    """Which inputs are 8-bit operands, each with the input that is its zero point.

    `result` is the zero point of an 8-bit result; -1 where the result is not of 8 bits.
    """

    operands: tuple[tuple[int, int], ...]
    result: int = -1


PRODUCTS = {
    "MatMulInteger": Product(((0, 2), (1, 3))),
    "ConvInteger": Product(((0, 2), (1, 3))),
    "QLinearMatMul": Product(((0, 2), (3, 5)), 7),
    "QLinearConv": Product(((0, 2), (3, 5)), 7),
    "MatMulIntegerToFloat": Product(((0, 4), (1, 5))),
    "DynamicQuantizeMatMul": Product(((1, 3),)),
    "QGemm": Product(((0, 2), (3, 5)), 8),
    "QAttention": Product(((0, 6), (1, 7))),
    "DynamicQuantizeLSTM": Product(((1, 9), (2, 11))),
}


def has_products(path: str | os.PathLike[str]) -> bool:
    """Say whether the file may hold such an operator, without parsing it."""
    if not Path(path).is_file() or not Path(path).stat().st_size:
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(name.encode()) >= 0 for name in PRODUCTS)


def make_unsigned(model: onnx.ModelProto) -> int:
    """Rewrite every product of the main graph that has signed operands; returns how many."""
    rewriter = _Rewriter(onnx.shape_inference.infer_shapes(model).graph)
    changed = sum(rewriter.rewrite(node) for node in model.graph.node)
    if changed:
        del model.graph.node[:]
        model.graph.node.extend(rewriter.nodes)
        model.graph.initializer.extend(rewriter.constants.values())
    return changed


class _Rewriter:
    """Collects the nodes of the new graph; constants are shifted here, values by added nodes."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.stored = dict(_stored(graph))
        self.signed = {*self.stored, *_declared(graph)}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.shifted: dict[str, str] = {}

    def rewrite(self, node: onnx.NodeProto) -> bool:
        """Append one node, its operands and its result made unsigned; says if it was changed."""
        product = PRODUCTS.get(node.op_type, Product(()))
        pairs = [(o, z) for o, z in product.operands if node.input[o] in self.signed]
        if not pairs:
            self.nodes.append(node)
            return False
        for operand, zero in pairs:
            node.input[operand] = self.unsigned(node.input[operand])
            self.move_zero(node, zero)
        result = node.output[0]
        restored = 0 <= product.result < len(node.input)
        if restored and node.input[product.result] in self.signed:
            self.move_zero(node, product.result)
            node.output[0] = f"{result} unsigned result"
            self.nodes.append(node)
            self.shift(node.output[0], "Sub", result, TensorProto.INT8)
        else:
            self.nodes.append(node)
        return True

    def move_zero(self, node: onnx.NodeProto, position: int) -> None:
        """Move a zero point with its operand; an omitted one was 0."""
        node.input.extend([""] * (position + 1 - len(node.input)))
        name = node.input[position]
        node.input[position] = self.unsigned(name) if name else self.constant("zero", np.uint8)

    def unsigned(self, name: str) -> str:
        """Return the name of `name` + 128 as uint8."""
        if name not in self.shifted:
            new = self.shifted[name] = f"{name} unsigned"
            if name in self.stored:
                codes = numpy_helper.to_array(self.stored[name]).view(np.uint8)
                shifted = np.bitwise_xor(codes, np.uint8(OFFSET))
                self.constants[new] = numpy_helper.from_array(shifted, new)
            else:
                self.shift(name, "Add", new, TensorProto.UINT8)
        return self.shifted[name]

    def shift(self, name: str, op_type: str, new: str, dtype: int) -> None:
        """Append new = name + or - 128 in another 8-bit type."""
        wide, moved = f"{new} wide", f"{new} moved"
        offset = self.constant("offset", np.int32)
        self.nodes += [
            helper.make_node("Cast", [name], [wide], to=TensorProto.INT32),
            helper.make_node(op_type, [wide, offset], [moved]),
            helper.make_node("Cast", [moved], [new], to=dtype),
        ]

    def constant(self, label: str, dtype: type) -> str:
        """Return the name of the constant 128."""
        name = f"mmc {label} {OFFSET}"
        self.constants.setdefault(name, numpy_helper.from_array(np.array(OFFSET, dtype), name))
        return name


def _stored(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield the int8 constants that are stored in the file itself."""
    found = [(t.name, t) for t in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            found += [(node.output[0], a.t) for a in node.attribute if a.name == "value"]
    for name, tensor in found:
        inline = tensor.data_location != TensorProto.EXTERNAL
        if tensor.data_type == TensorProto.INT8 and inline:
            yield name, tensor


def _declared(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the values known to be int8: declared, inferred, or stored beside the file."""
    yield from (t.name for t in graph.initializer if t.data_type == TensorProto.INT8)
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.INT8:
            yield value.name
