"""Cases of the rules in passes/rules/softmax.py."""

from cases import Case

SUM = "e = Exp(x) s = ReduceSum(e, i2) l = Log(s)"
CASES = (
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i2) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
    ),
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i1) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
        "different axes",
    ),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, i2) y = Div(e, s)"),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, space) y = Div(e, s)", "one axis"),
    Case("log-softmax", "a = Softmax(x) y = Log(a)"),
    Case("log-softmax-of-sum", "a = ReduceLogSumExp(x, i2) y = Sub(x, a)"),
    Case("log-softmax-of-sum", "a = ReduceLogSumExp(x, space) y = Sub(x, a)", "one axis"),
    Case(
        "softmax-between-transposes",
        "a = Transpose<perm = [0, 2, 3, 1]>(x) b = LogSoftmax<axis = 2>(a) "
        "y = Transpose<perm = [0, 3, 1, 2]>(b)",
    ),
    Case(
        "softmax-between-transposes",
        "a = Transpose<perm = [0, 2, 3, 1]>(x) b = Softmax(a) "
        "y = Transpose<perm = [0, 2, 1, 3]>(b)",
        "do not cancel",
    ),
    Case("softmax-of-log-softmax", "a = LogSoftmax<axis = 2>(x) y = Exp(a)"),
    Case("softmax-of-log-softmax", "a = Softmax(x) y = Exp(a)", "not LogSoftmax"),
    Case("log-softmax-of-exponentials", f"{SUM} y = Sub(x, l)"),
    Case("log-softmax-of-exponentials", f"{SUM} y = Sub(z, l)", "two different values"),
    Case("softmax-of-difference", "a = ReduceMax(x, i2) b = Sub(x, a) y = Softmax<axis = 2>(b)"),
    Case(
        "softmax-of-difference",
        "a = ReduceMax(x, i2) b = Sub(x, a) y = Softmax<axis = 3>(b)",
        "differs along the axis",
    ),
)
