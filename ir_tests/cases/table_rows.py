"""Cases of the rules in passes/rules/table_rows.py."""

from cases import Case

HOT = "e = Equal (x, to9) f = Cast <to = 1> (e)"
PLACES = "int32[2,40,1]"

CASES = (
    Case("rows-of-one-hot", f"{HOT} y = mmc.Linear (f, w3of9, up_bias3)", x=PLACES),
    Case("rows-of-one-hot", f"{HOT} y = mmc.Linear (f, w3of9)", x=PLACES),
    Case(
        "rows-of-one-hot",
        f"{HOT} y = mmc.Linear (f, w3of9)".replace("to9", "one_to9"),
        "others than",
        x=PLACES,
    ),
    Case(
        "rows-of-one-hot", f"{HOT} y = mmc.Linear (f, w3of9)".replace("9", "3"), "or few", x=PLACES
    ),
    Case("function-of-rows", "a = Gather <axis = 0> (rows20, x) y = Gelu (a)", x="int32[2,40]"),
    Case(
        "function-of-rows",
        "a = Gather <axis = 0> (rows20, x) y = Gelu (a)",
        "no fewer elements",
        x="int32[2]",
    ),
)
