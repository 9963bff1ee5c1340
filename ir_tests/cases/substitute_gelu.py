"""Cases of the rules in passes/substitute_gelu.py."""

from cases import Case

CASES = (Case("gelu-by-tanh", 'y = Gelu<approximate = "tanh">(x)', "has that form"),)
