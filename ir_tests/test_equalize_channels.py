"""Channels are equalized: the same floats to the last bit, and less noise of 8 bits."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmc
from mmc.backends.coreml.backend import CoremlBackend
from mmc.backends.tflite.backend import TfliteBackend
from mmc.integers.calibration import Statistics
from mmc.ir import Array, Model, Value, parse, print_ir, save, shape_of
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager
from mmc.passes.equalize_channels import EqualizeChannels, Stretch, carried, stretches
from mmc.pipelines import pipeline
from mmc.quant.statistics import Moments
from mmc.target import load_target
from mmc.verification.evaluate import run_model

SEEDS = st.integers(0, 2**32 - 1)
STEPS = {
    "conv": "{y} = Conv<pads = [1, 1, 1, 1]>({x}, w{i}, b{i})",
    "pointwise": "{y} = Conv({x}, p{i}, b{i})",
    "depthwise": "{y} = Conv<pads = [1, 1, 1, 1], group = 8>({x}, d{i})",
    "relu": "{y} = Relu({x})",
    "leaky": "{y} = LeakyRelu<alpha = 0.25>({x})",
    "relu6": "{y} = Clip({x}, low, high)",
    "pool": "{y} = MaxPool<kernel_shape = [2, 2], pads = [0, 0, 1, 1]>({x})",
    "narrow": "{x}n = Conv({x}, n{i})  {y} = Conv({x}n, m{i}, b{i})",
    "residual": "{x}r = Conv({x}, p{i}, b{i})  {y} = Add({x}, {x}r)",
    "slope": "{y} = PRelu(s{i}, {x})",
    "sigmoid": "{y} = Sigmoid({x})",
}


FORMS = {
    "tflite": TfliteBackend(load_target("cpu"), CompileOptions()).phases,
    "coreml": CoremlBackend(load_target("ane_ios18"), CompileOptions()).phases,
    "onnx": lambda: pipeline("default"),
}
"""Channels are the last axis in the first, the second one in the others."""


def network(steps: list[str], seed: int, form: str = "tflite") -> Model:
    """Return a form of a network of 8 channels of very different size."""
    rng, arrays = np.random.default_rng(seed), dict[str, Array]()
    sizes = 10 ** rng.uniform(-1, 1, 8)
    for i in range(len(steps) + 2):
        shapes = {"w": (8, 8, 3, 3), "p": (8, 8, 1, 1), "d": (8, 1, 3, 3)}
        shapes |= {"n": (1, 8, 1, 1), "m": (8, 1, 1, 1), "s": (1, 8, 6, 6)}
        for name, shape in shapes.items():
            drawn = rng.standard_normal(shape) * sizes[: shape[0], None, None, None] / 8
            arrays[f"{name}{i}"] = drawn.astype(np.float32)
        arrays[f"b{i}"] = rng.standard_normal(8).astype(np.float32)
    arrays |= {"low": np.array(0, np.float32), "high": np.array(6, np.float32)}
    every = ["conv", *steps, "pointwise"]
    lines = [STEPS[s].format(x=f"t{i}", y=f"t{i + 1}", i=i) for i, s in enumerate(every)]
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,8,6,6] t0) => (float[1,8,6,6] t{len(every)}) {{ {" ".join(lines)} }}"""
    used = {n: a for n, a in arrays.items() if re.search(rf"\b{n}\b", text)}
    model = parse(text, **used)
    PassManager(FORMS[form]()).run(model)
    return model


def drawn_moments(seed: int) -> object:
    """Return what stands for `calibrate`: moments and extents of channels of different size."""
    rng = np.random.default_rng(seed)

    def calibrate(
        model: Model, _: object, asked: list[object], channels: dict[str, int]
    ) -> Statistics:
        found = {}
        for reader in asked:
            groups, width = reader.groups, reader.width  # type: ignore[attr-defined]
            seen = Moments.of_width(width, groups)
            size = 10 ** rng.uniform(-2, 2, width if groups == 1 else (groups, width))
            seen.add((rng.standard_normal((9, *size.shape)) * size).astype(np.float32))
            found[reader] = seen.total
        counts = {v.name: shape_of(v)[channels.get(v.name or "", 0)] for v in made_in(model)}
        ends = {v: rng.lognormal(0, 2, (2, counts[v])) * [[-1], [1]] for v in channels}
        return Statistics(found, extents=ends)  # type: ignore[arg-type]

    return calibrate


def made_in(model: Model) -> list[Value]:
    """Return what nodes make."""
    return [v for n in model.graph for v in n.outputs]


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6), SEEDS, st.sampled_from([*FORMS]))
@settings(max_examples=60, deadline=None)
def test_floats_stay_the_same_to_the_last_bit(steps: list[str], seed: int, form: str) -> None:
    model = network(steps, seed, form)
    x = np.random.default_rng(seed).standard_normal((1, 8, 6, 6)).astype(np.float32)
    (before,) = run_model(model, {"t0": x}).values()
    with mock.patch("mmc.passes.equalize_channels.calibrate", drawn_moments(seed)):
        EqualizeChannels("data").run(model)
    (after,) = run_model(model, {"t0": x}).values()
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("steps", "count"),
    [
        (["relu"], 1),
        (["relu", "depthwise", "relu"], 2),
        (["relu6"], 0),
        (["sigmoid"], 0),
        (["relu", "pool", "leaky"], 1),
        (["residual", "relu"], 1),
        (["narrow"], 3),
        (["slope"], 0),
    ],
)
def test_what_can_be_scaled(steps: list[str], count: int, form: str) -> None:
    assert len([*stretches(network(steps, 0, form).graph)]) == count


def test_without_data_nothing_changes() -> None:
    model = network(["relu"], 0)
    before = print_ir(model, digests=True)
    assert EqualizeChannels().run(model) == 0
    assert print_ir(model, digests=True) == before


def test_what_sums_add_up_is_carried_on() -> None:
    """Two branches and two ways past them: four roundings, but none of what lies before a layer."""
    graph = network(["residual", "relu", "pool", "residual", "leaky"], 0).graph
    (stretch,) = stretches(graph)
    ends = {v.name or "": np.array([[0], [i]]) for i, v in enumerate(values_summed(stretch), 1)}
    last = [*stretch.readers][-1]
    found = carried(stretch, ends, np.ones(1))
    assert len(ends) == 4
    assert found[last.inputs[0]] == pytest.approx(sum(i**2 for i in (1, 2, 3, 4)) / 255**2 / 12)
    assert found[next(iter(stretch.makers)).outputs[0]] == 0


def values_summed(stretch: Stretch) -> list[Value]:
    """Return what the sums of a stretch read."""
    return [v for n in stretch.sums for v in n.inputs if v is not None]


def test_integer_activations_gain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels of very different size: their shared scale serves all of them now."""
    rng = np.random.default_rng(0)
    sizes = (10 ** rng.uniform(-1.5, 1.5, 32)).astype(np.float32)
    arrays = {
        "w": rng.standard_normal((32, 8, 3, 3)).astype(np.float32) * sizes[:, None, None, None],
        "v": rng.standard_normal((16, 32, 1, 1)).astype(np.float32) / sizes[:, None, None],
    }
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,8,10,10] x) => (float[1,16,8,8] y) { a = Conv(x, w) b = Relu(a) y = Conv(b, v) }"""
    save(parse(text, **arrays), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((16, 1, 8, 10, 10)).astype(np.float32))
    found = []
    for equalized in (False, True):
        if not equalized:
            monkeypatch.setattr(EqualizeChannels, "run", lambda *_: 0)
        else:
            monkeypatch.undo()
        result = mmc.compile(
            tmp_path / "m.onnx",
            target="hexagon_v73",
            output=tmp_path / "m.tflite",
            weights="int8",
            activations="int8",
            calibration=tmp_path / "d.npz",
        )
        assert result.verification is not None
        accuracy = result.verification.outputs[0].accuracy
        assert accuracy is not None
        found.append(accuracy.level_db)
    assert found[1] > found[0] + 6
