"""Stable, readable text of a model: no addresses, no names, no weights (only their digests)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir

from mmc.values import digest, schema_of, sources, tensor_digest


def print_ir(model: ir.Model, digests: bool = False) -> str:
    """Return the model as text, one line a node; constants appear right before their first use.

    With `digests`, constants show a hash of their content, and nodes the user's nodes behind them.
    """
    return "".join(line + "\n" for line in _Printer(digests).graph(model.graph, "input"))


def numbered(model: ir.Model) -> dict[str, str]:
    """Return the names of the values by the numbers that `print_ir` gives them."""
    printer = _Printer(False)
    for _ in printer.graph(model.graph, "input"):
        pass
    return {number: value.name or "" for value, number in printer.names.items()}


class _Printer:
    """Numbers values in order of appearance: `%n` computed, `@n` constant."""

    def __init__(self, digests: bool) -> None:
        self.digests = digests
        self.names: dict[ir.Value, str] = {}
        self.constants = 0

    def graph(self, graph: ir.Graph, source: str) -> Iterator[str]:
        for value in graph.inputs:
            yield f"{self._declare(value)} = {source}"
        for node in graph:
            yield from self._constants(node.inputs)
            yield from self._node(node)
        yield from self._constants(graph.outputs)
        yield "return " + ", ".join(self._use(v) for v in graph.outputs)

    def _node(self, node: ir.Node) -> Iterator[str]:
        operands = ", ".join(self._use(v) for v in node.inputs)
        graphs = {n: a for n, a in sorted(node.attributes.items()) if _is_graph(a)}
        plain = plain_attributes(node)
        results = ", ".join(self._declare(v) if v.name else "_" for v in node.outputs)
        domain = "" if node.domain in ("", "ai.onnx") else node.domain + "."
        origin = sources(node) if self.digests else ()
        comment = "  # " + ", ".join(origin) if origin else ""
        yield f"{results} = {domain}{node.op_type}({operands}){plain}{comment}"
        for name, attribute in graphs.items():
            for graph in attribute.as_graphs() if _is_list(attribute) else [attribute.as_graph()]:
                yield f"  {name}:"
                yield from ("    " + line for line in self.graph(graph, "input"))

    def _constants(self, values: Any) -> Iterator[str]:
        for value in values:
            if value is not None and value not in self.names and value.is_initializer():
                self.names[value] = f"@{self.constants}"
                self.constants += 1
                tensor = value.const_value if self.digests else None
                content = "" if tensor is None else " " + tensor_digest(tensor)[:12]
                yield f"{self.names[value]}: {type_text(value)} = const{content}"

    def _declare(self, value: ir.Value) -> str:
        number = len(self.names) - self.constants
        self.names[value] = f"%{number}"
        return f"%{number}: {type_text(value)}"

    def _use(self, value: ir.Value | None) -> str:
        return "_" if value is None else self.names.get(value, f"<{value.name}>")


def type_text(value: ir.Value) -> str:
    """Return a value's type and shape: float[1,3,n]."""
    tensor = value.const_value
    dtype, shape = value.dtype, value.shape
    if tensor is not None and value.is_initializer():
        dtype, shape = tensor.dtype, ir.Shape(tensor.shape.numpy())
    if dtype is None or not isinstance(value.type, (ir.TensorType, type(None))):
        return "?" if value.type is None else str(value.type).lower()
    if shape is None:
        return f"{dtype.name.lower()}[*]"
    dims = (str(d) if isinstance(d, int) else d.value or "?" for d in shape.dims)
    return f"{dtype.name.lower()}[{','.join(dims)}]"


def plain_attributes(node: ir.Node) -> str:
    """Return the attributes by name, each after a blank; graphs are left out."""
    shown = (f" {n}={_text(a)}" for n, a in sorted(node.attributes.items()) if not _is_graph(a))
    return "".join(shown)


def attributes_text(node: ir.Node) -> str:
    """Return every attribute by name; graphs as their text on one line."""
    graphs = (a for _, a in sorted(node.attributes.items()) if _is_graph(a))
    inner = (g for a in graphs for g in (a.as_graphs() if _is_list(a) else [a.as_graph()]))
    bodies = (" {" + "; ".join(_Printer(True).graph(g, "input")) + "}" for g in inner)
    return (plain_attributes(node) + "".join(bodies)).strip()


@cache
def default_texts(domain: str, op_type: str) -> dict[str, str]:
    """Return the text of every attribute that has a default."""
    schema = schema_of(domain, op_type)
    given = schema.attributes.items() if schema else ()
    defaults = (
        (n, ir.serde.deserialize_attribute(a.default_value))
        for n, a in given
        if a.default_value.name
    )
    return {name: _text(attribute) for name, attribute in defaults}


def _is_list(attribute: ir.Attr) -> bool:
    return attribute.type == ir.AttributeType.GRAPHS


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def _text(attribute: ir.Attr) -> str:
    if attribute.is_ref():
        return f"@{attribute.ref_attr_name}"
    value = attribute.value
    if attribute.type == ir.AttributeType.TENSOR:
        tensor = attribute.as_tensor()
        return (
            f"tensor:{tensor.dtype.name.lower()}{list(tensor.shape)}:{digest(tensor.numpy())[:12]}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_scalar(v) for v in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value + '"'
    return str(np.float32(value)) if isinstance(value, float) else str(value)
