"""Valid models, drawn op by op under shape constraints, for tests that must hold for every model.

A drawn model has shared weights, broadcasting, negative axes, several users of a value, outputs in
the middle, and pieces of what exporters write for activations and norms, each sometimes broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import strategies as st

from mmc.ir import Array, Model
from mmc.shapes import infer

Shape = tuple[int, ...]


@dataclass
class Drawing:
    """A model being drawn: `values` are the floats made so far, with their shapes."""

    draw: Callable[[Any], Any]
    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Shape] = field(default_factory=dict)

    def node(self, op_type: str, *inputs: Any, shape: Shape, **attributes: Any) -> str:
        """Add a node; arrays among the inputs become weights. Returns its result."""
        names = [i if isinstance(i, str) else self.weight(i) for i in inputs]
        name = f"v{len(self.nodes)}"
        made = onnx.helper.make_node(op_type, names, [name], name=f"n{name}", **attributes)
        self.nodes.append(made)
        self.values[name] = shape
        return name

    def weight(self, array: Any) -> str:
        """Add a constant."""
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def random(self, *shape: int) -> str:
        """Return a weight of this shape: often one that is there already, so weights are shared."""
        same = [n for n, w in self.weights.items() if w.shape == shape and w.dtype == np.float32]
        if same and self.draw(st.booleans()):
            return str(self.draw(st.sampled_from(same)))
        return self.weight(self.rng.standard_normal(shape).astype(np.float32) / 2)

    def pick(self, *, rank: int | None = None) -> str | None:
        """Return a value made so far, the latest more often; None if none has the rank."""
        fits = [n for n, s in self.values.items() if rank in (None, len(s))]
        return None if not fits else str(self.draw(st.sampled_from(fits + fits[-2:])))

    def number(self, value: float) -> Array:
        """Return a scalar, sometimes slightly off: a near miss of what a rule looks for."""
        off = self.draw(st.sampled_from([0.0, 0.0, 0.0, 0.25]))
        return np.array(value + off, np.float32)


def elementwise(d: Drawing) -> None:
    """One operand: activations, identities, casts there and back."""
    x = d.pick()
    assert x is not None
    kind = d.draw(st.sampled_from(["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity", "Exp"]))
    if kind == "Exp":
        x = d.node("Tanh", x, shape=d.values[x])
    d.node(kind, x, shape=d.values[x])


def with_constant(d: Drawing) -> None:
    """x ∘ c with c a number, one per channel, or of one per last axis, on either side."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    kind = d.draw(st.sampled_from(["Add", "Mul", "Sub", "Div", "Max", "Min", "Pow"]))
    form = d.draw(st.sampled_from(["number", "channel", "last"]))
    sizes = {"number": (), "last": shape[-1:], "channel": (shape[1],) + (1,) * (len(shape) - 2)}
    value = d.draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 6.0]))
    c = np.full(sizes[form], value, np.float32)
    if kind == "Div":
        c = c + np.float32(7)
    if kind == "Pow":
        x = d.node("Sigmoid", x, shape=shape)
    pair = (x, c) if kind in ("Div", "Pow") or d.draw(st.booleans()) else (c, x)
    d.node(kind, *pair, shape=shape)


def binary(d: Drawing) -> None:
    """x ∘ y of two values with one shape."""
    x = d.pick()
    assert x is not None
    same = [n for n, s in d.values.items() if s == d.values[x]]
    y = d.draw(st.sampled_from(same))
    d.node(d.draw(st.sampled_from(["Add", "Sub", "Mul", "Max"])), x, y, shape=d.values[x])


def clip(d: Drawing) -> None:
    """Clip with limits in order, or one of them missing."""
    x = d.pick()
    assert x is not None
    low = d.draw(st.sampled_from([-1.0, 0.0, 0.5]))
    high = d.draw(st.sampled_from([1.0, 6.0, 3.4028235e38]))
    limits = [np.array(low, np.float32), np.array(high, np.float32)]
    d.node("Clip", x, *limits[: d.draw(st.integers(1, 2))], shape=d.values[x])


def transpose(d: Drawing) -> None:
    """Any permutation."""
    x = d.pick()
    assert x is not None
    perm = d.draw(st.permutations(range(len(d.values[x]))))
    d.node("Transpose", x, shape=tuple(d.values[x][p] for p in perm), perm=perm)


def reshape(d: Drawing) -> None:
    """Flatten, split an axis, or copy with 0 and -1."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    size = int(np.prod(shape))
    options = [(size, 1), (1, *shape), (shape[0], size // shape[0]), (*shape[:-1], 1, shape[-1])]
    wanted = d.draw(st.sampled_from([o for o in options if 2 <= len(o) <= 4]))
    spelled = [0 if i < len(shape) and s == shape[i] else s for i, s in enumerate(wanted)]
    spelled[-1] = -1
    d.node("Reshape", x, np.array(spelled, np.int64), shape=wanted)


def reduce(d: Drawing) -> None:
    """Mean, sum or max over one axis, also counted from the back."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    axis = d.draw(st.integers(-len(shape), len(shape) - 1))
    kept = tuple(1 if i == axis % len(shape) else s for i, s in enumerate(shape))
    kind = d.draw(st.sampled_from(["ReduceMean", "ReduceSum", "ReduceMax"]))
    d.node(kind, x, np.array([axis]), shape=kept, keepdims=1)


def take(d: Drawing) -> None:
    """Slice or gather along one axis."""
    x = d.pick()
    assert x is not None
    shape = list(d.values[x])
    axis = d.draw(st.integers(0, len(shape) - 1))
    start = d.draw(st.integers(0, shape[axis] - 1))
    size, shape[axis] = shape[axis], shape[axis] - start
    if d.draw(st.booleans()):
        bounds = [np.array([v]) for v in (start - size, 2**31, axis, 1)]
        d.node("Slice", x, *bounds, shape=tuple(shape))
    else:
        d.node("Gather", x, np.arange(start, size), shape=tuple(shape), axis=axis - len(shape))


def conv(d: Drawing) -> None:
    """A convolution, plain or depthwise, with what an exporter puts around it."""
    x = d.pick(rank=4)
    if x is None:
        return
    n, c, h, w = d.values[x]
    if d.draw(st.booleans()):
        pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
        x, h, w = d.node("Pad", x, pads, shape=(n, c, h + 2, w + 2)), h + 2, w + 2
    group = d.draw(st.sampled_from([1, c]))
    outputs = c if group == c else 4
    weight = d.random(outputs, c // group, 1, 1)
    bias = [d.random(outputs)] if d.draw(st.booleans()) else []
    y = d.node("Conv", x, weight, *bias, shape=(n, outputs, h, w), group=group)
    if d.draw(st.booleans()):
        parts = [d.random(outputs) for _ in range(3)]
        variance = np.abs(d.rng.standard_normal(outputs)).astype(np.float32) + 1
        d.node("BatchNormalization", y, *parts, variance, shape=d.values[y])


def matmul(d: Drawing) -> None:
    """A constant product, with or without a bias."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    y = d.node("MatMul", x, d.random(shape[-1], 3), shape=(*shape[:-1], 3))
    if d.draw(st.booleans()):
        d.node("Add", y, d.random(3), shape=d.values[y])


def hard_swish(d: Drawing) -> None:
    """x * clip(x + 3, 0, 6) / 6 in several orders, sometimes with a wrong number."""
    x = d.pick()
    assert x is not None
    shape, six = d.values[x], d.number(6)
    shifted = d.node("Add", x, d.number(3), shape=shape)
    gate = d.node("Clip", shifted, np.float32(0), six, shape=shape)
    if d.draw(st.booleans()):
        gate = d.node("Div", gate, np.float32(6), shape=shape)
        d.node("Mul", x, gate, shape=shape)
    else:
        product = d.node("Mul", gate, x, shape=shape)
        d.node("Div", product, d.number(6), shape=shape)


def gelu(d: Drawing) -> None:
    """x (1 + erf(x / √2)) / 2, sometimes with a wrong number."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    inner = d.node("Erf", d.node("Div", x, d.number(2**0.5), shape=shape), shape=shape)
    gate = d.node("Add", inner, d.number(1), shape=shape)
    half = np.float32(0.5)
    if d.draw(st.booleans()):
        d.node("Mul", d.node("Mul", x, half, shape=shape), gate, shape=shape)
    else:
        d.node("Mul", d.node("Mul", x, gate, shape=shape), half, shape=shape)


def norm(d: Drawing) -> None:
    """A decomposed LayerNormalization or RMSNormalization over one axis, the last one or not."""
    x = d.pick()
    assert x is not None
    shape = d.values[x]
    axis = d.draw(st.sampled_from([len(shape) - 1, -1, 1]))
    kept = tuple(1 if i == axis % len(shape) else s for i, s in enumerate(shape))
    centred = x
    if d.draw(st.booleans()):
        mean = d.node("ReduceMean", x, np.array([axis]), shape=kept)
        centred = d.node("Sub", x, mean, shape=shape)
    square = d.node("Pow", centred, np.float32(2), shape=shape)
    variance = d.node("ReduceMean", square, np.array([axis]), shape=kept)
    shifted = d.node("Add", variance, np.float32(1e-3), shape=kept)
    y = d.node("Div", centred, d.node("Sqrt", shifted, shape=kept), shape=shape)
    scaled = d.node("Mul", y, d.random(shape[-1]), shape=shape)
    d.node("Add", scaled, d.random(shape[-1]), shape=shape)


STEPS = (elementwise, with_constant, binary, clip, transpose, reshape, reduce, take, conv, matmul)
IDIOMS = (hard_swish, gelu, norm)


@st.composite
def models(
    draw: Callable[[Any], Any],
    steps: int = 8,
    kinds: Sequence[Callable[[Drawing], None]] = STEPS + IDIOMS,
) -> Model:
    """Draw a model with one input and one to three outputs, any of them in the middle."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(1, 4, 5, 5), (2, 3, 4), (3, 4), (1, 4, 1, 6)]))
    drawing = Drawing(draw, rng, values={"x": shape})
    for _ in range(draw(st.integers(1, steps))):
        draw(st.sampled_from(kinds))(drawing)
    if not drawing.nodes:
        drawing.node("Relu", "x", shape=shape)
    made = list(drawing.values)[1:]
    names = {made[-1], *draw(st.lists(st.sampled_from(made), max_size=2))}
    return build(drawing, shape, [n for n in made if n in names])


def build(drawing: Drawing, shape: Shape, outputs: list[str]) -> Model:
    """Return the drawing as a checked model."""
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        drawing.nodes,
        "drawn",
        [make("x", onnx.TensorProto.FLOAT, shape)],
        [make(n, onnx.TensorProto.FLOAT, drawing.values[n]) for n in outputs],
        [onnx.numpy_helper.from_array(np.asarray(w), n) for n, w in drawing.weights.items()],
    )
    imports = [onnx.helper.make_opsetid("", 25)]
    proto = onnx.helper.make_model(graph, opset_imports=imports, ir_version=13)
    onnx.checker.check_model(proto, full_check=True)
    model = ir.from_proto(proto)
    infer(model)
    return model
