"""Cases of the rules in passes/rules/cache_writes.py."""

from cases import Case

CACHE = {"x": "float[2,3,6,4]", "z": "float[2,3,2,4]"}
ONE = {"x": "float[2,3,6,4]", "z": "float[2,3,1,4]"}

CASES = (
    Case("tensor-scatter", "y = TensorScatter(x, z)", **CACHE),
    Case("tensor-scatter", "y = TensorScatter(x, z, both2)", **CACHE),
    Case("tensor-scatter", "y = TensorScatter(x, z, both0)", **CACHE),
    Case("tensor-scatter", "y = TensorScatter(x, z, oneAndThree)", **CACHE),
    Case("tensor-scatter", "y = TensorScatter(x, z, oneAndThree)", **ONE),
    Case("tensor-scatter", 'y = TensorScatter<mode = "circular">(x, z, both5)', **CACHE),
    Case("tensor-scatter", 'y = TensorScatter<mode = "circular">(x, z, sevenAnd4)', **ONE),
    Case(
        "tensor-scatter",
        "y = TensorScatter<axis = 1>(x, z, oneAndThree)",
        x="float[2,6,4]",
        z="float[2,2,4]",
    ),
    Case("tensor-scatter", "y = TensorScatter(x, z, three1)", x="float[1,6,4]", z="float[1,2,4]"),
)
