"""Cases of the rules in passes/rules/grids.py."""

from cases import Case

CODES = "r = Round(x) a = Add(r, code12) b = Clip(a, code_low, code_high)"
STEPS = "d = Div(x, tenth) r = Round(d)"
CASES = (
    Case("clip-around-zero", f"{CODES} y = Add(b, code_12)"),
    Case("clip-around-zero", f"{CODES} y = Add(b, code12)", "does not come back"),
    Case(
        "clip-around-zero",
        "a = Add(x, code12) b = Clip(a, code_low, code_high) y = Add(b, code_12)",
        "may be rounded",
    ),
    Case("clip-around-zero", f"{CODES} y = Add(b, code_12_axes)", "add axes", x="float[5]"),
    Case("on-grid", f"{STEPS} y = Clip(r, code_low, code_high)"),
    Case("on-grid", f"{STEPS} y = Clip(r, zero, code_top)"),
    Case("on-grid", "d = Div(x, c4) r = Round(d) y = Clip(r, zero, code_top)", "a step a channel"),
    Case("on-grid", f"{STEPS} y = Clip(r, zero, code_top)", "is a single number", x="float"),
    Case("on-grid", f"{STEPS} y = Clip(r, zero, code_high)", "have not 8 bits"),
    Case("on-grid", "d = Div(x, minus) r = Round(d) y = Clip(r, zero, code_top)", "not positive"),
    Case("scaled-grid", "g = mmc.OnGrid(x, tenth, code_zero, one) y = Mul(g, half)"),
    Case(
        "scaled-grid",
        "g = mmc.OnGrid(x, tenth, code_zero, one) y = Mul(g, c4)",
        "a scale a channel",
    ),
)
