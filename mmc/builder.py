"""Record new nodes, as rules, passes and expansions write them: `out.Gemm(x, w, b, transB=1)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, overload

import numpy as np
import onnx_ir as ir
from onnx_ir import Graph, Node, Value

from mmc import opset
from mmc.naming import fresh_name
from mmc.values import SOURCES, Array, own_attrs

SINGLE = np.dtype(np.float32)


class Builder:
    """Records new nodes: `out.Gemm(x, w, b, transB=1)`, `out.mmc.Linear(x, w, b)`.

    Inputs are values, None, or anything numpy takes, which becomes a constant. A float has the type
    of the first operand that is a value of floats (float32 without one), an int is int64.
    `outputs=n` returns n values.
    """

    def __init__(self, domain: str = "", tape: ir.tape.Tape | None = None) -> None:
        self.domain = domain
        self.tape = ir.tape.Tape() if tape is None else tape

    @property
    def mmc(self) -> Builder:
        """The same recorder for operators of the mmc domain."""
        return Builder(opset.DOMAIN, self.tape)

    def __getattr__(self, op_type: str) -> Callable[..., Value]:
        if op_type.startswith("_"):
            raise AttributeError(op_type)
        return lambda *inputs, **attributes: self.node(op_type, inputs, **attributes)

    @overload
    def node(
        self, op_type: str, inputs: Sequence[Any], *, outputs: Literal[1] = 1, **attributes: Any
    ) -> Value: ...

    @overload
    def node(
        self, op_type: str, inputs: Sequence[Any], *, outputs: int, **attributes: Any
    ) -> Any: ...

    def node(
        self, op_type: str, inputs: Sequence[Any], *, outputs: int = 1, **attributes: Any
    ) -> Any:
        """Record one node; attributes that are None are left out."""
        dtype = float_type(inputs)
        lifted = [self.lift(x, dtype) for x in inputs]
        kept = {k: attribute(k, v) for k, v in attributes.items() if v is not None}
        values = self.tape.op_multi_out(
            op_type, lifted, kept, num_outputs=outputs, domain=self.domain
        )
        return values[0] if outputs == 1 else tuple(values)

    def again(self, node: Node, inputs: Sequence[Any], **changes: Any) -> Value:
        """Record a node of one result once more, with other inputs and some other attributes."""
        maker = self.mmc if node.domain == opset.DOMAIN else self
        made: Value = maker.node(node.op_type, inputs, **own_attrs(node) | changes)
        return made

    def lift(self, value: Any, dtype: np.dtype[Any] = SINGLE) -> Value | None:
        """Return a value for `value`: itself, or a new constant; a float becomes one of `dtype`."""
        if value is None or isinstance(value, Value):
            return value
        array = np.asarray(value, dtype if isinstance(value, float) else None)
        return self.tape.initializer(ir.Tensor(array), name=f"new_{len(self.tape.initializers)}")


def attribute(name: str, value: Any) -> Any:
    """Return the attribute for integers, what most nodes have; onnx_ir finds out what others are.

    It would ask of each number whether it is a tensor or a graph, at the cost of a whole rule.
    """
    if type(value) is int:
        return integers(name, value)
    if isinstance(value, (tuple, list)) and value and all(type(v) is int for v in value):
        return integers(name, tuple(value))
    return value


@lru_cache(1024)
def integers(name: str, value: int | tuple[int, ...]) -> ir.Attr:
    """Return the attribute, which never changes: thousands of nodes share a few."""
    return ir.AttrInt64(name, value) if isinstance(value, int) else ir.AttrInt64s(name, value)


def initializer(graph: Graph, like: Value, array: Array) -> Value:
    """Add a constant to a graph, named after the value that it is a part of."""
    name = fresh_name(graph, like.name or "")
    tensor = ir.tensor(array, name=name)
    kind, shape = ir.TensorType(tensor.dtype), ir.Shape(array.shape)
    value = Value(name=name, shape=shape, type=kind, const_value=tensor)
    graph.register_initializer(value)
    return value


def derived(
    graph: Graph,
    op_type: str,
    inputs: Sequence[Value],
    like: Value,
    note: Iterable[str],
    domain: str = "",
    **attributes: Any,
) -> Node:
    """Return a node, not yet in the graph, whose result is named, shaped and typed after `like`.

    Args:
        note: the user's nodes that it comes from.
    """
    node = ir.node(op_type, inputs, attributes, domain=domain)
    node.name = fresh_name(graph, like.name or "")
    node.metadata_props[SOURCES] = "\n".join(note)
    made = node.outputs[0]
    made.name, made.shape, made.type = fresh_name(graph, like.name or ""), like.shape, like.type
    return node


def float_type(inputs: Sequence[Any]) -> np.dtype[Any]:
    """Return the type of the first operand that is a value of floats, else float32."""
    dtypes = [x.dtype for x in inputs if isinstance(x, Value) and x.dtype is not None]
    return next((d.numpy() for d in dtypes if d.is_floating_point()), SINGLE)


def detach(nodes: Iterable[Node]) -> None:
    """Let go of what abandoned nodes read: else it would seem to have further uses."""
    for node in nodes:
        for position in range(len(node.inputs)):
            node.replace_input_with(position, None)
