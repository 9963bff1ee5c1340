"""Models of pictures and films."""

from __future__ import annotations

import numpy as np

from zoo.net import Net, ints

PICTURES: dict[str, Net] = {
    "unet": Net(
        """(float[1, 3, 16, 16] x) => (float[1, 2, 16, 16] y) {
        a0 = Conv <pads = [1,1,1,1]> (x, w0, b0)  a = Relu(a0)
        d = MaxPool <kernel_shape = [2,2], strides = [2,2]> (a)
        m0 = Conv <pads = [1,1,1,1]> (d, w1, b1)  m = LeakyRelu <alpha = 0.2> (m0)
        u = ConvTranspose <kernel_shape = [2,2], strides = [2,2]> (m, w2, b2)
        r = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (m, , up)
        c = Concat <axis = 1> (a, u, r)  t = Conv <pads = [1,1,1,1]> (c, w3, b3)
        y = Sigmoid(t) }""",
        {
            "w0": (4, 3, 3, 3),
            "b0": (4,),
            "w1": (8, 4, 3, 3),
            "b1": (8,),
            "w2": (8, 4, 2, 2),
            "b2": (4,),
            "up": np.array([1, 1, 2, 2], np.float32),
            "w3": (2, 16, 3, 3),
            "b3": (2,),
        },
    ),
    "yolo_head": Net(
        """(float[1, 8, 4, 4] x) => (float[1, 16, 7] y) {
        c = Conv (x, w, b)  r = Reshape(c, shape)  t = Transpose <perm = [0, 2, 3, 1]> (r)
        s = Sigmoid(t)  xy, wh, cls = Split <axis = 3> (s, parts)
        x2 = Mul(xy, two)  x3 = Add(x2, grid)  x4 = Mul(x3, eight)
        w2 = Mul(wh, two)  w3 = Pow(w2, sq)  w4 = Mul(w3, anchor)
        j = Concat <axis = 3> (x4, w4, cls)  y = Reshape(j, flat) }""",
        {
            "w": (7, 8, 1, 1),
            "b": (7,),
            "shape": ints(1, 7, 4, 4),
            "parts": ints(2, 2, 3),
            "two": np.float32(2),
            "grid": (1, 4, 4, 2),
            "eight": np.float32(8),
            "sq": np.float32(2),
            "anchor": (1, 1, 1, 2),
            "flat": ints(1, -1, 7),
        },
    ),
    "swin_window": Net(
        """(float[1, 8, 8, 6] x) => (float[1, 8, 8, 6] y) {
        a = Slice(x, two, end, one)  b = Slice(x, zero, two, one)  r = Concat <axis = 1> (a, b)
        c = Slice(r, two, end, ax2)  d = Slice(r, zero, two, ax2)  s = Concat <axis = 2> (c, d)
        w = Reshape(s, six)  p = Transpose <perm = [0, 1, 3, 2, 4, 5]> (w)  q = Reshape(p, win)
        m = MatMul(q, k)  g = Gelu(m)  v = Reshape(g, six2)
        z = Transpose <perm = [0, 1, 3, 2, 4, 5]> (v)  o = Reshape(z, whole)  y = Add(o, x) }""",
        {
            "two": ints(2),
            "end": ints(2**62),
            "one": ints(1),
            "zero": ints(0),
            "ax2": ints(2),
            "six": ints(1, 2, 4, 2, 4, 6),
            "win": ints(-1, 16, 6),
            "k": (6, 6),
            "six2": ints(1, 2, 2, 4, 4, 6),
            "whole": ints(1, 8, 8, 6),
        },
        opset=20,
    ),
    "nhwc_tf": Net(
        """(float[1, 8, 8, 3] x) => (float[1, 5] y) {
        a = Transpose <perm = [0, 3, 1, 2]> (x)  b = Conv <auto_pad = "SAME_UPPER",
        strides = [2,2]> (a, w0, b0)  c = Transpose <perm = [0, 2, 3, 1]> (b)
        d = Clip(c, lo, hi)  e = Transpose <perm = [0, 3, 1, 2]> (d)
        f = Conv <auto_pad = "SAME_UPPER", group = 4> (e, w1)
        g = Transpose <perm = [0, 2, 3, 1]> (f)  h = Mul(g, sc)  i = Add(h, of)
        m = ReduceMean <axes = [1, 2], keepdims = 0> (i)  k = MatMul(m, w2)
        y = Softmax(k) }""",
        {
            "w0": (4, 3, 3, 3),
            "b0": (4,),
            "lo": np.float32(0),
            "hi": np.float32(6),
            "w1": (4, 1, 3, 3),
            "sc": (4,),
            "of": (4,),
            "w2": (4, 5),
        },
    ),
    "video": Net(
        """(float[1, 2, 4, 8, 8] x) => (float[1, 3] y) {
        c = Conv <pads = [1,1,1,1,1,1]> (x, w, b)  r = Relu(c)
        g = GlobalAveragePool(r)  f = Flatten(g)  y = Gemm <transB = 1> (f, wo, bo) }""",
        {"w": (4, 2, 3, 3, 3), "b": (4,), "wo": (3, 4), "bo": (3,)},
    ),
    "convnext": Net(
        """(float[1, 6, 8, 8] x) => (float[1, 6, 8, 8] y) {
        d = Conv <group = 6, pads = [3,3,3,3]> (x, w0, b0)
        t = Transpose <perm = [0, 2, 3, 1]> (d)
        n = LayerNormalization <axis = -1, epsilon = 1e-6> (t, g, b)
        a = MatMul(n, w1)  a1 = Add(a, b1)  q = Div(a1, root)  f = Erf(q)  f1 = Add(f, one)
        m = Mul(a1, f1)  h = Mul(m, half)  c = MatMul(h, w2)  s = Mul(c, gamma)
        u = Transpose <perm = [0, 3, 1, 2]> (s)  y = Add(x, u) }""",
        {
            "w0": (6, 1, 7, 7),
            "b0": (6,),
            "g": (6,),
            "b": (6,),
            "w1": (6, 24),
            "b1": (24,),
            "root": np.float32(2**0.5),
            "one": np.float32(1),
            "half": np.float32(0.5),
            "w2": (24, 6),
            "gamma": (6,),
        },
    ),
}
