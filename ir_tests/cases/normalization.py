"""Cases of the rules in passes/rules/normalization.py."""

from cases import Case

CASES = (
    Case(
        "expand-batch-normalization", ("y = BatchNormalization<epsilon = 0.5>(x, g4, g4, g4, v4)")
    ),
    Case(
        "expand-group-normalization",
        ("y = GroupNormalization<num_groups = 2, epsilon = 0.5>(x, g4, c4flat)"),
        y="float[1,4,5,5]",
    ),
    Case(
        "expand-group-normalization",
        "y = GroupNormalization<num_groups = 1, epsilon = 0.5>(x, g4, c4flat)",
        y="float[1,4,5,5]",
    ),
    Case(
        "expand-instance-normalization", ("y = InstanceNormalization<epsilon = 0.5>(x, g4, c4flat)")
    ),
    Case(
        "expand-layer-normalization",
        ("y = LayerNormalization<axis = 2, epsilon = 0.5>(x, threes, m55)"),
    ),
    Case(
        "statistics-of-layer-normalization",
        "normed, mean, inv = LayerNormalization<axis = 2, epsilon = 0.5>(x, threes, m55)"
        " scaled = Mul(normed, inv) y = Add(scaled, mean)",
    ),
    Case(
        "statistics-of-layer-normalization",
        "y, mean, inv = LayerNormalization<axis = 2, epsilon = 0.5>(x, threes)",
        "only its result is read",
    ),
    Case("expand-lp-normalization", "y = LpNormalization<axis = 1, p = 1>(x)"),
    Case("expand-lp-normalization", "y = LpNormalization<axis = 2>(x)"),
    Case("expand-lrn", ("y = LRN<size = 3, alpha = 0.5, beta = 0.25, bias = 2.0>(x)")),
    Case(
        "expand-mean-variance-normalization",
        "y = MeanVarianceNormalization<axes = [0, 2]>(x)",
        y="float[1,4,5,5]",
    ),
    Case("expand-rms-normalization", ("y = RMSNormalization<axis = 2, epsilon = 0.5>(x, m55)")),
    Case(
        "expand-batch-normalization",
        "y = BatchNormalization<training_mode = 1>(x, g4, g4, g4, v4)",
        "training mode",
    ),
    Case(
        "expand-batch-normalization",
        "y = BatchNormalization(x, g4, g4, g4, v4)",
        "no axis of channels",
        x="float[4]",
    ),
    Case("expand-lrn", "y = LRN<size = 3>(x)", "over two axes", x="float[1,4,5]"),
)
