"""What a layer is for, in the words of recipes: attention_layers, early_convolutions and so on.

Next to the classes of `mmc.integers.layers` (body, first, head, depthwise, gate, embedding) every
layer has one of these roles at most, the first that fits:

classification_head: nothing but pointwise steps lies between it and an output of the model.
attention_layers: moves and scales alone lie between it and a product of two activations: the
    queries, keys, values and the projection of the output.
early_convolutions: convolutions with fewer than EARLY weighted layers above them.
feature_extractors: all other layers but embeddings.

Beside that a layer is small if all layers of its size and below, embeddings left out, hold SMALL of
the weights together at most: more bits cost little there. In convolutional networks these are the
layers in front, whose errors all others see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from mmc.integers.layers import Layer, LayerClass, base_of, bias_like
from mmc.ir import Graph, Node, Value, constant, shape_of

EARLY = 3
CONVOLUTIONS = ("Conv", "Conv2d", "DepthwiseConv2d", "ConvTranspose", "ConvTranspose2d")
MOVES = frozenset(
    "Reshape Transpose Split Slice Squeeze Unsqueeze Identity Cast Concat Expand Softmax"
    " RotaryEmbedding QuantizeLinear DequantizeLinear".split()
)
ROLES = ("classification_head", "attention_layers", "early_convolutions", "feature_extractors")
SMALL_LAYERS = "small"
SMALL = 0.1
"""Part of the weights that small layers hold at most."""
FARTHEST = 12
"""Moves between a projection and its product; real models have six."""


def roles_of(graph: Graph, layers: Sequence[Layer]) -> dict[Node, frozenset[str]]:
    """Return the class and the role of every layer."""
    depth = depths(graph, {layer.node for layer in layers})
    most = largest_small(layers)
    found = {}
    for layer in layers:
        words = {str(layer.kind), *role_of(layer, depth[layer.node])}
        if layer.kind is not LayerClass.EMBEDDING and prod(shape_of(layer.value)) <= most:
            words.add(SMALL_LAYERS)
        found[layer.node] = frozenset(words)
    return found


def largest_small(layers: Sequence[Layer]) -> int:
    """Return how many weights a small layer has at most; 0 if none is small."""
    rest = {x.value: prod(shape_of(x.value)) for x in layers if x.kind is not LayerClass.EMBEDDING}
    sizes = sorted(rest.values())
    limit = SMALL * sum(sizes)
    return max((s for s in sizes if sum(t for t in sizes if t <= s) <= limit), default=0)


def role_of(layer: Layer, depth: int) -> Iterator[str]:
    """Yield the role, if the layer has one."""
    if layer.kind is LayerClass.HEAD:
        yield "classification_head"
    elif layer.kind is LayerClass.EMBEDDING:
        return
    elif feeds_product(layer.node) or reads_product(layer.node):
        yield "attention_layers"
    elif layer.op in CONVOLUTIONS and depth < EARLY:
        yield "early_convolutions"
    else:
        yield "feature_extractors"


def depths(graph: Graph, weighted: set[Node]) -> Mapping[Node, int]:
    """Return how many weighted layers lie above each node, on the longest way."""
    below: dict[Value, int] = {}
    found: dict[Node, int] = {}
    for node in graph:
        above = max((below.get(v, 0) for v in node.inputs if v is not None), default=0)
        found[node] = above
        below.update(dict.fromkeys(node.outputs, above + (node in weighted)))
    return found


def is_product(node: Node) -> bool:
    """Say whether a node multiplies two activations as matrices."""
    op = base_of(node)[1]
    return op == "Attention" or (
        op == "MatMul" and all(constant(value) is None for value in node.inputs)
    )


def passes_on(node: Node) -> bool:
    """Say whether a node moves, scales or shifts what it reads."""
    return node.op_type in MOVES or bias_like(node)


def feeds_product(node: Node) -> bool:
    """Say whether only moves lie between the node and a product of activations."""
    front = list(node.outputs)
    for _ in range(FARTHEST):
        users = [use.node for value in front for use in value.uses()]
        if any(is_product(user) for user in users):
            return True
        front = [value for user in users if passes_on(user) for value in user.outputs]
    return False


def reads_product(node: Node) -> bool:
    """Say whether only moves lie between a product of activations and the node."""
    value = node.inputs[0]
    for _ in range(FARTHEST):
        maker = None if value is None else value.producer()
        if maker is None:
            return False
        if is_product(maker):
            return True
        if not passes_on(maker) or maker.op_type == "Softmax":
            return False
        value = next((v for v in maker.inputs if constant(v) is None), None)
    return False
