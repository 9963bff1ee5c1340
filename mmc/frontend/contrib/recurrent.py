"""LSTM whose products are of integers: a Scan over time, which the passes unroll."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir import Value

from mmc.builder import Builder
from mmc.frontend.contrib.quantized import integer_product
from mmc.frontend.contrib.registry import Call, NotExpandable, expands
from mmc.values import Array

DIRECTIONS = {"forward": (0,), "reverse": (1,), "bidirectional": (0, 1)}
"""Which way each direction runs: 1 is backwards."""
UNKNOWN = {"clip", "activation_alpha", "activation_beta"}
PLAIN = ["Sigmoid", "Tanh", "Tanh"]


@expands("DynamicQuantizeLSTM")
def dynamic_quantize_lstm(out: Any, call: Call) -> Any:
    """LSTM with x and h quantized anew, all of x at once and h at every step.

    So does ONNX Runtime on one thread; on several it takes the rows of a batch apart. As in ONNX's
    LSTM, but W is (directions, input, 4 hidden) and R (directions, hidden, 4 hidden).
    """
    refuse_rare(call)
    ways = DIRECTIONS[call.get("direction", "forward")]
    x, scale, zero = out.node("DynamicQuantizeLinear", [call.need(0)], outputs=3)
    found = [one_direction(out, call, d, ways[d], (x, scale, zero)) for d in range(len(ways))]
    y, h, c = (list(column) for column in zip(*found, strict=True))
    every = [out.Unsqueeze(v, [1]) for v in y]
    return tuple(joined(out, parts, axis) for parts, axis in ((every, 1), (h, 0), (c, 0)))


def refuse_rare(call: Call) -> None:
    """Raise NotExpandable for what no exporter writes."""
    for index, what in ((4, "sequence lengths"), (7, "peepholes")):
        if call.input(index) is not None:
            raise NotExpandable(what)
    odd = sorted(UNKNOWN & call.attributes.keys())
    if odd or call.attributes.get("input_forget"):
        raise NotExpandable(f"attribute {odd[0] if odd else 'input_forget'}")
    given = call.get("activations", PLAIN)
    if any(name != PLAIN[i % 3] for i, name in enumerate(given)):
        raise NotExpandable(f"activations {', '.join(given)}")


def joined(out: Any, parts: list[Value], axis: int) -> Any:
    """Return the directions side by side."""
    return parts[0] if len(parts) == 1 else out.node("Concat", parts, axis=axis)


def one_direction(
    out: Any, call: Call, d: int, backwards: int, x: tuple[Value, Value, Value]
) -> tuple[Value, Value, Value]:
    """Return y (steps, batch, hidden), h and c (1, batch, hidden) of one direction."""
    hidden = call.get("hidden_size", 0)
    bias = None if call.input(3) is None else out.Gather(call.need(3), np.array(d))
    w, r = (weights(out, call, d, i) for i in (1, 2))
    gates = integer_product(out, (x[0], x[2]), w[:2], out.Mul(x[1], w[2]))
    if bias is not None:
        both = out.node("Split", [bias, np.array([4 * hidden] * 2)], outputs=2, axis=0)
        gates = out.Add(gates, out.Add(*both))
    states = [first_state(out, call, d, i, hidden) for i in (5, 6)]
    body = step(f"{call.node.name}/mmc.step{d}", hidden, r)
    h, c, y = out.node(
        "Scan",
        [*states, gates],
        outputs=3,
        body=body,
        num_scan_inputs=1,
        scan_input_directions=[backwards],
        scan_output_directions=[backwards],
    )
    return y, out.Unsqueeze(h, [0]), out.Unsqueeze(c, [0])


def weights(out: Any, call: Call, d: int, index: int) -> tuple[Value, Value, Value]:
    """Return the codes, zero point and scale of W (index 1) or R (2) in one direction.

    They are unsigned, as ONNX Runtime's products of signed codes may saturate (`mmc.verification.
    unsigned`), which it looks after in the main graph only.
    """
    first = 8 if index == 1 else 10
    codes, scale = call.constant(index)[d], out.Gather(call.need(first), np.array(d))
    given = call.input(first + 1) is not None
    zero = np.asarray(call.constant(first + 1)[d] if given else np.zeros((), codes.dtype))
    return out.lift(unsigned(codes)), out.lift(unsigned(zero)), scale


def unsigned(codes: Array) -> Array:
    """Return 8-bit codes plus 128 if they are signed: bytes with the highest bit flipped."""
    return codes if codes.dtype == np.uint8 else codes.view(np.uint8) ^ np.uint8(128)


def first_state(out: Any, call: Call, d: int, index: int, hidden: int) -> Any:
    """Return the initial h or c (batch, hidden) of one direction: zeros if none is given."""
    if call.input(index) is not None:
        return out.Gather(call.need(index), np.array(d))
    batch = out.node("Shape", [call.need(0)], start=1, end=2)
    return out.Expand(np.zeros((1, 1), np.float32), out.node("Concat", [batch, [hidden]], axis=0))


def step(base: str, hidden: int, r: tuple[Value, Any, Value]) -> ir.Graph:
    """Return the body (h, c, gates of x) -> (h, c, y); the gates are in the order i, o, f, c."""
    out: Any = Builder()
    kind = ir.TensorType(ir.DataType.FLOAT)
    h, c, x = (Value(name=f"{base}/{n}", type=kind) for n in ("h", "c", "x"))
    codes, scale, zero = out.node("DynamicQuantizeLinear", [h], outputs=3)
    gates = out.Add(integer_product(out, (codes, zero), r[:2], out.Mul(scale, r[2])), x)
    i, o, f, g = out.node("Split", [gates], outputs=4, axis=-1, num_outputs=4)
    kept = out.Mul(out.Sigmoid(f), c)
    state = out.Add(kept, out.Mul(out.Sigmoid(i), out.Tanh(g)))
    result = out.Mul(out.Sigmoid(o), out.Tanh(state))
    y = out.Identity(result)
    for number, node in enumerate(out.tape.nodes):
        node.name = f"{base}/{number}"
        for value in node.outputs:
            value.name = f"{base}/{number}_{value.index()}"
    for value in (result, state, y):
        value.type = kind
    return ir.Graph([h, c, x], [result, state, y], nodes=out.tape.nodes, name=base)
