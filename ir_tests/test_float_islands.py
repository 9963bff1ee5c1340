"""The few activations that make most of the error stay float on a processor; NPUs get all codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import mmc
from mmc.backends.tflite.run import opened
from mmc.integers.float_islands import heavy
from mmc.integers.integer_ops import INTEGER
from mmc.ir import Array, Model, parse, save
from mmc.passes.equalize_channels import EqualizeChannels
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_weights import QuantizeWeights

LAYERS = 12
SPIKE = 300.0
"""How far one channel goes; the layer after it has such weights that it adds nothing."""


@pytest.fixture(autouse=True)
def _no_equalization(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that goes too far would be scaled to the others', and nothing stay float."""
    monkeypatch.setattr(EqualizeChannels, "run", lambda *_: 0)


def normal(*shape: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def weights(spike: float) -> dict[str, Array]:
    """Return square weights that keep the size of what passes; the third layer has the spike."""
    made = {f"w{i}": normal(32, 32, seed=i) * np.float32(32**-0.5) for i in range(LAYERS)}
    made["w3"][:, 0] *= spike
    made["w4"][0] /= spike
    return made


def written(folder: Path, spike: float) -> Path:
    """Write a chain of layers with LeakyRelu between them, and data to calibrate on."""
    steps = [f"a{i} = MatMul(r{i}, w{i})\nr{i + 1} = LeakyRelu(a{i})" for i in range(LAYERS)]
    text = '<ir_version: 10, opset_import: ["" : 21]>\ng (float[4,32] r0) => (float[4,32] '
    text += f"r{LAYERS}) {{\n" + "\n".join(steps) + "\n}"
    save(parse(text, **weights(spike)), folder / "m.onnx")
    np.savez(folder / "d.npz", r0=normal(64, 4, 32, seed=99))
    return folder / "m.onnx"


def right(x: Array, spike: float) -> Array:
    """Return what the chain computes, in float64."""
    found = x.astype(np.float64)
    for w in weights(spike).values():
        found = found @ w
        found = np.where(found > 0, found, 0.01 * found)
    return found


def decibels(model: Path, spike: float, target: str) -> tuple[float, int]:
    """Return the artifact's signal to noise on unseen inputs, and its operators."""
    found = mmc.compile(
        model,
        target=target,
        output=model.parent / f"{target}.tflite",
        weights="int8",
        activations="int8",
        calibration=model.parent / "d.npz",
    )
    fed = normal(16, 4, 32, seed=5)
    run, expected = opened(found.artifact), right(fed, spike)
    off = np.stack([run({"r0": x})[f"r{LAYERS}"] for x in fed]) - expected
    return float(10 * np.log10((expected**2).sum() / (off**2).sum())), sum(found.ops.values())


def test_a_processor_keeps_floats_where_codes_ruin_the_result(tmp_path: Path) -> None:
    model = written(tmp_path, SPIKE)
    (npu, _), (processor, _) = (decibels(model, SPIKE, t) for t in ("hexagon_v73", "cpu"))
    assert npu < 15  # a step of the spike's range is more than everything else
    assert processor > 20


def test_an_even_network_has_none(tmp_path: Path) -> None:
    model = quantized(written(tmp_path, 1.0), tmp_path)
    assert all(INTEGER in n.metadata_props for n in model.graph if n.op_type == "LeakyRelu")


def test_only_the_neighbours_of_the_spike_stay_float(tmp_path: Path) -> None:
    model = quantized(written(tmp_path, SPIKE), tmp_path)
    kept = [n for n in model.graph if n.op_type in ("Linear", "LeakyRelu")]
    apart = [i for i, n in enumerate(kept) if INTEGER not in n.metadata_props]
    assert apart == [6, 7, 8]  # the layer that makes the spike, its LeakyRelu, the next layer


def quantized(path: Path, folder: Path) -> Model:
    """Return the model with codes, floats where they are better."""
    from mmc.ir import load

    model = to_linear(load(path))
    QuantizeWeights(bits=8).run(model)
    QuantizeActivations(8, str(folder / "d.npz"), islands=True).run(model)
    return model


def to_linear(model: Model) -> Model:
    """Return the model as the backend has it in front of quantization."""
    from mmc.backends.base import load_backend
    from mmc.options import CompileOptions
    from mmc.pass_manager import PassManager
    from mmc.target import load_target

    target = load_target("cpu")
    backend = load_backend(target.backend)(target, CompileOptions(precision=target.precision))
    PassManager(backend.phases()).run(model)
    return model


@pytest.mark.parametrize("seed", range(20))
def test_the_search_finds_what_a_look_at_each_would(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.lognormal(0, 2.5, int(rng.integers(5, 200))) * 1e-4
    asked: list[int] = []

    def error(places: Sequence[int]) -> float:
        asked.append(len(places))
        return float(costs[list(places)].sum())

    wanted = np.flatnonzero(costs >= 4 * costs.mean())
    assert sorted(heavy(len(costs), error)) == [*wanted]
    assert len(asked) <= 2 * len(costs) + 1


@pytest.mark.parametrize("count", [1, 4])
def test_of_a_handful_all_are_codes(count: int) -> None:
    assert heavy(count, lambda places: float(0 in places)) == []


def test_a_good_network_is_left_alone() -> None:
    assert heavy(100, lambda places: 1e-9 * len(places)) == []
