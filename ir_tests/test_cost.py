"""`mmc cost`: against latencies that devices reported, and against sums done by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

import golden_models
import mmc
from benchmarks import cost as benchmark
from mmc.cli import main
from mmc.cost import assumed, estimate
from mmc.cost.device import load_device
from mmc.cost.fit import LatencyModel, rank_correlation
from mmc.cost.terms import TERMS
from mmc.cost.work import NUMBERS
from mmc.costing import cost_file, work_of_file
from mmc.diagnostics import MmcError
from mmc.options import CompileOptions
from mmc.target import load_target, targets

MODEL = "digits_vqa_vision"
SHAPES = {"image": (1, 1, 28, 56)}
OPTIONS = CompileOptions(input_shapes=SHAPES)
INT8 = CompileOptions(input_shapes=SHAPES, weights="int8", activations="int8")
MEASURED = [t for t in targets() if t != "cpu"]


@pytest.fixture(scope="module")
def model() -> LatencyModel:
    """The model over all measured programs."""
    measured = [*benchmark.rows(), *benchmark.rows(benchmark.MORE)]
    programs = benchmark.programs(benchmark.workloads(), measured)
    return LatencyModel(programs, benchmark.ARCHITECTURES, benchmark.VTCM, "tflite")


def test_models_that_the_fit_never_saw(model: LatencyModel) -> None:
    """A quarter of the models at a time; docs/cost.md leaves out one at a time."""
    measured = benchmark.rows()
    names = sorted({r.model for r in measured})
    predicted = np.zeros(len(measured))
    for part in range(4):
        hidden = set(names[part::4])
        places = [i for i, r in enumerate(measured) if r.model in hidden]
        parameters = model.fit([r for r in measured if r.model not in hidden])
        predicted[places] = model.predict(parameters, [measured[i] for i in places])
    latency = np.array([r.latency_ms for r in measured])
    assert len(measured) == 402
    assert np.median(np.abs(predicted / latency - 1)) <= 0.20
    assert rank_correlation(predicted, latency) >= 0.95


def test_the_coefficients_are_those_of_the_measurements(model: LatencyModel) -> None:
    seen = [r for r in benchmark.rows(benchmark.MORE) if r.model in benchmark.SEEN]
    parameters = model.fit([*benchmark.rows(), *seen])
    table = model.coefficients(parameters)
    for architecture, expected in zip(benchmark.ARCHITECTURES, table, strict=True):
        device = load_device(load_target(f"hexagon_{architecture}"))
        stored = np.array([device.coefficients[number] for number in NUMBERS])
        np.testing.assert_allclose(stored, expected, rtol=0.01)
    unseen = [r for r in benchmark.rows(benchmark.MORE) if r.model not in benchmark.SEEN]
    predicted = model.predict(parameters, unseen)
    measured = np.array([r.latency_ms for r in unseen])
    assert len({r.model for r in unseen}) == 4
    assert np.median(np.abs(predicted / measured - 1)) <= 0.20
    assert rank_correlation(predicted, measured) >= 0.95


def test_derivatives_are_those_of_differences(model: LatencyModel) -> None:
    rows = benchmark.rows()[::40]
    here = np.random.default_rng(0).normal(model.centre, 0.2)
    _, jacobian = model.logs(here, rows)
    for place in range(0, len(here), 13):
        step = np.zeros_like(here)
        step[place] = 1e-5
        ahead, behind = (model.logs(here + sign * step, rows)[0] for sign in (1, -1))
        np.testing.assert_allclose((ahead - behind) / 2e-5, jacobian[:, place], atol=1e-6)


NETWORK = """
<ir_version: 10, opset_import: ["": 20]>
network (float[1,8,12,10] x) => (float[1,6] y)
{
    a = Conv <group = 2, pads = [1,1,1,1]> (x, grouped)
    b = Relu (a)
    c = Conv <group = 16, strides = [2,2], pads = [2,2,2,2]> (b, deep)
    d = GlobalAveragePool (c)
    e = Flatten (d)
    y = MatMul (e, dense)
}
"""


def test_multiplications_are_counted_as_by_hand(tmp_path: Path) -> None:
    network = onnx.parser.parse_model(NETWORK)
    random = np.random.default_rng(0)
    for name, shape in {"grouped": (16, 4, 3, 3), "deep": (16, 1, 5, 5), "dense": (16, 6)}.items():
        data = random.standard_normal(shape).astype(np.float32)
        network.graph.initializer.append(onnx.numpy_helper.from_array(data, name))
    onnx.save(network, path := tmp_path / "m.onnx")
    work = work_of_file(path, "hexagon_v75")
    counts = {op.kind: op.sizes.macs for op in work.ops if op.sizes.macs}
    grouped, deep = 12 * 10 * 16 * 4 * 9, 6 * 5 * 16 * 25
    assert counts == {"CONV_2D": grouped, "DEPTHWISE_CONV_2D": deep, "FULLY_CONNECTED": 16 * 6}
    weights = 16 * 4 * 9 + 16 * 25 + 16 * 6
    assert 4 * weights <= work.stored_bytes <= 4 * weights + 500
    halves = {op.kind: op.read + op.written for op in work.ops}
    assert halves["CONV_2D"] == 2 * (12 * 10 * 8 + 12 * 10 * 16)


def test_what_is_computed_when_loading_costs_nothing() -> None:
    half = CompileOptions(input_shapes=SHAPES, weights="float16")
    plain, found = (
        work_of_file(golden_models.path(MODEL), "hexagon_v75", o) for o in (OPTIONS, half)
    )
    assert [op.kind for op in found.ops] == [op.kind for op in plain.ops]
    assert [op.weights for op in found.ops] == [op.weights for op in plain.ops]
    assert found.stored_bytes < 0.6 * plain.stored_bytes


def test_a_concatenation_copies_what_others_read(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 20]>
    g (float[1,8] x) => (float[1,8] y, float[1,16] z)
    { y = Sin (x)
      a = Cos (x)
      z = Concat <axis = 1> (y, a) }"""
    onnx.save(onnx.parser.parse_model(text), path := tmp_path / "m.onnx")
    copies = [op.read for op in work_of_file(path, "hexagon_v75").ops if op.engine == "concat"]
    assert copies == [2 * 8]


def test_a_model_without_operators(tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["": 20]>
    g (float[1,8] x) => (float[1,8] y) { y = Identity (x) }"""
    onnx.save(onnx.parser.parse_model(text), path := tmp_path / "m.onnx")
    for target in MEASURED:
        assert 0 < cost_file(path, target).latency_ms < 1


@pytest.mark.parametrize("target", MEASURED)
def test_figures_add_up(target: str) -> None:
    found = cost_file(golden_models.path(MODEL), target, OPTIONS)
    assert found.latency_ms == pytest.approx(found.base_ms + sum(o.latency_ms for o in found.ops))
    assert 0 < found.latency_low_ms < found.latency_ms < found.latency_high_ms
    assert 0 < found.energy_low_mj < found.energy_mj < found.energy_high_mj
    held = found.peak_memory_mb - found.arena_mb - found.runtime_mb
    assert 0 < held <= found.weights_mb
    published = target.startswith("ane")
    assert (found.confidence == "published") == published
    assert all(found.sources.values())


def test_integers_are_faster_where_there_is_much_to_compute() -> None:
    work, target = benchmark.workloads()["resnet50"], load_target("hexagon_v75")
    plain, small, tiny = (
        estimate(assumed(work, activations, weights), target)
        for activations, weights in ((0, 0), (8, 8), (16, 4))
    )
    assert small.latency_ms < 0.6 * plain.latency_ms
    assert plain.weights_mb > small.weights_mb > tiny.weights_mb


def test_fewer_bits_weigh_less() -> None:
    path = golden_models.path(MODEL)
    plain, small = (cost_file(path, "hexagon_v75", o) for o in (OPTIONS, INT8))
    tiny = CompileOptions(input_shapes=SHAPES, weights="int4", activations="int16")
    assert small.number == "int8"
    assert small.weights_mb == pytest.approx(plain.weights_mb / 4)
    assert small.peak_memory_mb < plain.peak_memory_mb
    assert cost_file(path, "hexagon_v75", tiny).weights_mb == pytest.approx(plain.weights_mb / 8)


def test_an_artifact_costs_what_its_model_does(tmp_path: Path) -> None:
    artifact = tmp_path / "m.tflite"
    path = golden_models.path(MODEL)
    mmc.compile(path, target="hexagon_v75", output=artifact, input_shape=dict(SHAPES), verify=False)
    one, other = cost_file(path, "hexagon_v75", OPTIONS), cost_file(artifact, "hexagon_v75")
    assert one.latency_ms == pytest.approx(other.latency_ms, rel=1e-3)
    assert one.weights_mb == pytest.approx(other.weights_mb, rel=1e-3)


@pytest.mark.parametrize(
    ("target", "options", "code"),
    [
        ("cpu", OPTIONS, "MMC510"),
        ("hexagon_v75", CompileOptions(input_shapes=SHAPES, weights="int8"), "MMC303"),
    ],
)
def test_what_has_no_estimate_is_refused(target: str, options: CompileOptions, code: str) -> None:
    with pytest.raises(MmcError) as refused:
        cost_file(golden_models.path(MODEL), target, options)
    assert [d.code for d in refused.value.diagnostics] == [code]


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(golden_models.path(MODEL))
    command = ["cost", path, "--target", "hexagon_v75", "--input-shape", "image:1,1,28,56"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "Samsung Galaxy S24" in shown
    assert "CONV_2D '/proj/Conv'" in shown
    assert main([*command, "--json", "--weights", "int8", "--activations", "int16"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "mmc.cost/1"
    assert found["number"] == "int16"
    assert {o["bound"] for o in found["ops"]} <= {"compute", "memory", "overhead", "host"}
    assert len(TERMS) == len(load_device(load_target("hexagon_v75")).coefficients["int16"])
