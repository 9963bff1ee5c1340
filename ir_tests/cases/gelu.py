"""Cases of the rules in passes/rules/gelu.py."""

from cases import Case

ERF = "a = Mul(x, root) b = Erf(a)"
TANH = "p = Pow(x, three) q = Mul(p, cubic) r = Add(x, q) s = Mul(r, slope) t = Tanh(s)"
CASES = (
    Case("gelu", f"{ERF} c = Add(b, one) y = Mul(x, c)"),
    Case("gelu", "a = Mul(x, half) b = Erf(a) c = Add(b, one) y = Mul(x, c)", "form of Gelu"),
    Case("gelu", f"{ERF} c = Add(b, one) y = Mul(z, c)", "form of Gelu"),
    Case("gelu", f"h = Mul(x, half) {ERF} c = Add(b, one) y = Mul(h, c)"),
    Case("gelu", "n = Neg(x) a = Mul(n, root) b = Erf(a) c = Sub(one, b) y = Mul(x, c)"),
    Case("gelu", f"{ERF} c = Sub(one, b) y = Mul(x, c)", "form of Gelu"),
    Case("gelu", f"{TANH} u = Add(t, one) y = Mul(x, u)"),
    Case(
        "gelu",
        "h = Mul(x, half) p = Mul(x, x) q = Mul(p, cubic) r = Add(q, one) g = Mul(x, slope) "
        "s = Mul(g, r) t = Tanh(s) u = Add(t, one) y = Mul(h, u)",
    ),
    Case(
        "gelu",
        "p = Mul(x, x) q = Mul(p, slope) r = Add(x, q) s = Mul(r, slope) t = Tanh(s) "
        "u = Add(t, one) y = Mul(x, u)",
        "form of Gelu",
    ),
    Case("gelu-of-scaled-gate", f"{ERF} c = Add(b, one) d = Mul(c, half) y = Mul(x, d)"),
    Case(
        "gelu-of-scaled-gate",
        f"{ERF} c = Add(b, one) d = Mul(c, c4) y = Mul(x, d)",
        "not one number",
    ),
    Case("gelu-of-shifted-gate", f"{TANH} u = Mul(t, half) v = Add(u, half) y = Mul(x, v)"),
    Case(
        "gelu-of-shifted-gate",
        f"{TANH} u = Mul(t, half) v = Add(u, one) y = Mul(x, v)",
        "not scaled as it is shifted",
    ),
    Case("gelu-of-sum", f"{ERF} h = Mul(x, half) c = Mul(h, b) y = Add(c, h)"),
    Case("gelu-of-sum", f"{ERF} h = Mul(x, half) c = Mul(h, b) y = Add(c, x)", "different values"),
    Case(
        "gelu-of-sigmoid",
        "p = Mul(x, x) q = Mul(p, x) r = Mul(q, cubic) s = Add(r, x) u = Mul(s, slope) "
        "v = Mul(u, two) g = Sigmoid(v) y = Mul(x, g)",
    ),
    Case("gelu-of-sigmoid", "a = Sigmoid(x) y = Mul(x, a)", "form of Gelu"),
)
