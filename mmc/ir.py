"""The intermediate representation: onnx_ir's types, and how models come in, go out and are shown.

A loaded Model is in *working form*: opset 25, IR version 13, functions inlined, every constant an
initializer (large ones memory-mapped from their file), every node named.
"""

from __future__ import annotations

from onnx_ir import (
    Attr,
    AttributeType,
    DataType,
    ExternalTensor,
    Function,
    Graph,
    Model,
    Node,
    Shape,
    Tensor,
    TensorType,
    Value,
)

from mmc.frontend.loading import load, parse
from mmc.printing import print_ir
from mmc.saving import save
from mmc.values import (
    OPSET,
    SOURCES,
    Array,
    attrs,
    constant,
    digest,
    discard,
    dtype_of,
    is_static,
    operand,
    origin_of,
    own_attrs,
    schema_of,
    shape_of,
    sources,
)

__all__ = [
    "OPSET",
    "SOURCES",
    "Array",
    "Attr",
    "AttributeType",
    "DataType",
    "ExternalTensor",
    "Function",
    "Graph",
    "Model",
    "Node",
    "Shape",
    "Tensor",
    "TensorType",
    "Value",
    "attrs",
    "constant",
    "digest",
    "discard",
    "dtype_of",
    "is_static",
    "load",
    "operand",
    "origin_of",
    "own_attrs",
    "parse",
    "print_ir",
    "save",
    "schema_of",
    "shape_of",
    "sources",
]
