"""Cases of the rules in passes/rules/norm_affine.py."""

from cases import Case

TURNED = (
    "t = Transpose<perm = [0, 2, 3, 1]>(x) a = LayerNormalization(t, g4, ones4f) "
    "b = Transpose<perm = [0, 3, 1, 2]>(a)"
)
GROUPS = "a = GroupNormalization<num_groups = 2, epsilon = 0.5>(x, g4, ones4f)"
ROWS = "s = Constant<value = int64[3] {20, 1, 5}>() r = Reshape(a, s)"
F22 = "float[2,2,5,5]"
SPREAD = (
    "s = Constant<value = int64[4] {2, 2, 5, 5}>() "
    "c = Constant<value = float[2,2,1,1] {1, 2, 3, 4}>() r = Reshape(a, s)"
)
CASES = (
    Case("norm-scale", "a = LayerNormalization(x, g5, g5) y = Mul(a, g5)"),
    Case("norm-scale", "a = LayerNormalization(x, g5, g5) y = Mul(a, c4)", "does not fit"),
    Case("norm-shift", "a = LayerNormalization(x, g5) y = Add(a, g5)"),
    Case("norm-shift", "a = RMSNormalization(x, g5) y = Add(a, g5)", "no bias"),
    Case("channel-norm-affine", "a = InstanceNormalization(x, g4, g4) y = Mul(a, c4)"),
    Case("turned-norm-scale", f"{TURNED} y = Mul(b, c4)"),
    Case("turned-norm-scale", f"{TURNED} y = Mul(b, g5)", "does not fit"),
    Case("turned-norm-shift", f"{TURNED} y = Add(b, c4)"),
    Case("turned-norm-shift", f"{TURNED} y = Add(b, five_axes)", "adds axes", y="float[1,1,4,5,5]"),
    Case("channel-norm-affine", f"{GROUPS} y = Mul(a, c4)", y="float[1,4,5,5]"),
    Case("channel-norm-affine", "a = InstanceNormalization(x, g4, g4) y = Add(a, c4)"),
    Case("channel-norm-affine", f"{GROUPS} y = Mul(a, g5)", "one number per channel"),
    Case(
        "group-norm",
        "a = Reshape(x, groups2) b = InstanceNormalization<epsilon = 0.5>(a, s2, t2) "
        "y = Reshape(b, same)",
    ),
    Case(
        "group-norm",
        "a = Reshape(x, groups4) b = InstanceNormalization(a, g4, ones4f) y = Reshape(b, same)",
    ),
    Case(
        "group-norm",
        "a = Reshape(x, groups2) b = InstanceNormalization(a, s2, t2) y = Reshape(b, flat)",
        "another shape",
    ),
    Case(
        "group-norm",
        "a = Reshape(x, groups2) b = InstanceNormalization(a, s2, t2) y = Reshape(b, by_rows)",
        "groups of channels",
        x="float[2,5,5,2]",
    ),
    Case(
        "group-norm-of-layer-norm",
        "a = Reshape(x, groups2) b = LayerNormalization<epsilon = 0.5>(a, ones50) "
        "y = Reshape(b, same)",
    ),
    Case(
        "group-norm-of-layer-norm",
        "a = Reshape(x, groups2) b = LayerNormalization(a, g50) y = Reshape(b, same)",
        "as a whole",
    ),
    Case(
        "group-norm-of-layer-norm",
        "a = Reshape(x, groups25) b = LayerNormalization(a, ones5f) y = Reshape(b, same)",
        "as a whole",
    ),
    Case(
        "turned-channel-norm-affine",
        "a = InstanceNormalization(x, g4, v4) t = Transpose<perm = [0, 2, 3, 1]>(a) "
        "y = Mul(t, small4)",
    ),
    Case(
        "turned-channel-norm-affine",
        "a = InstanceNormalization(x, g4, v4) t = Transpose<perm = [0, 2, 3, 1]>(a) "
        "y = Add(t, small4)",
    ),
    Case(
        "turned-channel-norm-affine",
        "a = InstanceNormalization(x, g4, v4) t = Transpose<perm = [0, 2, 3, 1]>(a) y = Add(t, c4)",
        "not one number per channel",
    ),
    Case(
        "layer-norm-of-instance-norm",
        "a = InstanceNormalization(x, ones2f, zeros2f) y = Mul(a, g5)",
        x="float[1,2,5]",
    ),
    Case(
        "layer-norm-of-instance-norm",
        "a = InstanceNormalization(x, g4, v4) y = Mul(a, g5)",
        "a bias of their own",
        x="float[1,4,5]",
    ),
    Case(
        "layer-norm-of-instance-norm",
        "a = InstanceNormalization(x, g4, v4) y = Mul(a, c4)",
        "each place of the last axis",
    ),
    Case("reshaped-norm-affine", f"a = LayerNormalization(x, g5, g5) {ROWS} y = Mul(r, g5)"),
    Case("reshaped-norm-affine", f"a = LayerNormalization(x, g5, g5) {ROWS} y = Add(r, g5)"),
    Case("reshaped-norm-affine", f"a = LayerNormalization(x, g5) {ROWS} y = Mul(r, two)"),
    Case("reshaped-norm-affine", f"a = RMSNormalization(x, g5) {ROWS} y = Add(r, g5)", "no bias"),
    Case(
        "reshaped-norm-affine",
        f"a = LayerNormalization(x, g5) {ROWS} c = Constant<value = float[3,1] {{1, 2, 3}}>() "
        "y = Mul(r, c)",
        "more elements than what it meets",
        y="float[20,3,5]",
    ),
    Case("reshaped-channel-norm-affine", f"{GROUPS} {SPREAD} y = Mul(r, c)", y=F22),
    Case("reshaped-channel-norm-affine", f"{GROUPS} {SPREAD} y = Add(r, c)", y=F22),
    Case(
        "reshaped-channel-norm-affine",
        "a = InstanceNormalization(x, g4, g4) r = Reshape(a, flat) y = Mul(r, g25)",
        "one number per channel",
    ),
)
