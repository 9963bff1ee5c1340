"""The counter of a Loop as the standard has it: one number, of no axis.

tf2onnx declares it to be a row of one, which ONNX Runtime feeds.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmc.values import every_node


def settle_counters(model: ir.Model) -> int:
    """Let every Loop's counter have no axis; its readers get a row where it was one.

    Returns the number of counters that changed.
    """
    loops = [node for node in every_node(model.graph) if node.op_type == "Loop"]
    bodies = [node.attributes["body"].as_graph() for node in loops]
    rows = [body for body in bodies if is_row(body.inputs[0]) and len(body)]
    for body in rows:
        counter = body.inputs[0]
        uses = list(counter.uses())
        counter.shape = ir.Shape([])
        one = ir.node("Constant", [], {"value": ir.tensor(np.array([1]))})
        row = ir.node("Reshape", [counter, one.outputs[0]])
        for made, ending in ((one, "one"), (row, "row")):
            made.name = made.outputs[0].name = f"{counter.name}/{ending}"
        for node, index in uses:
            node.replace_input_with(index, row.outputs[0])
        body.insert_before(body[0], [one, row])
    return len(rows)


def is_row(value: ir.Value) -> bool:
    """Say whether a value is declared to have one axis."""
    return value.shape is not None and len(value.shape) == 1
