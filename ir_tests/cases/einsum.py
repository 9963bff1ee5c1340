"""Cases of the rules in passes/rules/einsum.py."""

from cases import Case

CASES = (
    Case("decompose/einsum", 'y = Einsum<equation = "bij,bkj->kbi">(x, z)', x="float[2,3,4]"),
    Case(
        "einsum-of-attention",
        'e = Einsum<equation = "bnhd,bmhd->bhnm">(x, z) s = Mul(e, half) y = Softmax(s)',
    ),
    Case(
        "einsum-of-attention",
        'p = Softmax(x) y = Einsum<equation = "bhnm,bmhd->bnhd">(p, z)',
        x="float[1,5,5,5]",
    ),
    Case(
        "einsum-of-attention",
        'e = Einsum<equation = "bnhd,bmhd->bhnm">(x, z) y = Exp(e)',
        "no product of attention",
    ),
    Case(
        "einsum-of-attention",
        'e = Einsum<equation = "bnhd,bmhd->bhnm">(x, z) s = Softmax(e) t = Exp(e) y = Add(s, t)',
        "no product of attention",
    ),
    Case("decompose/einsum", 'y = Einsum<equation = "bcdd->bcd">(x)', x="float[1,2,3,3]"),
    Case(
        "decompose/einsum",
        'y = Einsum<equation = "bcdd->bcd">(x)',
        "axes of different sizes",
        x="float[1,2,3,4]",
    ),
)
