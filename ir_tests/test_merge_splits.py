"""Splits of splits become one; a part that is read elsewhere too stays a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attention import model_of, optimized

from mmc.ir import Model, print_ir
from mmc.passes.merge_splits import MergeSplits

BOTH = "a, b, c = Split<axis = -1>(x, three) d, e = Split<axis = 1>(b, two) "


def model(body: str, y: str = "float[2,3]") -> Model:
    sizes = {"three": np.array([3, 6, 3]), "two": np.array([3, 3])}
    return model_of(body, "float[2,12]", y, **sizes)


def test_one_split_has_all_parts() -> None:
    made = model(BOTH + "s = Sum(a, c, d) y = Sub(s, e)")
    assert MergeSplits().run(made) == 1
    assert (
        print_ir(made)
        == """\
%0: float[2,12] = input
@0: int64[4] = const
%1: float[2,3], %2: float[2,3], %3: float[2,3], %4: float[2,3] = Split(%0, @0) axis=1
%5: float[2,3] = Sum(%1, %4, %2)
%6: float[2,3] = Sub(%5, %3)
return %6
"""
    )
    assert MergeSplits().run(made) == 0


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(sizes=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=2, max_size=4))
def test_the_parts_are_the_same(
    sizes: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    weights = {"outer": np.array([sum(part) for part in sizes])}
    lines = [f"{', '.join(f'p{i}' for i in range(len(sizes)))} = Split<axis = 1>(x, outer)"]
    parts = []
    for i, part in enumerate(sizes):
        names = [f"p{i}_{j}" for j in range(len(part))] if len(part) > 1 else [f"p{i}"]
        if len(part) > 1:
            weights[f"sizes{i}"] = np.array(part)
            lines.append(f"{', '.join(names)} = Split<axis = 1>(p{i}, sizes{i})")
        parts += names
    lines += [f"m_{name} = ReduceMean({name})" for name in parts]
    lines.append(f"y = Concat<axis = 1>({', '.join(f'm_{name}' for name in parts)})")
    width = sum(map(sum, sizes))
    made = model_of(" ".join(lines), f"float[1,{width}]", f"float[1,{len(parts)}]", **weights)
    assert optimized(made, tmp_path_factory.mktemp("m"), MergeSplits())["Split"] == 1


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (BOTH + "t = ReduceMax(b) s = Sum(a, c, d, t) y = Sub(s, e)", "float[2,3]"),
        (
            "a, b, c = Split<axis = -1>(x, three) d, e = Split<axis = 0, num_outputs = 2>(b)"
            " y = Sub(d, e)",
            "float[1,6]",
        ),
        ("a, y, c = Split<axis = -1>(x, three) d, e = Split<axis = 1>(y, two)", "float[2,6]"),
    ],
    ids=["the part is read twice", "another axis", "the part is an output"],
)
def test_other_splits_stay(body: str, shape: str, tmp_path: Path) -> None:
    made = model(body, shape)
    before = print_ir(made)
    assert MergeSplits().run(made) == 0
    assert print_ir(made) == before
