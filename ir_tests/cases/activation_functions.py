"""Cases of the rules in passes/rules/activation_functions.py."""

from cases import Case

CASES = (
    Case("expand-celu", "y = Celu<alpha = 2.0>(x)"),
    Case("expand-clip-by-computed-bounds", ("r = ReduceMax<keepdims = 0>(z) y = Clip(x, zero, r)")),
    Case("expand-elu-alpha", "y = Elu<alpha = 0.5>(x)"),
    Case("expand-hard-sigmoid", "y = HardSigmoid<alpha = 0.3, beta = 0.4>(x)"),
    Case("expand-hardmax", "y = Hardmax<axis = 1>(x)"),
    Case("expand-mish", "y = Mish(x)"),
    Case("expand-selu", "y = Selu<alpha = 1.5, gamma = 0.5>(x)"),
    Case("expand-shrink", "y = Shrink<lambd = 0.75, bias = 0.25>(x)"),
    Case("expand-softmax-axis", "y = LogSoftmax<axis = 1>(x)"),
    Case("expand-softplus", "y = Softplus(x)"),
    Case("expand-softsign", "y = Softsign(x)"),
    Case("expand-thresholded-relu", "y = ThresholdedRelu<alpha = 0.5>(x)"),
    Case("tanh-of-softplus", "a = Softplus(x) y = Tanh(a)"),
    Case("expand-elu-alpha", "y = Elu(x)", "alpha = 1"),
    Case("expand-celu", "y = Celu<alpha = -1.0>(x)", "negative alpha"),
    Case("expand-softmax-axis", "y = Softmax(x)", "over the last axis"),
    Case("expand-clip-by-computed-bounds", "y = Clip(x, zero, six)", "bounds are constant"),
    Case("expand-shrink", "y = Shrink(x)", "not floating point", x="int32[5]", y="int32"),
)
