"""The biases of a model's last layers, corrected by the mean error that integers leave there.

Rounding is no zero-mean noise: where inputs are much alike, what it makes of the layers in front is
the same error for all of them. At the outputs a bias takes that up for nothing.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
    ICCV 2019, section 4.2, with means that data give, of the layers that no other layer follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmc.builder import initializer
from mmc.integers.calibration import MEAN_SAMPLES, Data, calibrate
from mmc.integers.integer_ops import layer_of
from mmc.integers.layers import channel_axis, ends_the_model
from mmc.ir import Array, Graph, Model, Node, attrs, constant, operand, shape_of
from mmc.opset import DOMAIN, split_activation

SURE = 2.0
"""Standard errors that a mean has to be away from 0: of twenty channels without any, one is."""


def last_layers(graph: Graph) -> list[Node]:
    """Return the layers with a bias of their own whose sums come to the outputs."""
    return [n for n in graph if is_sum(n) and has_bias(n) and ends_the_model(n)]


def is_sum(node: Node) -> bool:
    """Say whether a node is a layer without an activation of its own."""
    fused = node.domain == DOMAIN and split_activation(node.op_type)[1]
    return not fused and bool(layer_of(node))


def has_bias(node: Node) -> bool:
    """Say whether a constant of the node's own is added, a number a channel."""
    value = operand(node, 2)
    bias = constant(value)
    if bias is None or value is None or bias.dtype != np.float32 or len(value.uses()) > 1:
        return False
    channels = shape_of(node.outputs[0])[channel_axis(node)]
    return bias.shape[-1:] == (channels,) == (bias.size,) and attrs(node).get("beta", 1.0) == 1


def names_made(nodes: Sequence[Node]) -> dict[Node, str]:
    """Return the names of what layers make."""
    return {node: node.outputs[0].name or "" for node in nodes}


def places_of(nodes: Sequence[Node]) -> dict[str, int]:
    """Return the axes of channels by the names of what layers make: what `calibrate` takes."""
    return {name: channel_axis(node) for node, name in names_made(nodes).items()}


def correct(model: Model, data: Data, before: Mapping[Node, Array]) -> None:
    """Subtract the mean error from the biases of layers.

    Args:
        model: with integers.
        before: the means of what the layers made with floats, by sample: (N, C).
    """
    if not before:
        return
    names = names_made([*before])
    few = Data(data.source, min(data.samples, MEAN_SAMPLES))
    after = calibrate(model, few, means=places_of([*before])).means
    for node, name in names.items():
        value = operand(node, 2)
        bias = constant(value)
        assert value is not None
        assert bias is not None
        made = bias - certain(after[name] - before[node]).reshape(bias.shape)
        node.replace_input_with(2, initializer(model.graph, value, made.astype(np.float32)))


def certain(errors: Array) -> Array:
    """Return what is certain of the mean of errors (N, C): (C,).

    The mean of so many is off by its own error, of which SURE times are taken off, in squares, as
    James and Stein do ("Estimation with Quadratic Loss", Berkeley Symposium 1961, equation 23).
    """
    count, middle = len(errors), errors.mean(axis=0)
    if count < 2:
        return np.zeros_like(middle)
    unsure = SURE**2 * errors.var(axis=0, ddof=1) / count
    kept = 1 - np.divide(unsure, middle**2, out=np.ones_like(middle), where=middle != 0)
    return np.asarray(middle * np.clip(kept, 0, 1))
