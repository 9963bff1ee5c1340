"""Wide windows that move in large steps, as windows over blocks of pixels (an engine's limit)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.ir import Array, Model, Node, attrs, constant, is_static, origin_of, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, adopt, remove_unused, substitute


@dataclass(frozen=True)
class NarrowWindows(Pass):
    """conv(x, w), stride s  ->  conv(SpaceToDepth(x, b), w'), stride s / b, for windows too wide.

    b is the least block that divides the strides and the image and makes the window narrow enough;
    w' has the weights of a block as channels, and zeros where the window ends inside of one.
    """

    name = "narrow-windows"
    contract = Contract.REASSOCIATES
    widest: int = 13
    """The largest last extent of a window that may stay."""

    def run(self, model: Model) -> int:
        """Return the number of convolutions that took blocks."""
        found = [(n, b) for n in model.graph if (b := block_of(n, self.widest))]
        for node, block in found:
            narrow(model, node, block)
        return len(found)


def block_of(node: Node, widest: int) -> int:
    """Return the side of the blocks; 0 where the window is narrow, or cannot be made so."""
    if node.op_type != "Conv" or node.domain or not all(map(is_static, node.outputs)):
        return 0
    x, weight = node.inputs[:2]
    kernel = shape_of(weight)[2:]
    if len(kernel) != 2 or kernel[1] <= widest or constant(weight) is None:
        return 0
    given = attrs(node)
    plain = given["auto_pad"] == "NOTSET" and not any(given.get("pads", ()))
    if not plain or given["group"] != 1 or set(given.get("dilations", (1,))) != {1}:
        return 0
    image, strides = shape_of(x)[2:], given.get("strides", (1, 1))
    common = int(np.gcd.reduce([*image, *strides]))
    blocks = (b for b in range(2, common + 1) if common % b == 0)
    return next((b for b in blocks if fits(image, kernel, strides, b, widest)), 0)


def fits(
    image: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...], b: int, widest: int
) -> bool:
    """Say whether blocks of side `b` make the window narrow enough, and all its places stay."""
    narrower = [-(-k // b) for k in kernel]
    sides = zip(image, kernel, narrower, strides, strict=True)
    return narrower[1] <= widest and all(
        (size - k) // s == (size // b - n) // (s // b) for size, k, n, s in sides
    )


def narrow(model: Model, node: Node, block: int) -> None:
    """Put a SpaceToDepth and a convolution of its blocks in the place of a convolution."""
    out, (x, weight, *bias) = Builder(), node.inputs
    data = constant(weight)
    assert data is not None
    steps = [s // block for s in attrs(node)["strides"]]
    pixels = out.SpaceToDepth(x, blocksize=block)
    y = out.Conv(pixels, in_blocks(data, block), *bias, strides=steps)
    adopt(model, out, node, origin_of([node]), "narrow-windows")
    substitute(node.outputs[0], y)
    remove_unused(model.graph, [node])


def in_blocks(weight: Array, b: int) -> Array:
    """Return weights (O, C, height, width) for SpaceToDepth's channels: row, column, channel."""
    outputs, channels, height, width = weight.shape
    rows, columns = -(-height // b), -(-width // b)
    missing = [(0, 0), (0, 0), (0, rows * b - height), (0, columns * b - width)]
    whole = np.pad(weight, missing).reshape(outputs, channels, rows, b, columns, b)
    turned = whole.transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(turned).reshape(outputs, b * b * channels, rows, columns)
