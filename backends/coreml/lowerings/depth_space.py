"""Blocks of pixels as channels, and back."""

from __future__ import annotations

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, attrs, shape_of


@lowers("DepthToSpace")
def depth_to_space(e: Emitter, n: Node) -> None:
    """y (N, C, H b, W b) = x (N, C b b, H, W): block first (DCR), or channel first (CRD)."""
    given, x = attrs(n), need_float(e, n)
    block, shape = given["blocksize"], shape_of(n.outputs[0])
    if given["mode"] == "CRD":
        y = e.op("pixel_shuffle", shape, x.dtype, x=x, upscale_factor=block)
    else:
        y = e.op("depth_to_space", shape, x.dtype, x=x, block_size=block)
    e.set(n.outputs[0], y)


@lowers("SpaceToDepth")
def space_to_depth(e: Emitter, n: Node) -> None:
    """y (N, C b b, H, W) = x (N, C, H b, W b), block first."""
    x, block = need_float(e, n), attrs(n)["blocksize"]
    y = e.op("space_to_depth", shape_of(n.outputs[0]), x.dtype, x=x, block_size=block)
    e.set(n.outputs[0], y)


def need_float(e: Emitter, n: Node) -> Var:
    """Return the operand; refuse integers."""
    x = e.var(n.inputs[0])
    if x.dtype != e.float:
        raise Unsupported(f"{n.op_type} of integers")
    return x
