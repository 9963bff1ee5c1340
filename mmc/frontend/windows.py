"""Windows that ONNX defines and ONNX Runtime refuses, in a form that it takes."""

from __future__ import annotations

import onnx_ir as ir

from mmc.values import attrs, every_node, is_static, shape_of
from mmc.window import auto_pads, axes_of, flat

WEIGHT = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""The input that is the kernel."""


def refused_windows(model: ir.Model) -> list[ir.Node]:
    """Return the dilated convolutions with auto_pad=SAME_*."""
    found = []
    for node in every_node(model.graph):
        given = attrs(node) if node.op_type in WEIGHT and not node.domain else {}
        same = given.get("auto_pad", "NOTSET").startswith("SAME")
        if same and max(given.get("dilations") or (1,)) > 1:
            found.append(node)
    return found


def write_out_pads(model: ir.Model) -> None:
    """Conv(auto_pad=SAME_*, dilations)  ->  Conv(pads, dilations), by the standard's formula.

    A window that moves by one at a time asks for pads that no size decides; others wait for it.
    """
    for node in refused_windows(model):
        given = attrs(node)
        mode, x, w = given["auto_pad"], node.inputs[0], node.inputs[WEIGHT[node.op_type]]
        known = w is not None and is_static(w)
        kernel = given.get("kernel_shape") or (shape_of(w)[2:] if known else ())
        free = max(given.get("strides") or (1,)) == 1
        shape = () if x is None or x.shape is None else x.shape.dims[2:]
        fixed = tuple(size for size in shape if isinstance(size, int))
        sizes = (1,) * len(kernel) if free else fixed
        if kernel and len(sizes) == len(kernel):
            axes = axes_of(node, sizes, tuple(kernel))
            del node.attributes["auto_pad"]
            pads = flat([auto_pads(axis, mode) for axis in axes])
            node.attributes["pads"] = ir.AttrInt64s("pads", pads)
