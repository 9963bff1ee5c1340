"""Pools with explicit pads, over one, two or three axes."""

from __future__ import annotations

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.conv import interleaved
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, attrs, shape_of


@lowers("MaxPool", "AveragePool")
def pool(e: Emitter, n: Node) -> None:
    """y = the maximum or mean of each window -> max_pool, avg_pool."""
    given, space = attrs(n), len(shape_of(n.inputs[0])) - 2
    if len(n.outputs) > 1 and (n.outputs[1].uses() or n.outputs[1].is_graph_output()):
        raise Unsupported("the places of the maxima are wanted")
    explicit = given["auto_pad"] == "NOTSET" and not given.get("ceil_mode")
    if not explicit or any(d != 1 for d in given.get("dilations") or ()) or space > 3:
        raise Unsupported("its pads are implicit, or its window has gaps or more than three axes")
    pads = interleaved(given.get("pads") or (0,) * 2 * space)
    x = e.var(n.inputs[0])
    if x.dtype != e.float:
        raise Unsupported("a pool of integers")
    mean = n.op_type == "AveragePool"
    y = e.op(
        "avg_pool" if mean else "max_pool",
        shape_of(n.outputs[0]),
        e.float,
        x=x,
        kernel_sizes=given["kernel_shape"],
        strides=given.get("strides") or (1,) * space,
        pad_type="custom" if any(pads) else "valid",
        pad=pads,
        exclude_padding_from_average=not given["count_include_pad"] if mean else None,
        ceil_mode=False,
    )
    e.set(n.outputs[0], y)
