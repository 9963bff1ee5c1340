"""A model whose weights are stored as integers, as it was before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def in_floats(path: Path) -> onnx.ModelProto:
    """Return a weight-only model with the floats that its Cast and Mul of integers make."""
    model = onnx.load(path)
    held = {t.name: t for t in model.graph.initializer}
    casts = {n.output[0]: n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in held}
    for node in [n for n in model.graph.node if n.op_type == "Mul" and n.input[0] in casts]:
        cast = casts[node.input[0]]
        codes, scale = (numpy_helper.to_array(held[n]) for n in (cast.input[0], node.input[1]))
        floats = numpy_helper.from_array(codes.astype(np.float32) * scale, node.output[0])
        model.graph.initializer.append(floats)
        model.graph.initializer.remove(held[cast.input[0]])
        model.graph.node.remove(cast)
        model.graph.node.remove(node)
    return model
