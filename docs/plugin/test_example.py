"""Tests of a pass and a rule: they match, the numbers hold, they refuse. `pytest docs/plugin`"""

from __future__ import annotations

import numpy as np
from mmc_example.passes import BoundMasks
from mmc_example.rules import sqrt_of_square

from mmc.instruments import Verify
from mmc.ir import Model, parse
from mmc.pass_manager import PassManager
from mmc.pattern import apply_rules
from mmc.shapes import infer
from mmc.verification.equivalence import Equivalence


def model(factor: str) -> Model:
    """Return Softmax(Sqrt(x * factor) + mask)."""
    text = f"""<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,4] x, float[1,4] z) => (float[1,4] y)
        {{ p = Mul(x, {factor})  s = Sqrt(p)  t = Add(s, mask)  y = Softmax(t) }}"""
    made = parse(text, mask=np.array([0, -np.inf, 0, 0], np.float32))
    infer(made)
    return made


def operators(made: Model) -> list[str]:
    return [node.op_type for node in made.graph]


def test_the_pass_changes_one_constant_and_the_numbers_hold() -> None:
    made = model("x")
    (record,) = PassManager([BoundMasks(limit=50.0)], [Verify(), Equivalence()]).run(made)
    assert record.changes == 1
    assert BoundMasks(limit=50.0).run(made) == 0


def test_the_rule_matches() -> None:
    made = model("x")
    assert apply_rules(made, (sqrt_of_square,)) == 1
    assert operators(made) == ["Abs", "Add", "Softmax"]


def test_the_rule_refuses_two_factors() -> None:
    made = model("z")
    assert apply_rules(made, (sqrt_of_square,)) == 0
    assert operators(made) == ["Mul", "Sqrt", "Add", "Softmax"]
