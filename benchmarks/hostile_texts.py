"""The ONNX texts of benchmarks/hostile.py: small valid models, and constants that explode."""

SEEDS = {
    "convolution": """<ir_version: 8, opset_import: ["" : 17]>
g (float[1,3,8,8] x) => (float[1,4,4,4] y) {
    c = Conv<pads=[1, 1, 1, 1]>(x, cw) r = Relu(c)
    p = MaxPool<kernel_shape=[2, 2], strides=[2, 2]>(r)
    b = BatchNormalization(p, v4, v4, v4, v4) y = HardSwish(b)
}""",
    "attention": """<ir_version: 8, opset_import: ["" : 18]>
g (float[1,6,8] x) => (float[1,6,8] y) {
    q = MatMul(x, mw) k = Transpose<perm=[0, 2, 1]>(x) s = MatMul(q, k) a = Softmax<axis=-1>(s)
    o = MatMul(a, x) n = LayerNormalization<axis=-1>(o, v8) y = Add(n, x)
}""",
    "branches": """<ir_version: 8, opset_import: ["" : 13, "local" : 1]>
g (float[2,3] x, bool c) => (float[2,3] y) {
    a = local.twice(x)
    y = If (c) <
        then_branch = t () => (float[2,3] o) { k = Constant<value=float {3.0}>() o = Mul(a, k) },
        else_branch = e () => (float[2,3] p) { k = Constant<value=float {5.0}>() p = Mul(a, k) }>
}
<domain: "local", opset_import: ["" : 13]>
twice (v) => (w) { k = Constant<value=float {2.0}>() w = Mul(v, k) }""",
    "shapes": """<ir_version: 7, opset_import: ["" : 12]>
g (float[2,6] x) => (float[4,3] y, int64[4,1] i) {
    s = Shape(x) z = Constant<value=int64[1] {4}>() m = Constant<value=int64[1] {-1}>()
    t = Concat<axis=0>(z, m) r = Reshape(x, t) u = Unsqueeze<axes=[0]>(r) e = Squeeze<axes=[0]>(u)
    n = Cast<to=1>(s) f = ReduceSum(n) y = Mul(e, f)
    o = Constant<value=int64[1] {1}>() w, i = TopK(y, o)
}""",
    "quantized": """<ir_version: 8, opset_import: ["" : 13]>
g (float[1,8] x) => (float[1,8] y) {
    s = Constant<value=float {0.05}>() z = Constant<value=int8 {0}>()
    q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) m = MatMul(d, mw) y = Tanh(m)
}""",
    "loop": """<ir_version: 8, opset_import: ["" : 16]>
g (float[3] x) => (float[3] y) {
    n = Constant<value=int64 {4}>() t = Constant<value=bool {1}>()
    y = Loop(n, t, x) <body = b (int64 i, bool k, float[3] v) => (bool l, float[3] w) {
        l = Identity(k) w = Add(v, v) }>
}""",
}

BOMBS = (
    "b = ConstantOfShape(n)",
    "o = Constant<value=float {1.0}>() b = Expand(o, n)",
    "o = Constant<value=float[2,2] {1, 2, 3, 4}>() b = Tile(o, n)",
    "s = Constant<value=int64 {0}>() d = Constant<value=int64 {1}>() e = ReduceProd<keepdims=0>(n)"
    " r = Range(s, e, d) b = Cast<to=1>(r)",
    "o = ConstantOfShape(n) p = MatMul(o, o) q = MatMul(p, p) b = MatMul(q, q)",
    "o = ConstantOfShape(n) i = NonZero(o) b = Cast<to=1>(i)",
    "o = Constant<value=int64[2] {0, 1}>() d = ReduceProd<keepdims=0>(n)"
    " v = Constant<value=float[2] {0.0, 1.0}>() b = OneHot(o, d, v)",
    "o = Constant<value=float[1,1,2,2] {1, 2, 3, 4}>() e = Concat<axis=0>(n, n)"
    " m = Constant<value=float {0.0}>() b = Pad(o, e, m)",
    "d = ReduceProd<keepdims=0>(n) t = Constant<value=bool {1}>() z = Constant<value=float {1.0}>()"
    " b = Loop(d, t, z) <body = l (int64 i, bool k, float v) => (bool c, float w)"
    " { c = Identity(k) w = Add(v, v) }>",
)
