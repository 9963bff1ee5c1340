"""Small models of many architectures, spelled as exporters spell them, with random weights.

A model is ONNX text; names that it reads and does not define are weights: (shape) draws floats,
an array stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmc.ir import parse, save


@dataclass(frozen=True)
class Net:
    """A model: its text, its weights and the dimensions that a user would bind."""

    text: str
    weights: dict[str, Any]
    dims: dict[str, int] = field(default_factory=dict)
    opset: int = 17

    def write(self, path: Path) -> None:
        """Write the model, with weights scaled so that signals neither vanish nor explode."""
        rng = np.random.default_rng(11)
        arrays = {}
        for name, given in self.weights.items():
            if isinstance(given, tuple):
                fan = max(int(np.prod(given[1:])), 1) if len(given) > 1 else 4
                given = (rng.standard_normal(given) / np.sqrt(fan)).astype(np.float32)
            arrays[name] = np.asarray(given)
        head = f'<ir_version: 8, opset_import: ["" : {self.opset}]> net '
        save(parse(head + self.text, **arrays), path)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def number(value: int) -> Any:
    return np.array(value, np.int64)


ZOO: dict[str, Net] = {
    "lstm_tagger": Net(
        """(int64[batch, 6] ids) => (float[batch, 6, 5] y) {
        e = Gather(table, ids)  x = Transpose <perm = [1, 0, 2]> (e)
        s = Shape(x)  b = Gather <axis = 0> (s, one)  u = Unsqueeze(b, zeros)
        d = Concat <axis = 0> (two, u, eight)  h0 = Expand(zero, d)
        a, ha, ca = LSTM <direction = "bidirectional", hidden_size = 8>
            (x, w1, r1, b1, , h0, h0)
        a1 = Transpose <perm = [0, 2, 1, 3]> (a)  a2 = Reshape(a1, join)
        c, hc, cc = LSTM <direction = "bidirectional", hidden_size = 8>
            (a2, w2, r2, b2, , h0, h0)
        c1 = Transpose <perm = [0, 2, 1, 3]> (c)  c2 = Reshape(c1, join)
        t = Transpose <perm = [1, 0, 2]> (c2)  m = MatMul(t, wo)  y = Add(m, bo) }""",
        {
            "table": (20, 7),
            "one": number(1),
            "zeros": ints(0),
            "two": ints(2),
            "eight": ints(8),
            "zero": np.float32(0),
            "w1": (2, 32, 7),
            "r1": (2, 32, 8),
            "b1": (2, 64),
            "w2": (2, 32, 16),
            "r2": (2, 32, 8),
            "b2": (2, 64),
            "join": ints(0, 0, -1),
            "wo": (16, 5),
            "bo": (5,),
        },
        {"batch": 2},
    ),
    "gru_attention": Net(
        """(float[5, 1, 6] x, float[1, 1, 8] q) => (float[1, 8] y) {
        s, h = GRU <hidden_size = 8, linear_before_reset = 1> (x, w, r, b)
        e = Squeeze(s, one)  k = Transpose <perm = [1, 0, 2]> (e)
        kt = Transpose <perm = [0, 2, 1]> (k)  score = MatMul(q, kt)
        p = Softmax <axis = -1> (score)  c = MatMul(p, k)
        d, hd = GRU <hidden_size = 8> (c, w2, r2, b2, , h)
        y = Squeeze(hd, zero) }""",
        {
            "w": (1, 24, 6),
            "r": (1, 24, 8),
            "b": (1, 48),
            "w2": (1, 24, 8),
            "r2": (1, 24, 8),
            "b2": (1, 48),
            "one": ints(1),
            "zero": ints(0),
        },
    ),
    "t5_bias": Net(
        """(float[batch, 6, 16] x) => (float[batch, 6, 16] y) {
        sq = Mul(x, x)  ms = ReduceMean <axes = [-1]> (sq)  me = Add(ms, eps)  rt = Sqrt(me)
        n0 = Div(x, rt)  n = Mul(n0, g)
        sh = Shape(x)  len = Gather(sh, one)  pos = Range(zero, len, one)
        pk = Unsqueeze(pos, a0)  pq = Unsqueeze(pos, a1)  rel = Sub(pk, pq)
        gt = Greater(rel, zero)  gi = Cast <to = 7> (gt)  side = Mul(gi, four)
        ab = Abs(rel)  near = Less(ab, two)  af = Cast <to = 1> (ab)  rr = Div(af, twof)
        lg = Log(rr)  sc = Mul(lg, k)  li = Cast <to = 7> (sc)  lb = Add(li, two)
        mn = Min(lb, three)  bk = Where(near, ab, mn)  bucket = Add(side, bk)
        bias0 = Gather(table, bucket)  bias1 = Transpose <perm = [2, 0, 1]> (bias0)
        bias = Unsqueeze(bias1, a0)
        q0 = MatMul(n, wq)  q1 = Reshape(q0, heads)  q = Transpose <perm = [0, 2, 1, 3]> (q1)
        k0 = MatMul(n, wk)  k1 = Reshape(k0, heads)  kt = Transpose <perm = [0, 2, 3, 1]> (k1)
        v0 = MatMul(n, wv)  v1 = Reshape(v0, heads)  v = Transpose <perm = [0, 2, 1, 3]> (v1)
        s0 = MatMul(q, kt)  s = Add(s0, bias)  p = Softmax <axis = -1> (s)
        c0 = MatMul(p, v)  c1 = Transpose <perm = [0, 2, 1, 3]> (c0)  c = Reshape(c1, join)
        o = MatMul(c, wo)  y = Add(o, x) }""",
        {
            "eps": np.float32(1e-6),
            "g": (16,),
            "one": number(1),
            "zero": number(0),
            "a0": ints(0),
            "a1": ints(1),
            "four": number(4),
            "two": number(2),
            "three": number(3),
            "twof": np.float32(2),
            "k": np.float32(0.8),
            "table": (8, 2),
            "heads": ints(0, 0, 2, 8),
            "join": ints(0, 0, -1),
            "wq": (16, 16),
            "wk": (16, 16),
            "wv": (16, 16),
            "wo": (16, 16),
        },
        {"batch": 1},
    ),
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
    "crnn": Net(
        """(float[1, 1, 8, 24] x) => (float[12, 1, 5] y) {
        a0 = Conv <pads = [1,1,1,1]> (x, w0, b0)  a = Relu(a0)
        p = MaxPool <kernel_shape = [8,2], strides = [8,2]> (a)
        s = Squeeze(p, two)  c = Conv <pads = [1, 1]> (s, w1, b1)
        t = Transpose <perm = [2, 0, 1]> (c)
        l, h, k = LSTM <hidden_size = 4, direction = "bidirectional"> (t, wl, rl, bl)
        l2 = Transpose <perm = [0, 2, 1, 3]> (l)  f = Reshape(l2, join)
        m = MatMul(f, wo)  y = LogSoftmax <axis = 2> (m) }""",
        {
            "w0": (4, 1, 3, 3),
            "b0": (4,),
            "two": ints(2),
            "w1": (6, 4, 3),
            "b1": (6,),
            "wl": (2, 16, 6),
            "rl": (2, 16, 4),
            "bl": (2, 32),
            "join": ints(0, 0, -1),
            "wo": (8, 5),
        },
    ),
    "wavenet": Net(
        """(float[1, 4, 20] x) => (float[1, 4, 20] y) {
        a = Pad(x, p2)  f0 = Conv <dilations = [2]> (a, w0, b0)  g0 = Conv <dilations = [2]>
        (a, w1, b0)  f = Tanh(f0)  g = Sigmoid(g0)  m = Mul(f, g)  r = Conv(m, w2)
        s = Add(r, x)  c = Pad(s, p4)  d = Conv <dilations = [4], group = 2> (c, w3)
        y = Add(d, s) }""",
        {
            "p2": ints(0, 0, 2, 0, 0, 0),
            "p4": ints(0, 0, 4, 0, 0, 0),
            "w0": (4, 4, 2),
            "w1": (4, 4, 2),
            "b0": (4,),
            "w2": (4, 4, 1),
            "w3": (4, 2, 2),
        },
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
    "graph_net": Net(
        """(float[6, 4] x, int64[9] src, int64[9] dst) => (float[6, 4] y) {
        m = Gather(x, src)  h = MatMul(m, w)  i = Unsqueeze(dst, one)  j = Expand(i, wide)
        a = ScatterElements <axis = 0, reduction = "add"> (zero, j, h)
        r = Relu(a)  y = Add(r, x) }""",
        {"w": (4, 4), "one": ints(1), "wide": ints(9, 4), "zero": np.zeros((6, 4), np.float32)},
        opset=18,
    ),
    "video": Net(
        """(float[1, 2, 4, 8, 8] x) => (float[1, 3] y) {
        c = Conv <pads = [1,1,1,1,1,1]> (x, w, b)  r = Relu(c)
        g = GlobalAveragePool(r)  f = Flatten(g)  y = Gemm <transB = 1> (f, wo, bo) }""",
        {"w": (4, 2, 3, 3, 3), "b": (4,), "wo": (3, 4), "bo": (3,)},
    ),
    "decoder_step": Net(
        """(int64[1, 1] id, float[1, 2, 5, 4] past_k, float[1, 2, 5, 4] past_v)
        => (float[1, 1, 11] y, float[1, 2, 6, 4] k, float[1, 2, 6, 4] v) {
        e = Gather(table, id)  n = LayerNormalization <axis = -1> (e, g, b)
        qkv = MatMul(n, w)  q0, k0, v0 = Split <axis = 2> (qkv, parts)
        q1 = Reshape(q0, heads)  q = Transpose <perm = [0, 2, 1, 3]> (q1)
        k1 = Reshape(k0, heads)  k2 = Transpose <perm = [0, 2, 1, 3]> (k1)
        v1 = Reshape(v0, heads)  v2 = Transpose <perm = [0, 2, 1, 3]> (v1)
        k = Concat <axis = 2> (past_k, k2)  v = Concat <axis = 2> (past_v, v2)
        kt = Transpose <perm = [0, 1, 3, 2]> (k)  s0 = MatMul(q, kt)  s = Mul(s0, half)
        p = Softmax <axis = -1> (s)  c0 = MatMul(p, v)  c1 = Transpose <perm = [0, 2, 1, 3]> (c0)
        c = Reshape(c1, join)  o = MatMul(c, wo)  r = Add(o, e)  y = MatMul(r, head) }""",
        {
            "table": (11, 8),
            "g": (8,),
            "b": (8,),
            "w": (8, 24),
            "parts": ints(8, 8, 8),
            "heads": ints(0, 0, 2, 4),
            "half": np.float32(0.5),
            "join": ints(0, 0, -1),
            "wo": (8, 8),
            "head": (8, 11),
        },
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
