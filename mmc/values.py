"""Small questions to ask of a value or a node, answered in Python and numpy terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

OPSET = 25
"""The opset of a model in working form."""

DIGEST = "mmc.digest"
ARRIVED_QUANTIZED = "mmc.arrived_quantized"
"""Metadata key of a model that was quantized when it was loaded: which node says so."""

WEIGHT_ONLY = "mmc.weight_only"
"""Metadata key of a model that arrived quantized in its weights alone."""

CHANGED_GRIDS = "mmc.changed-grids"
"""Metadata key of such a model: how many scales of its activations are others now."""

OPEN_GRIDS = "mmc.open-grids"
"""Metadata key of such a model: how many of its layers have no scale for what they make."""

WIDENED = "mmc.widened"
"""Metadata key of a model that is computed in float32 here, and was made for float16."""

UNSETTLED = "mmc.unsettled"
"""Metadata key of a model on which rewrite rules undid each other: their names."""

UNSETTLED_PHASES = "mmc.unsettled-phases"
"""Metadata key of a model on which phases were stopped early: their names and what changed last."""

SOURCES = "mmc.sources"
"""Metadata key of a node: the names of the user's nodes it came from, one per line."""

WHY_KEPT = "mmc.why-kept"
"""Metadata key of a node of classical machine learning: why it was not written as standard ONNX."""

Array = npt.NDArray[Any]


GRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def every_node(graph: ir.Graph | ir.Function) -> Iterator[ir.Node]:
    """Yield the nodes of a graph, each before those of the graphs inside it.

    It is what `all_nodes` of onnx_ir does, several times as fast where few nodes have graphs.
    """
    for node in graph:
        yield node
        for attribute in node.attributes.values():
            if attribute.type in GRAPHS and not attribute.is_ref():
                inner = attribute.value
                for body in inner if attribute.type is ir.AttributeType.GRAPHS else (inner,):
                    yield from every_node(body)


def constant(value: ir.Value | None) -> Array | None:
    """Return the array of a constant value (read-only when it lives in a file), else None."""
    if value is None:
        return None
    tensor = value.const_value
    if tensor is None and value.producer() is not None:
        tensor = ir.convenience.get_const_tensor(value)  # of a Constant node
    return None if tensor is None else tensor.numpy()


def attrs(node: ir.Node) -> dict[str, Any]:
    """Return the node's attributes as Python values, with ONNX's defaults for the omitted ones.

    Strings are `str`, lists are tuples, tensors are arrays, graphs are `Graph`.
    """
    return dict(_defaults(node.domain, node.op_type)) | own_attrs(node)


def operand(node: ir.Node, place: int) -> ir.Value | None:
    """Return an input; None where it is left out, also at the end of the list."""
    return node.inputs[place] if place < len(node.inputs) else None


def own_attrs(node: ir.Node) -> dict[str, Any]:
    """Return the attributes that the node has itself, as `attrs` returns them."""
    return {name: _python(attribute) for name, attribute in node.attributes.items()}


@cache
def _defaults(domain: str, op_type: str) -> tuple[tuple[str, Any], ...]:
    schema = schema_of(domain, op_type)
    if schema is None:
        return ()
    given = ((name, a.default_value) for name, a in schema.attributes.items())
    return tuple(
        (name, _python(ir.serde.deserialize_attribute(default)))
        for name, default in given
        if default.name
    )


@cache
def schema_of(domain: str, op_type: str) -> onnx.defs.OpSchema | None:
    """Return the ONNX schema of an operator in the working opset, or None."""
    domain = "" if domain == "ai.onnx" else domain
    version = OPSET if domain == "" else onnx.defs.onnx_opset_version()
    if not onnx.defs.has(op_type, version, domain):
        return None
    return onnx.defs.get_schema(op_type, version, domain)


def _python(attribute: ir.Attr) -> Any:
    if attribute.is_ref():
        raise ValueError(f"attribute {attribute.name!r} refers to a function's attribute")
    if attribute.type == ir.AttributeType.TENSOR:
        return attribute.as_tensor().numpy()
    if attribute.type == ir.AttributeType.TENSORS:
        return tuple(t.numpy() for t in attribute.as_tensors())
    value = attribute.value
    return tuple(value) if isinstance(value, (list, tuple)) else value


class NotInferredError(ValueError):
    """A type or a dimension is not known. A rule that asks for it does not match."""


def shape_of(value: ir.Value | None) -> tuple[int, ...]:
    """Return the static shape of a value; raises NotInferredError if a dimension is unknown."""
    shape = None if value is None else value.shape
    dims = () if shape is None else shape.dims
    known = tuple([d for d in dims if isinstance(d, int)])
    if shape is None or len(known) < len(dims):
        name = None if value is None else value.name
        raise NotInferredError(f"value {name!r} has no static shape: {shape}")
    return known


def is_static(value: ir.Value) -> bool:
    """Say whether every dimension of the value is known."""
    shape = value.shape
    return shape is not None and not [d for d in shape.dims if not isinstance(d, int)]


def dtype_of(value: ir.Value | None) -> np.dtype[Any]:
    """Return the numpy type of a value's elements; raises NotInferredError if it is unknown."""
    if value is None or value.dtype is None:
        name = None if value is None else value.name
        raise NotInferredError(f"value {name!r} has no known type")
    return np.dtype(value.dtype.numpy())


def digest(array: Array) -> str:
    """Return a hash of an array's type, shape and content; contiguous data is not copied."""
    state = blake2b(f"{array.dtype.name}{array.shape}".encode(), digest_size=16)
    if array.dtype == object:
        state.update(repr(array.tolist()).encode())
    elif array.size:
        state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def tensor_digest(tensor: ir.TensorProtocol) -> str:
    """Return the digest of a tensor's array, computed once: tensors do not change."""
    found = tensor.meta.get(DIGEST)
    if found is None:
        found = tensor.meta[DIGEST] = digest(tensor.numpy())
    return str(found)


def origin_of(nodes: Iterable[ir.Node]) -> str:
    """Return the names of the user's nodes that several nodes came from, a line each."""
    return "\n".join(dict.fromkeys(name for node in nodes for name in sources(node)))


def sources(node: ir.Node) -> tuple[str, ...]:
    """Return the names of the user's nodes that this node came from."""
    found = node.metadata_props.get(SOURCES)
    return () if found is None else _lines(found)


@lru_cache(4096)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n"))


def discard(node: ir.Node) -> None:
    """Remove a node that nothing needs, and let go of what the bodies of an If or a Loop read.

    A node of a body that is gone would else stay a user of the outer graph's values.
    """
    for attribute in node.attributes.values():
        body = attribute.value if attribute.type is ir.AttributeType.GRAPH else None
        if isinstance(body, ir.Graph):
            body.outputs.clear()
            for inner in reversed(body):
                discard(inner)
    assert isinstance(node.graph, ir.Graph)
    node.graph.remove(node, safe=True)
