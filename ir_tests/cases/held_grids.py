"""Cases of the rules in passes/rules/held_grids.py."""

from cases import Case

CODES = "q = QuantizeLinear(x, step1, tiny3)"
WINDOW = "QLinearConv<pads = [1, 0, 0, 1]>"
CASES = (
    Case("pair-on-grid", f"{CODES} y = DequantizeLinear(q, step1, tiny3)"),
    Case(
        "pair-on-grid", "q = QuantizeLinear(x, step1, byte3) y = DequantizeLinear(q, step1, byte3)"
    ),
    Case("pair-on-grid", "q = QuantizeLinear(x, step1) y = DequantizeLinear(q, step1)"),
    Case(
        "pair-on-grid",
        "q = QuantizeLinear(x, step1, short3) y = DequantizeLinear(q, step1, short3)",
    ),
    Case(
        "pair-on-grid",
        "q = QuantizeLinear(x, step1, ushort0) y = DequantizeLinear(q, step1, ushort0)",
    ),
    Case("pair-on-grid", f"{CODES} y = DequantizeLinear(q, scale7, tiny3)", "in another scale"),
    Case("pair-on-grid", "y = DequantizeLinear(x, step1, tiny3)", "makes its codes", x="int8[2,4]"),
    Case(
        "pair-on-grid",
        "q = QuantizeLinear(x, step1, nibble0) y = DequantizeLinear(q, step1, nibble0)",
        "8 or 16 bits",
    ),
    Case(
        "pair-on-grid",
        "q = QuantizeLinear<axis = 1>(x, steps4, tiny4) "
        "y = DequantizeLinear<axis = 1>(q, steps4, tiny4)",
        "not one scale above 0",
    ),
    Case(
        "pair-on-grid",
        "s = ReduceMax<keepdims = 0>(x) q = QuantizeLinear(x, s, tiny3) "
        "y = DequantizeLinear(q, s, tiny3)",
        "zero point or bias is computed",
    ),
    *(
        Case(
            "pair-on-grid",
            f"q = QuantizeLinear(x, {scale}, tiny3) y = DequantizeLinear(q, {scale}, tiny3)",
            "not one scale above 0",
        )
        for scale in ("subnormal", "infinite")
    ),
    Case("grid-of-no-codes", "y = mmc.OnGrid(x, step1, tiny3, scale7)"),
    Case("grid-of-no-codes", "y = mmc.OnGrid(x, step1, byte3, step1)"),
    Case("grid-of-no-codes", "y = mmc.OnGrid(x, step1, tiny3, step1)", "it has codes"),
    Case("codes-from-grid", "y = QuantizeLinear(x, step1, tiny3)", y="int8"),
    Case("codes-from-grid", f"{CODES} y = DequantizeLinear(q, step1, tiny3)", "stay in the model"),
    Case("grid-from-codes", "y = DequantizeLinear(x, step1, tiny3)", x="int8[2,4]"),
    Case("grid-from-codes", f"{CODES} y = DequantizeLinear(q, step1, tiny3)", "made here"),
    Case("moved-codes", f"{CODES} y = MaxPool<kernel_shape = [2, 2]>(q)", y="int8"),
    Case("moved-codes", f"{CODES} y, r = Split<axis = 1, num_outputs = 2>(q)", y="int8"),
    Case("moved-codes", "y = Flatten(x)", "makes its codes", x="int8[2,4]", y="int8"),
    Case(
        "moved-codes",
        f"{CODES} y, i = MaxPool<kernel_shape = [2, 2]>(q)",
        "gives places too",
        y="int8",
    ),
    Case(
        "q-linear-conv-of-floats",
        f"y = {WINDOW}(x, step1, tiny3, tiny6411w, steps6, tiny06, scale7, tiny3, words6)",
        x="int8[1,4,5,5]",
        y="int8",
    ),
    Case(
        "q-linear-matmul-of-floats",
        "y = QLinearMatMul(x, step1, tiny3, tiny53, scale7, tiny0, scale7, tiny3)",
        x="int8[5,5]",
        y="int8",
    ),
    Case(
        "q-linear-matmul-of-floats",
        "y = QLinearMatMul(x, sigmas, tiny5, tiny55, step1, tiny0, step1, tiny0)",
        "a scale a row",
        x="int8[5,5]",
        y="int8",
    ),
)
