"""A model of 100 MB, for what takes time with the bytes: encoder layers with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

WIDTH, LAYERS, TOKENS = 512, 8, 128
LARGE = "large"
LAYER = """
    q{i} = MatMul({x}, q_w{i})
    k{i} = MatMul({x}, k_w{i})
    v{i} = MatMul({x}, v_w{i})
    qh{i} = Reshape(q{i}, heads)
    kh{i} = Reshape(k{i}, heads)
    vh{i} = Reshape(v{i}, heads)
    qt{i} = Transpose<perm=[0,2,1,3]>(qh{i})
    kt{i} = Transpose<perm=[0,2,3,1]>(kh{i})
    vt{i} = Transpose<perm=[0,2,1,3]>(vh{i})
    s{i} = MatMul(qt{i}, kt{i})
    d{i} = Mul(s{i}, eighth)
    p{i} = Softmax<axis=-1>(d{i})
    m{i} = MatMul(p{i}, vt{i})
    mt{i} = Transpose<perm=[0,2,1,3]>(m{i})
    mr{i} = Reshape(mt{i}, flat)
    o{i} = MatMul(mr{i}, o_w{i})
    a{i} = Add({x}, o{i})
    n{i} = LayerNormalization(a{i}, gain, shift)
    u{i} = MatMul(n{i}, u_w{i})
    g{i} = Relu(u{i})
    e{i} = MatMul(g{i}, e_w{i})
    b{i} = Add(n{i}, e{i})
    x{i} = LayerNormalization(b{i}, gain, shift)"""


def large(folder: Path) -> Path:
    """Write the model: x (1, 128, 512) through 8 encoder layers."""
    rng = np.random.default_rng(0)
    inside = "".join(LAYER.format(i=i, x=f"x{i - 1}" if i else "x") for i in range(LAYERS))
    shape = f"float[1,{TOKENS},{WIDTH}]"
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 17]> g ({shape} x) => ({shape} x{LAYERS - 1})'
        f" {{{inside}\n}}"
    )
    weights: dict[str, Any] = {
        "heads": np.array([1, TOKENS, 8, 64]),
        "flat": np.array([1, TOKENS, WIDTH]),
        "eighth": np.float32(0.125),
        "gain": np.ones(WIDTH, np.float32),
        "shift": np.zeros(WIDTH, np.float32),
    }
    for i in range(LAYERS):
        sizes = dict.fromkeys("qkvo", (WIDTH, WIDTH))
        sizes |= {"u": (WIDTH, 4 * WIDTH), "e": (4 * WIDTH, WIDTH)}
        for name, size in sizes.items():
            weights[f"{name}_w{i}"] = rng.normal(0, size[0] ** -0.5, size).astype(np.float32)
    for name, data in weights.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(data, name))
    path = folder / f"{LARGE}.onnx"
    onnx.save(model, path)
    return path
