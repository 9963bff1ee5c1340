"""Cases of the rules in passes/rules/integer_products.py."""

from cases import Case

CASES = (
    Case("conv-integer", "y = ConvInteger(x, tiny6411w, tiny3)", x="int8[1,4,5,5]", y="int32"),
    Case(
        "float-conv-integer",
        ("p = ConvInteger(x, tiny6411w, tiny3) y = Cast<to = 1>(p)"),
        x="int8[1,4,5,5]",
    ),
    Case("matmul-integer", "y = MatMulInteger(x, tiny53, tiny3)", x="int8[5,5]", y="int32"),
    Case(
        "float-matmul-integer",
        ("p = MatMulInteger(x, tiny53, tiny3) y = Cast<to = 1>(p)"),
        x="int8[5,5]",
    ),
    Case(
        "matmul-integer",
        "p = MatMulInteger(x, z) y = Cast<to = 1>(p)",
        "cast to float",
        x="int8[5,5]",
    ),
    Case(
        "scaled-matmul-integer",
        "p = MatMulInteger(x, tiny53, tiny3) f = Cast<to = 1>(p) s = Mul(z, steps3) y = Mul(s, f)",
        x="int8[5,5]",
        z="float[1]",
    ),
    Case(
        "scaled-matmul-integer",
        "p = MatMulInteger(x, x) f = Cast<to = 1>(p) s = Mul(z, z) y = Mul(f, s)",
        x="int8[5,5]",
        z="float[1,1]",
    ),
    Case(
        "scaled-matmul-integer",
        "p = MatMulInteger(x, x) f = Cast<to = 1>(p) y = Mul(f, step1)",
        x="int8[5,5]",
    ),
    Case(
        "scaled-matmul-integer",
        "p = MatMulInteger(x, tiny53) f = Cast<to = 1>(p) y = Mul(f, z)",
        "one number times",
        x="int8[5,5]",
        z="float[5,1]",
    ),
    Case(
        "scaled-matmul-integer",
        "p = MatMulInteger(x, x) f = Cast<to = 1>(p) n = ReduceMax(z) s = Mul(n, z) y = Mul(f, s)",
        "one a column",
        x="int8[5,5]",
        z="float[5,1]",
    ),
    Case(
        "scaled-conv-integer",
        (
            "p = ConvInteger(x, tiny6411w, tiny3) f = Cast<to = 1>(p) s = Mul(z, steps611) "
            "y = Mul(f, s)"
        ),
        x="int8[1,4,5,5]",
        z="float[1,1]",
    ),
    Case(
        "scaled-conv-integer",
        "p = ConvInteger(x, tiny6411w, tiny3) f = Cast<to = 1>(p) y = Mul(f, z)",
        "one number times",
        x="int8[1,4,5,5]",
        z="float[1,6,1,1]",
    ),
    Case(
        "scaled-conv-integer",
        "p = ConvInteger(x, tiny6411w) f = Cast<to = 1>(p) s = Mul(z, sigmas) y = Mul(f, s)",
        "one a channel",
        x="int8[1,4,5,5]",
        z="float[1]",
    ),
    Case(
        "scaled-biased-product",
        "p = MatMulInteger(x, tiny53, tiny3) b = Cast<to = 6>(z) a = Add(p, b)"
        " f = Cast<to = 1>(a) y = Mul(f, step1)",
        x="int8[5,5]",
        z="float[3]",
    ),
    Case(
        "scaled-biased-product",
        "p = ConvInteger(x, tiny6411w, tiny3) b = Cast<to = 6>(steps611) a = Add(b, p)"
        " f = Cast<to = 1>(a) y = Mul(f, z)",
        x="int8[1,4,5,5]",
        z="float[1]",
    ),
)
