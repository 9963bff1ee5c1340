"""Cases of the rules in passes/rules/norms.py."""

from cases import Case

DEVIATION = (
    "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
    "e = Add(v, epsilon) r = Sqrt(e)"
)
SQUARES = "s = Mul(x, x) v = ReduceMean(s, last) e = Add(v, epsilon) r = Sqrt(e)"
CANCELLING = (
    "mean = ReduceMean(x, last) d = Sub(x, mean) s = Mul(x, x) t = ReduceMean(s, last) "
    "k = Mul(mean, mean) v = Sub(t, k)"
)
CASES = (
    Case(
        "layer-norm",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) y = Div(c, r)",
    ),
    Case(
        "layer-norm",
        "m1 = ReduceMean(x, i1) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, i1) "
        "e = Add(v, epsilon) r = Sqrt(e) y = Div(c, r)",
    ),
    Case(
        "layer-norm-as-affine",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) i = Div(g5, r) p = Mul(x, i) q = Mul(m1, i) "
        "t = Sub(g5, q) y = Add(p, t)",
    ),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean(s, last) e = Add(v, epsilon) r = Sqrt(e) y = Div(x, r)",
    ),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean(s, i1) e = Add(v, epsilon) r = Sqrt(e) y = Div(x, r)",
    ),
    Case(
        "layer-norm-as-difference",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) i = Reciprocal(r) p = Mul(x, i) q = Mul(m1, i) "
        "y = Sub(p, q)",
    ),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, last) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, i2)"
        " e = Add(v, epsilon) d = Sqrt(e) y = Div(c, d)",
        "different axes",
    ),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, last) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, last)"
        " e = Add(v, c4) d = Sqrt(e) y = Div(c, d)",
        "one number",
    ),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, axes23) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, axes23)"
        " e = Add(v, tenth) d = Sqrt(e) y = Div(c, d)",
    ),
    Case(
        "layer-norm",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "r = Sqrt(v) y = Div(c, r)",
    ),
    Case("rms-norm", "s = Mul(x, x) v = ReduceMean(s, last) r = Sqrt(v) y = Div(x, r)"),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean<keepdims = 0>(s, last) r = Sqrt(v) y = Div(x, r)",
        "not kept",
        x="float[5]",
    ),
    Case("layer-norm-of-quotient", f"{DEVIATION} q = Div(g5, r) y = Mul(c, q)"),
    Case("layer-norm-of-product", f"{DEVIATION} q = Mul(c, g5) y = Div(q, r)"),
    Case(
        "layer-norm-as-affine",
        f"{DEVIATION} i = Div(g5, r) p = Mul(x, i) n = Neg(m1) q = Mul(n, i) t = Add(q, g5) "
        "y = Add(p, t)",
    ),
    Case("rms-norm-of-quotient", f"{SQUARES} q = Div(g5, r) y = Mul(x, q)"),
    Case("rms-norm-of-product", f"{SQUARES} q = Mul(x, g5) y = Div(q, r)"),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean<keepdims = 0>(s, last) e = Add(v, epsilon) r = Sqrt(e) "
        "y = Div(x, r)",
        "not kept",
        x="float[5]",
    ),
    Case(
        "layer-norm",
        "k = ReduceMean(x, pair) d = Sub(x, k) p = Mul(d, d) v = ReduceMean(p, pair) "
        "e = Add(v, epsilon) r = Sqrt(e) y = Div(d, r)",
    ),
    Case(
        "layer-norm",
        f"{CANCELLING} e = Add(v, epsilon) r = Sqrt(e) y = Div(d, r)",
        "rounding errors",
    ),
    Case(
        "layer-norm-of-quotient",
        f"{CANCELLING} u = Relu(v) e = Add(u, epsilon) r = Sqrt(e) q = Div(g5, r) y = Mul(d, q)",
        "rounding errors",
    ),
    Case(
        "layer-norm-of-rms-norm",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) y = RMSNormalization<epsilon = 0.01>(c, g5)",
    ),
    Case(
        "layer-norm-of-rms-norm",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) y = RMSNormalization<axis = 2>(c, m55)",
        "different axes",
    ),
    Case(
        "layer-norm-of-rms-norm",
        "m1 = ReduceMean<keepdims = 0>(x, last) c = Sub(x, m1) y = RMSNormalization(c, g5)",
        "different axes",
        x="float[5]",
    ),
)
