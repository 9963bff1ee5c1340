"""Cases of the rules in passes/rules/identities.py."""

from cases import Case

CASES = (
    Case("identity", "a = Identity(x) y = Relu(a)"),
    Case("identity", "y = Identity(x)", "output of the model"),
    Case("dropout", "a = Dropout(x) y = Relu(a)"),
    Case("dropout", "a = Dropout(x, half, yes) y = Relu(a)", "training mode"),
    Case("add-zero", "a = Add(x, nothing) y = Relu(a)"),
    Case("add-zero", "a = Add(x, one) y = Relu(a)", "not zero"),
    Case("times-one", "a = Mul(x, one) y = Relu(a)"),
    Case("times-one", "a = Div(one, x) y = Relu(a)", "not constant"),
    Case("times-one", "a = Mul(x, two) y = Relu(a)", "not one"),
    Case("and-true", "a = Greater(x, z) b = And(a, yes) y = Not(b)", y="bool"),
    Case("and-true", "a = Greater(x, z) b = And(a, no) y = Not(b)", "not true", y="bool"),
    Case("or-false", "a = Greater(x, z) b = Or(a, no) y = Not(b)", y="bool"),
    Case("or-false", "a = Greater(x, z) b = Or(a, yes) y = Not(b)", "not false", y="bool"),
    Case("variadic-of-one", "a = Max(x) y = Relu(a)"),
    Case("sum-of-two", "y = Sum(x, z)"),
    Case("constant-on-the-right", "y = Add(two, x)"),
    Case("constant-on-the-right", "y = Add(x, two)", "on the right"),
    Case("not-not", "a = Greater(x, z) b = Not(a) c = Not(b) y = And(c, a)", y="bool"),
    Case("not-compare", "a = Less(x, z) y = Not(a)", x="int64[4]", y="bool"),
    Case("not-compare", "a = Less(x, z) y = Not(a)", "NaN", y="bool"),
    Case("where-of-constant", "a = Where(yes, x, z) y = Relu(a)"),
    Case("where-of-constant", "a = Where(mixed, x, z) y = Relu(a)", "mixed"),
    Case("where-same", "c = Greater(x, z) a = Where(c, x, x) y = Relu(a)"),
    Case("where-not", "c = Greater(x, z) d = Not(c) y = Where(d, x, z)"),
    Case(
        "where-bool-as-number",
        "c = Greater(x, z) d = Cast<to = 1>(c) e = Equal(d, zero) y = Where(e, x, z)",
    ),
    Case("where-bool-as-number", "e = Equal(x, zero) y = Where(e, x, z)", "not a boolean"),
    Case("expand-to-same", "a = Expand(x, same) y = Relu(a)"),
    Case("expand-to-same", "a = Expand(x, big) y = Relu(a)", "broadcasts"),
    Case("tile-once", "a = Tile(x, ones) y = Relu(a)"),
    Case("tile-once", "a = Tile(x, same) y = Relu(a)", "repeats"),
    Case("pad-nothing", "a = Pad(x, nopads) y = Relu(a)"),
    Case("pad-nothing", "y = Pad(x, pads)", "it pads"),
    Case("split-in-one", "a = Split<num_outputs = 1>(x) y = Relu(a)"),
    Case("max-pool-without-indices", "y, i = MaxPool<kernel_shape = [2, 2]>(x)"),
    Case("add-zero", "a = Add(x, nan4) y = Relu(a)", "not zero"),
    Case("dropout", "a, b = Dropout(x) y = And(b, b)", "mask is used", y="bool"),
    Case("times-one", "a = Mul(one, x) y = Relu(a)", "one is on the left"),
    Case(
        "split-in-one", "a, b = Split<axis = 1, num_outputs = 2>(x) y = Add(a, b)", "several parts"
    ),
    Case("max-pool-without-indices", "y = MaxPool<kernel_shape = [2, 2]>(x)", "or not made"),
    Case("dropout", "a = Dropout(x, half, no) y = Relu(a)"),
    Case(
        "dropout",
        "peak = ReduceMax<keepdims = 0>(z) g = Greater(peak, zero) a = Dropout(x, half, g) "
        "y = Relu(a)",
        "or may be",
    ),
    Case("and-true", "y = And(x, true23)", x="bool[1,3]", y="bool"),
    Case("or-false", "y = Or(x, false23)", x="bool[1,3]", y="bool"),
)
