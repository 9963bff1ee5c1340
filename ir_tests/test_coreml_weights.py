"""Integer weights in packages: coremltools unpacks each form, the evaluator executes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import golden_models as golden
import mmc
from ir_tests.arrays import normal
from ir_tests.coreml_oracle import operations, reread
from ir_tests.coreml_packages import builder, draw, save, tools
from ir_tests.lowering import feeds_for, single, sqnr
from mmc.backends.base import load_backend
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.program import Operation, Program
from mmc.backends.coreml.run import opened, run
from mmc.backends.coreml.run import run_model as run_package
from mmc.backends.coreml.writer import write
from mmc.compiler import compile_model, to_program
from mmc.diagnostics import LegalityError
from mmc.integers.layers import layers_of
from mmc.integers.recipe import Rule
from mmc.integers.weight_codes import quantize
from mmc.ir import Array, Model, constant
from mmc.opset import DOMAIN
from mmc.options import CompileOptions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.quant.grids import GRIDS
from mmc.result import CompileResult
from mmc.target import load_target
from mmc.verification.evaluate import run_model

VQA = Path(golden.__file__).parent
VISION = VQA / "onnx" / "digits_vqa_vision.onnx"
FORMS = {8: ["int8"], 4: ["int4"], 2: ["uint2", "fp"]}
"""The types of the constants that a weight of so many bits is unpacked from, but for its scale."""


CELLS: dict[str, Callable[[], Model]] = {
    "conv": lambda: single("Conv", (1, 32, 6, 6), normal(32, 32, 3, 3), normal(32)),
    "pointwise": lambda: single("Conv", (1, 64, 4, 4), normal(48, 64, 1, 1)),
    "depthwise": lambda: single("Conv", (1, 64, 6, 6), normal(64, 1, 5, 5), group=64),
    "transposed": lambda: single("ConvTranspose", (1, 32, 4, 4), normal(32, 24, 2, 2)),
    "linear": lambda: single("Linear", (3, 7, 64), normal(48, 64), normal(48), domain=DOMAIN),
    "rank 4": lambda: single("Linear", (2, 3, 7, 64), normal(48, 64), domain=DOMAIN),
    "embedding": lambda: single("Gather", normal(50, 64), ((2, 3), np.int64), axis=0),
}


def quantized(cell: str, bits: int, block: int = 0) -> Model:
    """Return the cell's model with integer weights."""
    model = CELLS[cell]()
    (layer,) = layers_of(model.graph)
    quantize(model.graph, [layer], Rule(bits, block=block), None)
    EliminateDeadCode().run(model)
    return model


def codes_in(model: Model) -> Array:
    """Return the integers of the only weight."""
    found = next(constant(n.inputs[0]) for n in model.graph if n.op_type == "DequantizeLinear")
    assert found is not None
    return found.astype(np.int8)


def unpacked(path: Path) -> Array:
    """Return the weight as coremltools unpacks it."""
    made = [op for op in operations(reread(path)) if op.op_type.startswith("constexpr_")][-1]
    found: Array = made.materialized_val_inference()
    return found


@pytest.mark.parametrize("version", [7, 8, 9, 10])
@pytest.mark.parametrize("bits", GRIDS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_executed(cell: str, bits: int, version: int, tmp_path: Path) -> None:
    model = quantized(cell, bits)
    feeds, path = feeds_for(model, high=50), tmp_path / "m.mlpackage"
    program = lower(model, Form("fp32", version))
    write(program, path)
    weight = next(op for op in program.operations if op.code.startswith("constexpr_"))
    wanted = FORMS[bits][0] if version >= 9 else "int8"
    assert wanted in [v.dtype for v in weight.operands()]
    assert any(d.code == "MMC226" for d in program.findings) == (version < 9 and bits < 8)
    (got,), (want,) = run(path, feeds).values(), run_model(model, feeds).values()
    assert sqnr(want, got) >= 80
    node = next(n for n in model.graph if n.op_type == "DequantizeLinear")
    scale = constant(node.inputs[1])
    assert scale is not None
    shape = [1] * codes_in(model).ndim
    shape[int(node.attributes["axis"].value)] = -1
    np.testing.assert_allclose(unpacked(path), codes_in(model) * scale.reshape(shape), rtol=1e-6)


@pytest.mark.parametrize("bits", [4, 2])
@pytest.mark.parametrize(
    ("cell", "block"), [("linear", 32), ("pointwise", 16), ("rank 4", 32), ("conv", 36)]
)
def test_a_scale_a_block(cell: str, block: int, bits: int, tmp_path: Path) -> None:
    model = quantized(cell, bits, block)
    feeds, path = feeds_for(model), tmp_path / "m.mlpackage"
    write(lower(model, Form("fp32", 9)), path)
    (got,), (want,) = run(path, feeds).values(), run_model(model, feeds).values()
    assert sqnr(want, got) >= 80
    codes = codes_in(model)
    steps = (
        unpacked(path).reshape(-1, block)
        / np.abs(unpacked(path)).reshape(-1, block).max(1)[:, None]
    )
    peaks = np.abs(codes.reshape(-1, block)).max(1)[:, None]
    np.testing.assert_allclose(steps * peaks, codes.reshape(-1, block), atol=1e-4)


@pytest.mark.parametrize(
    ("cell", "block", "version", "fix"),
    [("linear", 32, 8, "ane_ios18"), ("conv", 32, 9, "multiples of the window's size")],
)
def test_blocks_without_a_form_are_refused(cell: str, block: int, version: int, fix: str) -> None:
    with pytest.raises(LegalityError, match="MMC201") as refused:
        lower(quantized(cell, 4, block), Form("fp16", version))
    assert fix in str(refused.value)


def test_weights_are_unpacked_in_the_type_of_their_reader(tmp_path: Path) -> None:
    model = quantized("linear", 4)
    feeds, path = feeds_for(model), tmp_path / "m.mlpackage"
    program = lower(model)
    assert "cast" not in [op.code for op in program.operations[1:-1]]
    write(program, path)
    (got,), (want,) = (
        run(path, feeds, precision="float16").values(),
        run_model(model, feeds).values(),
    )
    assert sqnr(want, got) >= 55  # 11 bits of products, scales and results


def compiled(target: str, folder: Path, options: CompileOptions) -> Program:
    """Return the program of a golden model with integer weights."""
    where = load_target(target)
    backend = load_backend(where.backend)(where, options)
    result = CompileResult(VISION, folder / "out", where)
    found: Program = to_program(result, backend, options, ())[1]
    return found


Weights = list[tuple[Array, Array]]
"""Integer codes (channels, everything else in NCHW's order) and a scale a channel."""


def tflite_weights(program: Any) -> Weights:
    """Return the integer weights of a TFLite program."""
    found = []
    for tensor in program.tensors:
        if tensor.data is None or tensor.dtype not in ("INT8", "INT4", "INT2"):
            continue
        axis = tensor.quantization.axis
        rows = np.moveaxis(tensor.data, axis, 0)
        if rows.ndim == 4 and axis == 0:
            rows = np.moveaxis(rows, -1, 1)
        found.append((rows.reshape(len(rows), -1).astype(int), tensor.quantization.scale))
    return found


def coreml_weights(program: Program) -> Weights:
    """Return the integer weights of a Core ML program."""
    found = []
    made = {id(op.output): op for op in program.operations}
    for op in program.operations:
        if op.code == "constexpr_blockwise_shift_scale":
            (data,), (scale,) = op.inputs["data"], op.inputs["scale"]
            codes = data.data if data.data is not None else table_codes(made[id(data)])
            rows = np.asarray(codes).reshape(data.shape[0], -1).astype(int)
            found.append((rows, np.asarray(scale.data).reshape(-1)))
    return found


def table_codes(op: Operation) -> Array:
    """Return the integers of a two-bit table."""
    (indices,), (table,) = op.inputs["indices"], op.inputs["lut"]
    return np.asarray(np.asarray(table.data).reshape(-1)[np.asarray(indices.data)])


def differences(codes: Array, others: Weights) -> int:
    """Return how many codes the nearest of other weights has that are not the same."""
    same = [rows for rows, _ in others if rows.shape == codes.shape]
    return min(int(np.sum(rows != codes)) for rows in same)


@pytest.mark.parametrize("weights", ["int8", "int4", "int2"])
def test_the_same_integers_ship_to_both(weights: str, tmp_path: Path) -> None:
    """A target folds 1/6 of a hard swish into weights, the other does not: a tie may turn."""
    shapes = {"image": (1, 1, 28, 56)}
    options = CompileOptions(input_shapes=shapes, weights=weights)
    there = tflite_weights(compiled("cpu", tmp_path, options))
    here = coreml_weights(compiled("ane_ios18", tmp_path, options))
    assert len(here) == len(there) > 10
    assert sum(differences(codes, there) for codes, _ in here) <= (weights == "int8")


def size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


@pytest.mark.parametrize("weights", ["int8", "int4", "int2"])
def test_a_package_is_hardly_larger_than_its_codes(weights: str, tmp_path: Path) -> None:
    source, shapes = VQA / "onnx" / "efficientnet_lite0.onnx", {"image": (1, 3, 224, 224)}
    options = CompileOptions(input_shapes=shapes, weights=weights, verify=False)
    result = compile_model(source, "ane_ios18", tmp_path / "m.mlpackage", options)
    where = load_target("ane_ios18")
    program = load_backend(where.backend).read(result.artifact)
    bits = {"int8": 8, "int4": 4, "uint2": 2, "fp16": 16, "int32": 32}
    least = channels = 0
    for op in program.operations:
        for var in op.operands():
            if var.is_constant and var.dtype in bits:
                least += var.data.size * bits[var.dtype] // 8
            if op.code == "constexpr_blockwise_shift_scale" and var.dtype == "fp16":
                channels += var.shape[0]
    tensors = sum(op.code.startswith("constexpr_") for op in program.operations)
    assert size(result.artifact) <= least + 12 * channels + 250 * tensors + 65536


def optimized(path: Path, change: str, **config: Any) -> Path:
    """Return a package whose weights coremltools.optimize compressed."""
    ct = tools()
    logging.getLogger("coremltools").setLevel(logging.CRITICAL)
    optimize = __import__("coremltools.optimize.coreml", fromlist=["x"])
    kinds = {"linear": "Linear", "palettize": "Palettizer", "prune": "MagnitudePruner"}
    made = getattr(optimize, f"Op{kinds[change]}{'Quantizer' * (change == 'linear')}Config")(
        **config
    )
    verb = {"linear": "linear_quantize_weights", "palettize": "palettize_weights"}
    function = getattr(optimize, verb.get(change, "prune_weights"))
    model = ct.models.MLModel(str(path), skip_model_load=True)
    smaller = function(model, optimize.OptimizationConfig(global_config=made))
    out = path.parent / "small.mlpackage"
    smaller.save(str(out))
    return out


@pytest.mark.parametrize("opset", ["iOS16", "iOS18"])
@pytest.mark.parametrize(
    ("change", "config"),
    [
        ("linear", {"mode": "linear_symmetric", "weight_threshold": 0}),
        ("linear", {"mode": "linear", "weight_threshold": 0}),
        (
            "linear",
            {"mode": "linear", "dtype": "int4", "granularity": "per_block", "block_size": 16},
        ),
        ("palettize", {"mode": "uniform", "nbits": 4, "weight_threshold": 0}),
        ("palettize", {"mode": "uniform", "nbits": 3, "granularity": "per_grouped_channel"}),
        ("prune", {"target_sparsity": 0.5, "weight_threshold": 0}),
    ],
)
def test_packages_of_coremltools_optimize(
    change: str, config: dict[str, Any], opset: str, tmp_path: Path
) -> None:
    if opset == "iOS16" and ("granularity" in config):
        pytest.skip("a form of iOS 18")
    mb, weight, x = builder(), draw(32, 64, 1, 1), draw(1, 64, 5, 5, seed=1)
    config = {"weight_threshold": 0, **config}
    plain = save(tmp_path, {"x": x}, lambda x: mb.conv(x=x, weight=weight, name="y"), opset)
    small = optimized(plain, change, **config)
    codes = [op.op_type for op in operations(reread(small))]
    assert any(code.startswith("constexpr_") for code in codes)
    want = np.einsum("oi,nihw->nohw", unpacked(small)[:, :, 0, 0].astype(np.float32), x)
    (got,) = run(small, {"x": x}).values()
    assert sqnr(want, got) >= 100


def test_a_package_that_is_opened_once_gives_the_same_every_time(tmp_path: Path) -> None:
    model = golden.path("mtcnn_onet")
    result = mmc.compile(
        model,
        target="ane_ios18",
        output=tmp_path / "o.mlpackage",
        input_shape={"x": (1, 3, 48, 48)},
        weights="int4",
        verify=False,
    )
    once = opened(result.artifact, precision="float16")
    for seed in (0, 1):
        feeds = {"x": normal(1, 3, 48, 48, seed=seed)}
        expected = run_package(result.artifact, feeds, precision="float16")
        found = once(feeds)
        assert all(np.array_equal(found[name], value) for name, value in expected.items())
