"""Cases of the rules in passes/rules/conv_affine.py."""

from cases import Case

CASES = (
    Case("conv-unit-clip", ("a = Conv(x, w, b6) b = Clip(a, zero, one) y = Mul(b, c6)")),
    Case("conv-bn", "a = Conv(x, w, b6) y = BatchNormalization(a, g6, b6, g6, v6)"),
    Case("conv-bn", "a = ConvTranspose(x, wt) y = BatchNormalization(a, g6, b6, g6, v6)"),
    Case("conv-add", "a = Conv(x, w) y = Add(a, c6)"),
    Case("conv-add", "a = Conv(x, w) y = Add(a, g5)", "one number per channel"),
    Case("conv-mul", "a = Conv(x, w, b6) y = Mul(a, c6)"),
    Case("conv-neg", "a = Conv(x, w, b6) y = Neg(a)"),
    Case("mul-conv", "a = Mul(x, c4) y = Conv<pads = [1,1,1,1]>(a, w3)"),
    Case("add-conv", "a = Add(x, c4) y = Conv(a, w3)"),
    Case("add-conv", "a = Add(x, c4) y = Conv<pads = [1,1,1,1]>(a, w3)", "pad is zero"),
    Case("affine-conv", "a = Mul(x, two) b = Add(a, c4) y = Conv<pads = [1,1,1,1]>(b, w3)"),
    Case("affine-conv", "a = Mul(x, zero) b = Add(a, c4) y = Conv(b, w3)", "scale is zero"),
    Case("bn-conv", "a = BatchNormalization(x, g4, g4, g4, v4) y = Conv(a, w3)"),
    Case(
        "bn-conv",
        "a = BatchNormalization(x, g4, g4, g4, v4) y = Conv<pads = [1,1,1,1]>(a, w3)",
        "pad is zero",
    ),
    Case("conv-bn", "a = Conv(x, w) y = BatchNormalization<epsilon = 0.5>(a, g6, b6, b6, v6)"),
    Case("bn-conv", "a = BatchNormalization<epsilon = 0.5>(x, g4, g4, g4, v4) y = Conv(a, w)"),
    Case("mul-conv", "a = Mul(x, c4) y = Conv<group = 2>(a, grouped)"),
    Case(
        "affine-conv",
        "a = Mul(x, c4) b = Add(a, c4) y = Conv<group = 2, pads = [1, 1, 1, 1]>(b, grouped3)",
    ),
    Case(
        "conv-mul",
        "a = Conv(x, wb16) y = Mul(a, cb16)",
        "not a float constant",
        x="bfloat16[1,4,5,5]",
        y="bfloat16",
    ),
    Case(
        "mul-conv",
        "a = Mul(x, db16) y = Conv(a, wb16)",
        "not a float constant",
        x="bfloat16[1,4,5,5]",
        y="bfloat16",
    ),
    Case("conv-add", "a = Conv(x, w, huge6) y = Add(a, hugec6)", "bias would not be finite"),
    Case(
        "conv-bn",
        "a = Conv(x, w) y = BatchNormalization<training_mode = 1>(a, g6, b6, b6, v6)",
        "statistics are not constant",
    ),
    Case(
        "conv-bn",
        "a = Conv(x, w) y = BatchNormalization<epsilon = 0.0>(a, g6, b6, b6, zeros6)",
        "scale is not finite",
    ),
    Case(
        "affine-conv",
        "a = Mul(x, millionth) b = Add(a, c4) y = Conv(b, w3)",
        "far smaller than the shift",
    ),
)
