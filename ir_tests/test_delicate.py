"""What stays float as codes would ruin it: what is computed for whole numbers."""

from __future__ import annotations

from mmc.integers.delicate import delicate
from mmc.ir import parse
from mmc.shapes import infer


def test_what_is_cast_to_whole_numbers_stays_float() -> None:
    """A code of 3 is 2.9999 in floats, and the place of what is read the one before."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4] x) => (int64[4] i, float[4] y) {
        one = Constant<value = float {1}>()
        two = Constant<value = float {2}>()
        scaled = Mul(x, two)
        low = Floor(scaled)
        part = Sub(scaled, low)
        next = Add(low, one)
        bounded = Min(next, two)
        i = Cast<to = 7>(bounded)
        y = Mul(part, two)
    }"""
    model = parse(text)
    infer(model)
    found = {n.outputs[0].name for n in delicate(model.graph) if n.op_type != "Constant"}
    assert found == {"next", "bounded", "i"}
