"""Writing at indices."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.gather import checked, positions
from mmc.ir import Node, attrs, shape_of

MODES = {"none": "update", "add": "add", "mul": "mul", "max": "max", "min": "min"}


@lowers("ScatterND")
def scatter_nd(e: Emitter, n: Node) -> None:
    """y = x with u written (or added, ...) at i (..., k) -> scatter_nd."""
    x, u = e.var(n.inputs[0]), e.var(n.inputs[2])
    depth = shape_of(n.inputs[1])[-1]
    i = positions(e, n.inputs[1], np.array(x.shape[:depth]))
    kind = "int32" if x.dtype == "bool" else x.dtype
    y = e.op(
        "scatter_nd",
        x.shape,
        kind,
        data=e.cast(x, kind),
        indices=i,
        updates=e.cast(u, kind),
        mode=MODES[attrs(n)["reduction"]],
        **checked(e),
    )
    e.set(n.outputs[0], e.cast(y, x.dtype))
