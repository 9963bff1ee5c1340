"""Cases of the rules in passes/rules/arithmetic.py."""

from cases import Case

CASES = (
    Case("subtract-constant", "y = Sub(x, two)"),
    Case("divide-by-constant", "y = Div(x, three)"),
    Case("divide-by-constant", "y = Div(x, zero)", "normal numbers"),
    Case("add-add", "a = Add(x, one) y = Add(a, two)"),
    Case("mul-mul", "a = Mul(x, three) y = Mul(a, two)"),
    Case("mul-mul", "a = Mul(x, highest) y = Mul(a, two)", "not finite"),
    Case("neg-neg", "a = Neg(x) b = Neg(a) y = Relu(b)"),
    Case("times-minus-one", "y = Mul(x, minus)"),
    Case("times-minus-one", "y = Mul(x, two)", "not -1"),
    Case("add-negative", "a = Neg(z) y = Add(x, a)"),
    Case("subtract-negative", "a = Neg(z) y = Sub(x, a)"),
    Case("simple-power", "y = Pow(x, two)"),
    Case("simple-power", "y = Pow(x, three)", "no simpler form"),
    Case("one-over", "y = Div(one, x)"),
    Case("one-over", "y = Div(two, x)", "expected 1"),
    Case("times-reciprocal", "a = Reciprocal(z) y = Mul(x, a)"),
    Case("over-reciprocal", "a = Reciprocal(z) y = Div(x, a)"),
    Case("reciprocal-reciprocal", "a = Reciprocal(x) b = Reciprocal(a) y = Relu(b)"),
    Case("abs-of-positive", "a = Relu(x) y = Abs(a)"),
    Case("equal-numbers-are-one", "y = Mul(x, threes)"),
    Case("equal-numbers-are-one", "y = Add(x, g5)", "a number or a vector"),
    Case("equal-numbers-are-one", "y = Mul(x, threes)", "broadcasts x", x="float[1,5]"),
)
