"""Windows that are too wide for an engine: over blocks of pixels, or in several parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.ir import Array, Model, Node, Value, attrs, constant, is_static, origin_of, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.passes.rules.slices import slice_by
from mmc.pattern import Builder, adopt, remove_unused, substitute

MOST_PARTS = 8
"""A window of more parts stays: their sums would cost more than leaving the engine."""


@dataclass(frozen=True)
class NarrowWindows(Pass):
    """conv(x, w), stride s  ->  conv(SpaceToDepth(x, b), w'), stride s / b, for windows too wide.

    b is the least block that divides the strides and the image and makes the window narrow enough;
    w' has the weights of a block as channels, and zeros where the window ends inside of one. Where
    there is no such block: conv(x, [v w])  ->  conv(x, v) + conv(x shifted, w).
    """

    name = "narrow-windows"
    contract = Contract.REASSOCIATES
    widest: int = 13
    """The largest last extent of a window that may stay."""

    def run(self, model: Model) -> int:
        """Return the number of convolutions that were narrowed."""
        changes = 0
        for node in list(model.graph):
            out = Builder()
            if block := block_of(node, self.widest):
                y = narrow(out, node, block)
            elif parts := parts_of(node, self.widest):
                y = divide(out, node, parts)
            else:
                continue
            adopt(model, out, node, origin_of([node]), self.name)
            substitute(node.outputs[0], y)
            remove_unused(model.graph, [node])
            changes += 1
        return changes


def is_wide(node: Node, widest: int) -> bool:
    """Say whether a node is a convolution with known weights and borders, and a wide window."""
    if node.op_type != "Conv" or node.domain or not all(map(is_static, node.outputs)):
        return False
    weight = node.inputs[1]
    known = constant(weight) is not None and attrs(node)["auto_pad"] == "NOTSET"
    return known and shape_of(weight)[-1] > widest


def block_of(node: Node, widest: int) -> int:
    """Return the side of the blocks; 0 where the window is narrow, or cannot be made so."""
    if not is_wide(node, widest):
        return 0
    given, kernel = attrs(node), shape_of(node.inputs[1])[2:]
    if len(kernel) != 2 or given["group"] != 1 or any(given.get("pads", ())):
        return 0
    if set(given.get("dilations", (1,))) != {1}:
        return 0
    image, strides = shape_of(node.inputs[0])[2:], given.get("strides", (1, 1))
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


def narrow(out: Builder, node: Node, block: int) -> Value:
    """Record a SpaceToDepth and a convolution of its blocks."""
    x, weight, *bias = node.inputs
    data = constant(weight)
    assert data is not None
    steps = [s // block for s in attrs(node)["strides"]]
    pixels = out.SpaceToDepth(x, blocksize=block)
    made: Value = out.Conv(pixels, in_blocks(data, block), *bias, strides=steps)
    return made


@dataclass(frozen=True)
class Part:
    """Columns of a window, and how far they reach beyond the image; negative: not to its end."""

    columns: slice
    before: int
    after: int


def parts_of(node: Node, widest: int) -> list[Part]:
    """Return the parts of a window along the last axis; none where it stays whole."""
    if not is_wide(node, widest):
        return []
    given, width = attrs(node), shape_of(node.inputs[1])[-1]
    step = given.get("dilations", (1,))[-1]
    pads = given.get("pads") or (0,) * 2 * (len(shape_of(node.inputs[1])) - 2)
    before, after = pads[len(pads) // 2 - 1], pads[-1]
    found = []
    for start in range(0, width, widest):
        stop = min(start + widest, width)
        columns = slice(start, stop)
        found.append(Part(columns, before - start * step, after - (width - stop) * step))
    size = shape_of(node.inputs[0])[-1]
    inside = all(size + min(p.before, 0) + min(p.after, 0) > 0 for p in found)
    return found if inside and len(found) <= MOST_PARTS else []


def divide(out: Builder, node: Node, parts: list[Part]) -> Value:
    """Record a convolution for each part, and their sum."""
    x, weight, *bias = node.inputs
    data, given = constant(weight), attrs(node)
    assert data is not None
    assert x is not None
    size, last = shape_of(x)[-1], len(shape_of(x)) - 1
    kept = {a: given[a] for a in ("strides", "dilations", "group") if a in node.attributes}
    pads = list(given.get("pads") or (0,) * 2 * (data.ndim - 2))
    made: list[Value] = []
    for part in parts:
        span = (last, max(-part.before, 0), size - max(-part.after, 0), 1)
        columns = x if span[1:] == (0, size, 1) else slice_by(out, x, [span])
        pads[data.ndim - 3], pads[-1] = max(part.before, 0), max(part.after, 0)
        more = bias if not made else []
        piece = np.ascontiguousarray(data[..., part.columns])
        made.append(out.Conv(columns, piece, *more, pads=list(pads), **kept))
    total = made[0]
    for y in made[1:]:
        total = out.Add(total, y)
    return total


def in_blocks(weight: Array, b: int) -> Array:
    """Return weights (O, C, height, width) for SpaceToDepth's channels: row, column, channel."""
    outputs, channels, height, width = weight.shape
    rows, columns = -(-height // b), -(-width // b)
    missing = [(0, 0), (0, 0), (0, rows * b - height), (0, columns * b - width)]
    whole = np.pad(weight, missing).reshape(outputs, channels, rows, b, columns, b)
    turned = whole.transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(turned).reshape(outputs, b * b * channels, rows, columns)
