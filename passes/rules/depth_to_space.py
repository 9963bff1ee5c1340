"""DepthToSpace of PyTorch's PixelShuffle."""

from __future__ import annotations

import numpy as np

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.DepthToSpace("x").named("n"), stage="decompose", contract=Contract.EXACT)
def depth_to_space_crd(out: Builder, x: Value, n: Node) -> Value:
    """depth_to_space(x, CRD)  ->  depth_to_space(gather(x, channels), DCR).

    CRD counts channels as (c, row, column), DCR as (row, column, c).
    """
    given = attrs(n)
    if given["mode"] != "CRD":
        raise NoMatch("it is the native order")
    block, channels = given["blocksize"], shape_of(x)[1]
    order = np.arange(channels).reshape(-1, block * block).T.reshape(-1)
    return out.DepthToSpace(out.Gather(x, order, axis=1), blocksize=block, mode="DCR")
