"""The few activations that make most of the error stay float on a processor; NPUs get all codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import emit, oracle
from mmc.backends.tflite.run import opened
from mmc.integers.float_islands import MOST_RUNS, affordable, heavy
from mmc.integers.integer_ops import INTEGER, layer_of
from mmc.integers.kept_float import KEPT_FLOAT, SLOWER
from mmc.ir import Array, Model, parse, save, shape_of
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


def decibels(
    model: Path, spike: float, target: str, activations: str = "int8"
) -> tuple[float, int]:
    """Return the artifact's signal to noise on unseen inputs, and its operators."""
    found = mmc.compile(
        model,
        target=target,
        output=model.parent / f"{target}.tflite",
        weights="int8",
        activations=activations,
        calibration=model.parent / "d.npz",
    )
    fed = normal(16, 4, 32, seed=5)
    run, expected = opened(found.artifact), right(fed, spike)
    off = np.stack([run({"r0": x})[f"r{LAYERS}"] for x in fed]) - expected
    return float(10 * np.log10((expected**2).sum() / (off**2).sum())), sum(found.ops.values())


def test_floats_are_kept_where_codes_ruin_the_result(tmp_path: Path) -> None:
    """v68 does not compile every float operator, so there all are codes."""
    model = written(tmp_path, SPIKE)
    codes, npu, processor = (
        decibels(model, SPIKE, t)[0] for t in ("hexagon_v68", "hexagon_v73", "cpu")
    )
    assert codes < 15  # a step of the spike's range is more than everything else
    assert min(npu, processor) > 20


@pytest.mark.parametrize("target", ["hexagon_v73", "cpu"])
def test_floats_are_kept_where_16_bits_ruin_the_result(target: str, tmp_path: Path) -> None:
    spike = SPIKE * 256
    model = written(tmp_path, spike)
    assert decibels(model, spike, "hexagon_v68", "int16")[0] < 10
    assert decibels(model, spike, target, "int16")[0] > 20


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
    QuantizeActivations(8, str(folder / "d.npz"), islands=50.0).run(model)
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


def adding_up(costs: Array) -> Callable[[Sequence[int]], Array]:
    """Return errors that add up, of samples by places (samples, places)."""
    return lambda places: costs[:, list(places)].sum(axis=1)


@pytest.mark.parametrize("quick", [False, True])
def test_a_processor_has_no_hard_swish_on_codes(quick: bool, tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[4,32] x) => (float[4,32] y) {
            a = MatMul(x, w)
            b = HardSwish(a)
            y = MatMul(b, v)
        }"""
    np.savez(tmp_path / "d.npz", x=normal(16, 4, 32, seed=3))
    model = to_linear(parse(text, w=normal(32, 32, seed=0), v=normal(32, 32, seed=1)))
    QuantizeWeights(bits=8).run(model)
    QuantizeActivations(8, str(tmp_path / "d.npz"), quick=quick).run(model)
    (swish,) = [n for n in model.graph if n.op_type == "HardSwish"]
    layers = [n for n in model.graph if layer_of(n)]
    assert (INTEGER in swish.metadata_props) is not quick
    assert swish.metadata_props.get(KEPT_FLOAT, "") == (SLOWER if quick else "")
    assert all(INTEGER in n.metadata_props for n in layers)


@pytest.mark.parametrize("seed", range(5))
def test_what_makes_many_times_its_part_is_heavy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.lognormal(0, 2.5, (1, int(rng.integers(5, 200)))) * 1e-2
    even = np.full(costs.size, 1 / costs.size)
    wanted = np.flatnonzero(costs[0] >= 2 * costs.mean())
    assert heavy(adding_up(costs), even, 50.0) == [*wanted]


@pytest.mark.parametrize("count", [MOST_RUNS + 1, 1000, 5000])
def test_of_many_scales_those_of_the_worst_bundles_are_measured_alone(count: int) -> None:
    rng = np.random.default_rng(count)
    costs = rng.uniform(0.5, 1, (1, count)) / count
    wanted = sorted(rng.choice(count, 3, replace=False).tolist())
    costs[0, wanted] = 100 / count
    runs = []

    def errors(places: Sequence[int]) -> Array:
        runs.append(len(places))
        return adding_up(costs)(places)

    assert heavy(errors, [1 / count] * count, 50.0) == wanted
    assert len(runs) <= MOST_RUNS + 2


def test_layers_with_the_work_must_make_more_of_the_error() -> None:
    costs = np.array([[3.0, 3.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]])  # 3 times the mean
    assert heavy(adding_up(costs), [0.9, 0.01, *[0.01] * 8], 50.0) == [1]


def test_one_sample_does_not_decide() -> None:
    costs = np.ones((5, 10))
    costs[0, 3] = 1e6
    assert heavy(adding_up(costs), [0.1] * 10, 50.0) == []
    costs[:3, 3] = 1e6
    assert heavy(adding_up(costs), [0.1] * 10, 50.0) == [3]


def test_samples_without_an_error_say_nothing() -> None:
    costs = np.ones((3, 10))
    costs[:, 3] = 1e3
    costs[2] = 0
    assert heavy(adding_up(costs), [0.1] * 10, 50.0) == [3]


def test_nothing_stays_float_that_makes_the_rest_worse() -> None:
    def hiding(places: Sequence[int]) -> Array:
        """Return the error of place 1, which hides what 0 and 2 make together."""
        hidden = 1 in places or not {0, 2} <= {*places}
        return np.array([0.1 * len(places) + 0.5 * (1 in places) if hidden else 2.0])

    assert heavy(hiding, [0.2] * 5, 50.0) == []


def test_where_each_makes_the_whole_error_most_are_codes() -> None:
    def saturated(places: Sequence[int]) -> Array:
        """Return what any of the first 28 makes alone, more of it the earlier one is."""
        return np.array([max(([1 - i / 100 for i in places if i < 28]), default=0.0)])

    assert heavy(saturated, [1 / 30] * 30, 50.0) == [*range(10)]


def test_what_had_a_fixed_scale_gets_a_measured_one(tmp_path: Path) -> None:
    """No scale holds scores of all sizes: the softmax stays float, what reads it does not."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[4,512] x) => (float[4,32] y) {
            a = MatMul(x, w)
            s = Softmax<axis=-1>(a)
            shape = Constant<value = int64[2] {512, 4}>()
            r = Reshape(s, shape)
            back = Constant<value = int64[2] {4, 512}>()
            t = Transpose<perm=[1, 0]>(r)
            q = Reshape(t, back)
            b = MatMul(q, v)
            c = LeakyRelu(b)
            d = MatMul(c, u)
            e = LeakyRelu(d)
            y = MatMul(e, u)
        }"""
    arrays = {"w": normal(512, 512, seed=0), "v": normal(512, 32, seed=1)}
    arrays["u"] = normal(32, 32, seed=2)
    save(parse(text, **arrays), tmp_path / "m.onnx")
    sizes = np.float32([[0.1], [1], [10], [1000]])
    np.savez(tmp_path / "d.npz", x=normal(16, 4, 512, seed=3) * sizes)
    model = quantized(tmp_path / "m.onnx", tmp_path)
    (softmax,) = [n for n in model.graph if n.op_type == "Softmax"]
    assert INTEGER not in softmax.metadata_props
    (reader,) = [n for n in model.graph if shape_of(n.inputs[0]) == (4, 512) and layer_of(n)][1:]
    assert INTEGER in reader.metadata_props


@pytest.mark.parametrize("count", [1, 4])
def test_of_a_handful_all_are_codes(count: int) -> None:
    assert heavy(lambda places: np.array([float(0 in places)]), [1 / count] * count, 50.0) == []


def test_a_good_network_is_left_alone() -> None:
    assert heavy(lambda places: np.array([1e-9 * len(places)]), [0.01] * 100, 50.0) == []


@pytest.mark.parametrize("apart", [0, 1])
def test_floats_and_codes_of_one_weight(apart: int, tmp_path: Path) -> None:
    """Two layers share it, and one of them stays float: before the other, or behind it."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[4,32] r0) => (float[4,32] y) { a = MatMul(r0, w) y = MatMul(a, w) }"""
    save(parse(text, w=normal(32, 32) * np.float32(32**-0.5)), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", r0=normal(64, 4, 32, seed=99))
    model = quantized(tmp_path / "m.onnx", tmp_path)
    layers = [n for n in model.graph if layer_of(n)]
    del layers[apart].metadata_props[INTEGER]
    feeds = {"r0": normal(4, 32, seed=5)}
    (actual,) = emit(model, feeds)[0].values()
    (expected,) = oracle(model, feeds).values()
    step = np.abs(expected).max() / 127
    assert np.abs(actual - expected).max() <= 2 * step


@pytest.mark.parametrize(
    ("groups", "products", "samples"), [(10, 1e6, 16), (100, 4e7, 5), (400, 1e9, 2)]
)
def test_large_models_are_measured_on_fewer_samples(
    groups: int, products: float, samples: int
) -> None:
    assert affordable(groups, products) == samples
