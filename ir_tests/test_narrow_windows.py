"""Wide windows over blocks of pixels compute the same; what has no blocks stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attention import model_of, optimized, weight

from mmc.ir import Model, attrs, print_ir, shape_of
from mmc.passes.narrow_windows import NarrowWindows, block_of, parts_of


def conv(
    image: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], more: str = ""
) -> Model:
    places = [(size - k) // s + 1 for size, k, s in zip(image, kernel, strides, strict=True)]
    groups = 3 if "group" in more else 1
    shape = f"float[2,3,{image[0]},{image[1]}]"
    if "pads" in more:
        places = [p + 1 for p in places]
    body = f"y = Conv<strides = [{strides[0]}, {strides[1]}] {more}>(x, w, b)"
    weights = {"w": weight(3, 3 // groups, *kernel), "b": weight(3)}
    return model_of(body, shape, f"float[2,3,{places[0]},{places[1]}]", **weights)


def test_patches_of_16() -> None:
    model = conv((32, 48), (16, 16), (16, 16))
    assert NarrowWindows().run(model) == 1
    assert (
        print_ir(model)
        == """\
%0: float[2,3,32,48] = input
%1: float[2,12,16,24] = SpaceToDepth(%0) blocksize=2
@0: float[3,12,8,8] = const
@1: float[3] = const
%2: float[2,3,2,3] = Conv(%1, @0, @1) strides=[8,8]
return %2
"""
    )
    assert NarrowWindows().run(model) == 0


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(
    kernel=st.tuples(st.integers(1, 9), st.integers(4, 9)),
    steps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    block=st.integers(2, 3),
    more=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_blocks_compute_the_same(
    kernel: tuple[int, int],
    steps: tuple[int, int],
    block: int,
    more: tuple[int, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    strides = (steps[0] * block, steps[1] * block)
    image = tuple((-(-k // block) + m) * block for k, m in zip(kernel, more, strict=True))
    model = conv((image[0], image[1]), kernel, strides)
    fits = bool(block_of(next(iter(model.graph)), 3))
    counts = optimized(model, tmp_path_factory.mktemp("m"), NarrowWindows(3))
    assert counts["SpaceToDepth"] == fits


@pytest.mark.parametrize(
    "model",
    [
        conv((33, 32), (16, 16), (16, 16)),
        conv((32, 32), (16, 16), (3, 16)),
        conv((32, 32), (1, 32), (1, 32)),
        conv((32, 32), (16, 16), (16, 16), ", group = 3"),
        conv((32, 32), (16, 16), (16, 16), ", pads = [8, 8, 8, 8]"),
        model_of(
            "y = Conv<strides = [16]>(x, w)", "float[1,3,32]", "float[1,2,2]", w=weight(2, 3, 16)
        ),
    ],
    ids=["rows left over", "odd steps", "one row", "groups", "borders", "one axis"],
)
def test_what_has_no_blocks_is_a_sum_of_parts(model: Model, tmp_path: Path) -> None:
    (node,) = model.graph
    assert block_of(node, 13) == 0
    counts = optimized(model, tmp_path, NarrowWindows())
    assert counts["Conv"] - 1 == counts["Add"] > 0
    assert all(shape_of(n.inputs[1])[-1] <= 13 for n in model.graph if n.op_type == "Conv")


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(
    width=st.integers(4, 11),
    pads=st.tuples(st.integers(0, 10), st.integers(0, 10)),
    stride=st.integers(1, 3),
    gap=st.integers(1, 2),
    more=st.integers(0, 5),
)
def test_parts_compute_the_same(
    width: int,
    pads: tuple[int, int],
    stride: int,
    gap: int,
    more: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    reach = (width - 1) * gap + 1
    size = max(reach - sum(pads), 1) + more
    places = (size + sum(pads) - reach) // stride + 1
    body = (
        f"y = Conv<strides = [1, {stride}], dilations = [1, {gap}],"
        f" pads = [1, {pads[0]}, 1, {pads[1]}]>(x, w, b)"
    )
    given = {"w": weight(3, 2, 3, width), "b": weight(3)}
    model = model_of(body, f"float[1,2,4,{size}]", f"float[1,3,4,{places}]", **given)
    divided = bool(parts_of(next(iter(model.graph)), 3))
    counts = optimized(model, tmp_path_factory.mktemp("m"), NarrowWindows(3))
    assert counts["Conv"] == (-(-width // 3) if divided else 1)


def test_a_window_of_39_in_three_parts() -> None:
    body = "y = Conv<pads = [0, 19, 0, 19]>(x, w, b)"
    given = {"w": weight(3, 2, 1, 39), "b": weight(3)}
    model = model_of(body, "float[1,2,4,50]", "float[1,3,4,50]", **given)
    assert NarrowWindows().run(model) == 1
    convs = [n for n in model.graph if n.op_type == "Conv"]
    assert [attrs(n)["pads"] for n in convs] == [(0, 19, 0, 0), (0, 6, 0, 6), (0, 0, 0, 19)]
    assert [shape_of(n.inputs[0])[-1] for n in convs] == [43, 50, 43]
    assert [len(n.inputs) for n in convs] == [3, 2, 2]
    assert NarrowWindows().run(model) == 0


@pytest.mark.parametrize(
    "model",
    [
        conv((32, 32), (16, 13), (16, 16)),
        conv((1, 120), (1, 105), (1, 1)),
        conv((4, 40), (1, 39), (1, 1), ', auto_pad = "VALID"'),
        model_of(
            "y = Conv<pads = [0, 19, 0, 19]>(x, w)",
            "float[1,1,1,5]",
            "float[1,1,1,5]",
            w=weight(1, 1, 1, 39),
        ),
    ],
    ids=["narrow", "too many parts", "borders by name", "a part is wholly beside the image"],
)
def test_other_windows_stay(model: Model) -> None:
    before = print_ir(model)
    assert NarrowWindows().run(model) == 0
    assert print_ir(model) == before


def test_a_window_that_ends_inside_a_block(tmp_path: Path) -> None:
    model = conv((32, 32), (15, 15), (4, 8))
    assert optimized(model, tmp_path, NarrowWindows(8)) == {"SpaceToDepth": 1, "Conv": 1}
    (made,) = (n for n in model.graph if n.op_type == "Conv")
    assert np.asarray(made.inputs[1].const_value.numpy()).shape == (3, 12, 8, 8)
