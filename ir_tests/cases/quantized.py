"""Cases of the rules in passes/rules/quantized.py."""

from cases import Case

CASES = (
    Case("dequantize-linear", "y = DequantizeLinear<axis = 1>(x, steps4, tiny4)", x="int8[2,4]"),
    Case(
        "quantize-linear",
        "y = QuantizeLinear<axis = 1>(x, steps4, tiny4)",
        x="float[2,4]",
        y="int8",
    ),
    Case("dynamic-quantize-linear", "y, s, p = DynamicQuantizeLinear(x)", y="uint8"),
    Case(
        "q-linear-conv",
        (
            "y = QLinearConv<pads = [1, 0, 0, 1]>(x, step1, tiny3, tiny6411w, "
            "steps6, tiny06, scale7, tiny3, words6)"
        ),
        x="int8[1,4,5,5]",
        y="int8",
    ),
    Case(
        "q-linear-matmul",
        ("y = QLinearMatMul(x, step1, tiny3, tiny53, scale7, tiny0, scale7, tiny3)"),
        x="int8[5,5]",
        y="int8",
    ),
    Case(
        "whole-numbers",
        ("r = Round(x) c = Clip(r, minus, six) i = Cast<to = 3>(c) y = Cast<to = 1>(i)"),
    ),
    Case(
        "quantize-linear",
        "y = QuantizeLinear(x, step1, nibble0)",
        "no plain tensors of int4",
        y="int4",
    ),
    Case(
        "quantize-linear",
        "g = mmc.OnGrid(x, tenth, code_zero, tenth) y = QuantizeLinear(g, tenth, code_zero)",
        "leave the model as such",
        y="int8",
    ),
    Case(
        "dequantize-linear",
        "d = DequantizeLinear(x, tenth, code_zero) y = mmc.OnGrid(d, tenth, code_zero, tenth)",
        "come into the model as such",
        x="int8[4,4]",
    ),
    Case(
        "dequantize-linear",
        "y = DequantizeLinear<axis = 0, block_size = 2>(x, steps24)",
        "per block",
        x="int8[4,4]",
    ),
    Case(
        "dequantize-linear",
        "y = DequantizeLinear(x, half_step)",
        "scale is not float32",
        x="int8[4,4]",
        y="float16",
    ),
    Case(
        "whole-numbers",
        "c = Clip(x, minus, six) i = Cast<to = 3>(c) y = Cast<to = 1>(i)",
        "have a fraction",
    ),
    Case(
        "whole-numbers",
        "r = Round(x) c = Clip(r, minus) i = Cast<to = 3>(c) y = Cast<to = 1>(i)",
        "no constant bounds",
    ),
    Case(
        "whole-numbers",
        "r = Round(x) c = Clip(r, minus, large300) i = Cast<to = 3>(c) y = Cast<to = 1>(i)",
        "bounds exceed",
    ),
    Case(
        "q-linear-matmul",
        "s = Squeeze(z) y = QLinearMatMul(x, s, tiny0, tiny55, step1, tiny0, step1, tiny0)",
        "scales are computed",
        x="int8[5,5]",
        z="float[1]",
        y="int8",
    ),
    Case(
        "q-linear-matmul",
        "y = QLinearMatMul(x, sigmas, tiny5, tiny55, step1, tiny0, step1, tiny0)",
        "scale per row",
        x="int8[5,5]",
        y="int8",
    ),
    Case(
        "q-linear-conv",
        "y = QLinearConv(x, step1, tiny0, tiny6411, step1, tiny0, step1, tiny0, z)",
        "bias is computed",
        x="int8[1,4,5,5]",
        z="int32[6]",
        y="int8",
    ),
    Case(
        "dequantize-linear",
        "c = DequantizeLinear<axis = -1>(codes34, steps4, tiny4) y = Add(x, c)",
        x="float[3,4]",
    ),
    Case(
        "dequantize-linear",
        "c = DequantizeLinear<axis = 0, block_size = 2>(codes34, steps24) y = Add(x, c)",
        x="float[3,4]",
    ),
    Case("dequantize-linear", "c = DequantizeLinear(codes34, tenth) y = Add(x, c)", x="float[3,4]"),
    *(
        Case(
            "quantize-linear",
            f"k = Constant<value = {kind} {{5}}>() y = QuantizeLinear(x, epsilon, k)",
            y=kind,
        )
        for kind in ("int8", "uint8", "int16", "uint16")
    ),
)
