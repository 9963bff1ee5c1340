"""Models of texts, sounds and graphs."""

from __future__ import annotations

import numpy as np

from zoo.net import Net, ints, number

SEQUENCES: dict[str, Net] = {
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
    "graph_net": Net(
        """(float[6, 4] x, int64[9] src, int64[9] dst) => (float[6, 4] y) {
        m = Gather(x, src)  h = MatMul(m, w)  i = Unsqueeze(dst, one)  j = Expand(i, wide)
        a = ScatterElements <axis = 0, reduction = "add"> (zero, j, h)
        r = Relu(a)  y = Add(r, x) }""",
        {"w": (4, 4), "one": ints(1), "wide": ints(9, 4), "zero": np.zeros((6, 4), np.float32)},
        opset=18,
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
}
