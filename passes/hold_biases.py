"""Biases as Qualcomm's NPU holds them beside 16-bit activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.builder import initializer
from mmc.integers.biases import LEAST_FACTOR
from mmc.integers.integer_ops import dequantizer, layer_of
from mmc.ir import Array, Graph, Model, Node, attrs, constant, operand
from mmc.pass_manager import Contract, Pass

UPPER = 256
"""Products of codes in one of the upper bytes', which the NPU adds in."""
KEPT = 1 / 32
"""Of an upper one: how far a multiple is raised, as one that is rounded to less loses one whole."""
FREE = 2.0**20
"""Products of codes that are the bias of a channel without weights: a step in 2^17 is lost."""


@dataclass(frozen=True)
class HoldBiases(Pass):
    """b -> scale(x) scale(w) held(b), in layers of 16-bit activations.

    The NPU adds the products of the codes' upper and lower bytes apart, in units of 256 products of
    codes: sum(w upper(x)) + floor(sum(w lower(x)) / 256) + trunc(b / 256), bit by bit. A bias loses
    up to 255 products that way, the floor half as many in the mean: positive ones are too small by
    a whole unit, and channels of coarse scales move. Those become the nearest multiple. Negative
    ones lose as much as the floor takes: they become the middle of what is cut off to the same,
    which is the NPU's mean, so that every processor computes it. A channel without weights is its
    bias alone: a fine scale holds it.
    """

    name = "hold-biases"
    contract = Contract.LOSSY
    budget_db = 3.0

    def run(self, model: Model) -> int:
        """Return the number of layers whose bias changes."""
        return sum(hold(model.graph, node) for node in model.graph if layer_of(node))


def hold(graph: Graph, node: Node) -> bool:
    """Round the bias of a layer, if it has one and its activations have 16 bits."""
    source, weight = (dequantizer(operand(node, place)) for place in (0, 1))
    bias, given = operand(node, 2), constant(operand(node, 2))
    if source is None or weight is None or bias is None or given is None:
        return False
    step, codes, scale = constant(source.inputs[1]), *map(constant, weight.inputs[:2])
    if source.inputs[0].dtype != ir.DataType.INT16 or step is None:  # type: ignore[union-attr]
        return False
    if codes is None or scale is None or scale.size not in (1, given.size):
        return False
    new, free = scale, np.zeros(given.size, bool)
    if len(weight.outputs[0].uses()) == 1 and scale.shape == (given.size,):
        free = empty(codes, attrs(weight)["axis"])
        least = LEAST_FACTOR * step_of(node) / step.item()
        new = fitted(scale, given.reshape(-1) / np.float64(step.item()), free, least)
    product = np.float64(step.item()) * new.reshape(-1).astype(np.float64)
    times = held(given.reshape(-1) / product, free)
    after = (times * product).astype(np.float32).reshape(given.shape)
    return put(graph, weight, 1, scale, new) | put(graph, node, 2, given, after)


def put(graph: Graph, node: Node, place: int, before: Array, after: Array) -> bool:
    """Let a node read another constant, if it is another."""
    like = node.inputs[place]
    if like is None or np.array_equal(before, after):
        return False
    node.replace_input_with(place, initializer(graph, like, after))
    return True


def held(bias: Array, free: Array) -> Array:
    """Return what becomes of biases, in products of codes; those of free channels are all there is.

    What is nearer to 0 than to the first middle below it becomes 0.
    """
    whole = np.rint(np.abs(bias) / UPPER)
    nearest = np.sign(bias) * UPPER * np.where(whole > 0, whole + KEPT, 0)
    middle = -UPPER * (np.floor(-bias / UPPER) + 0.5)
    return np.where(free | (bias > -UPPER / 4), nearest, middle)


def empty(codes: Array, axis: int) -> Array:
    """Return which channels of a weight have no code but 0."""
    rows = np.moveaxis(codes, axis, 0)
    return np.asarray(~rows.reshape(len(rows), -1).astype(bool).any(axis=1))


def step_of(node: Node) -> float:
    """Return the scale of the codes that a layer makes; 0 if none are made of its result."""
    users = [use.node for use in node.outputs[0].uses() if use.node.op_type == "QuantizeLinear"]
    scale = constant(users[0].inputs[1]) if users else None
    return 0.0 if scale is None else float(scale.item())


def fitted(scale: Array, bias: Array, free: Array, least: float) -> Array:
    """Return the scales with those of free channels by the bias, which is in codes of the input."""
    fine = np.maximum(np.abs(bias) / FREE, least) * (bias != 0)
    change = free & (fine > 0) & (np.abs(scale / np.maximum(fine, 1e-38) - 1) > 2 * UPPER / FREE)
    return np.where(change, fine, scale).astype(np.float32)
