"""Convolutions of few filters compute several places at once, of drawn shapes."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ir_tests.arrays import normal
from ir_tests.lowering import single, sqnr
from mmc.ir import shape_of
from mmc.opset import DOMAIN
from mmc.pass_manager import PassManager
from mmc.passes.fill_lanes import FillLanes
from mmc.verification.evaluate import run_model


@given(
    st.integers(1, 4),
    st.tuples(st.integers(1, 3), st.integers(3, 6)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(1, 2),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.integers(12, 40),
)
@settings(max_examples=60, deadline=None)
def test_several_places_at_once_are_what_each_was(
    filters: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    gap: int,
    pads: list[int],
    wide: int,
) -> None:
    model = single(
        "Conv2d",
        (2, 7, wide, 3),
        normal(filters, *kernel, 3),
        normal(filters),
        domain=DOMAIN,
        strides=strides,
        dilations=(gap, 1),
        pads=pads,
        group=1,
    )
    feeds = {"x0": normal(2, 7, wide, 3)}
    before, shape = run_model(model, feeds)["y0"], shape_of(model.graph.outputs[0])
    with patch("mmc.passes.rules.few_filters.LEAST_PRODUCTS", 0):
        PassManager([FillLanes()]).run(model)
    assume("Reshape" in {n.op_type for n in model.graph})
    after = run_model(model, feeds)["y0"]
    assert after.shape == before.shape == shape
    assert sqnr(before, after) > 120 or np.array_equal(before, after)
