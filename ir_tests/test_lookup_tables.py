"""Weights as places in tables: fitted, run by ONNX Runtime, unpacked by coremltools, evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.coreml_oracle import operations, reread
from ir_tests.lowering import feeds_for, single, sqnr
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.run import run
from mmc.backends.coreml.writer import write
from mmc.builder import initializer
from mmc.compiler import compile_model
from mmc.diagnostics import LegalityError, RecipeError
from mmc.integers.layers import layers_of
from mmc.integers.recipe import PRESETS, Recipe, Rule, read_recipe, write_recipe
from mmc.integers.stored_weights import stored_weights
from mmc.integers.weight_codes import quantize
from mmc.ir import Array, Model, constant, parse, save
from mmc.opset import DOMAIN, require
from mmc.options import CompileOptions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.quant.tables import MOST, k_means, sharing, tabulate
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

BITS = (1, 2, 3, 4, 6, 8)


def looked_up(cell: str, bits: int, group: int) -> Model:
    """Return a model of one layer whose weight is in tables."""
    models = {
        "linear": lambda: single("Linear", (3, 64), normal(48, 64), domain=DOMAIN),
        "conv": lambda: single("Conv", (1, 32, 6, 6), normal(48, 32, 3, 3), normal(48)),
        "embedding": lambda: single("Gather", normal(48, 64), ((2, 3), np.int64), axis=0),
    }
    model = models[cell]()
    require(model, "LookupDequantize")
    (layer,) = layers_of(model.graph)
    quantize(model.graph, [layer], Rule(bits, table=True, group=group), None)
    EliminateDeadCode().run(model)
    return model


def weight_of(model: Model) -> Array:
    """Return the numbers that codes and tables stand for."""
    node = next(n for n in model.graph if n.op_type == "LookupDequantize")
    codes, tables, _ = (constant(v) for v in node.inputs)
    assert codes is not None
    assert tables is not None
    owner = np.arange(len(codes)) // (len(codes) // len(tables))
    return np.asarray(tables[owner.reshape(-1, *(1,) * (codes.ndim - 1)), codes])


def test_codes_are_the_nearest_numbers_of_their_table() -> None:
    rows = normal(12, 50)
    codes, tables = tabulate(rows, 8, 4)
    assert tables.shape == (3, 8)
    for row, found, table in zip(rows, codes, np.repeat(tables, 4, axis=0), strict=True):
        assert np.array_equal(found, np.abs(row[:, None] - table).argmin(axis=1))


def test_many_numbers_are_joined_before_they_are_fitted() -> None:
    rows = normal(16, 1000)
    assert rows.size > 8 * MOST
    codes, tables = tabulate(rows, 16, 16)
    best = k_means(rows, 16)
    found = best[np.abs(rows.reshape(-1, 1) - best).argmin(axis=1)].reshape(rows.shape)
    assert abs(sqnr(rows, tables[0][codes]) - sqnr(rows, found)) < 0.05


def test_error_feedback_keeps_products() -> None:
    rows, x = normal(16, 64), normal(500, 64, seed=1) @ normal(64, 64, seed=2)
    hessian = x.T @ x
    plain, fed = tabulate(rows, 8, 16), tabulate(rows, 8, 16, hessian)
    products = [sqnr(x @ rows.T, x @ tables[0][codes].T) for codes, tables in (plain, fed)]
    assert products[1] > products[0] + 2


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("cell", ["linear", "conv", "embedding"])
@pytest.mark.parametrize(("version", "group"), [(9, 16), (9, 0), (7, 0)])
def test_every_cell_is_executed(
    cell: str, bits: int, version: int, group: int, tmp_path: Path
) -> None:
    model = looked_up(cell, bits, group)
    if (version, bits) == (7, 3):
        with pytest.raises(LegalityError, match="3 bits"):
            lower(model, Form("fp32", version))
        return
    feeds, path = feeds_for(model, high=48), tmp_path / "m.mlpackage"
    write(lower(model, Form("fp32", version)), path)
    (got,), (want,) = run(path, feeds).values(), run_model(model, feeds).values()
    assert sqnr(want, got) >= 80
    made = next(op for op in operations(reread(path)) if op.op_type.startswith("constexpr_"))
    unpacked = made.materialized_val_inference().reshape(weight_of(model).shape)
    assert np.array_equal(unpacked, weight_of(model))


def test_a_scale_is_a_second_operation(tmp_path: Path) -> None:
    model = looked_up("linear", 4, 16)
    node = next(n for n in model.graph if n.op_type == "LookupDequantize")
    old = node.inputs[2]
    assert old is not None
    node.replace_input_with(2, initializer(model.graph, old, np.abs(normal(48, 1, seed=1))))
    feeds, path = feeds_for(model), tmp_path / "m.mlpackage"
    program = lower(model, Form("fp32", 9))
    assert [op.code for op in program.operations] == [
        *("constexpr_lut_to_dense", "constexpr_blockwise_shift_scale", "linear")
    ]
    write(program, path)
    (got,), (want,) = run(path, feeds).values(), run_model(model, feeds).values()
    assert sqnr(want, got) >= 80
    with pytest.raises(LegalityError, match="MMC201"):
        lower(looked_up("linear", 4, 16), Form("fp32", 8))


def test_groups_need_ios_18() -> None:
    with pytest.raises(LegalityError, match="group = 0"):
        lower(looked_up("linear", 4, 16), Form("fp16", 8))


def test_tables_are_not_for_tflite(tmp_path: Path) -> None:
    save(single("Linear", (3, 64), normal(48, 64), domain=DOMAIN), tmp_path / "m.onnx")
    with pytest.raises(RecipeError, match="MMC312"):
        compile_model(tmp_path / "m.onnx", "cpu", options=CompileOptions(recipe="table4"))


def test_a_transposed_convolution_gets_integers() -> None:
    model = single("ConvTranspose", (1, 32, 4, 4), normal(32, 24, 2, 2))
    (layer,) = layers_of(model.graph)
    quantize(model.graph, [layer], Rule(3, table=True), None)
    kinds = [n.op_type for n in model.graph]
    assert kinds == ["DequantizeLinear", "ConvTranspose"]


def test_recipes_say_tables(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('weights = "table3"\n[[rule]]\nop = "Gather"\nweights = "table4"\ngroup = 0\n')
    found = read_recipe(str(path))
    assert found == Recipe((Rule(4, op="Gather", table=True, group=0), Rule(3, table=True)))
    write_recipe(path, found)
    assert read_recipe(str(path)) == found
    path.write_text('weights = "int8"\n[[rule]]\nweights = "table4"\ngroup = "all"\n')
    with pytest.raises(RecipeError, match="no number of channels"):
        read_recipe(str(path))
    assert PRESETS["table4"].has_tables


def test_the_pass_takes_them_from_the_recipe() -> None:
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3,8,8] x) => (float[1,16,4,4] y) { p = Conv (x, a)  r = Relu (p)
            q = Conv (r, b)  s = Relu (q)  y = Conv (s, c) }"""
    weights = {"a": normal(32, 3, 5, 5), "b": normal(32, 32, 1, 1), "c": normal(16, 32, 1, 1)}
    model = parse(text, **weights)
    infer(model)
    feeds = feeds_for(model)
    before = run_model(model, feeds)["y"]
    assert QuantizeWeights(recipe="table4").run(model) == 3
    assert sorted(w.bits for w in stored_weights(model)) == [4, 4, 8]
    kinds = sorted(n.op_type for n in model.graph if "Dequantize" in n.op_type)
    assert kinds == ["DequantizeLinear", "LookupDequantize", "LookupDequantize"]
    assert sqnr(before, run_model(model, feeds)["y"]) > 14


@pytest.mark.parametrize(
    ("rows", "wanted", "shared"),
    [
        (48, 16, 16),
        (48, 0, 48),
        (24, 16, 12),
        (64, 12, 16),
        (32, 11, 8),
        (6625, 16, 25),
        (97, 16, 97),
    ],
)
def test_channels_that_share_a_table(rows: int, wanted: int, shared: int) -> None:
    assert sharing(rows, wanted) == shared


def test_tables_stay_small_where_channels_have_no_common_factor_with_a_group(
    tmp_path: Path,
) -> None:
    """A table of its own for every channel is more than the codes of 120 inputs."""
    model = single("Linear", (3, 120), normal(6625 // 5, 120), domain=DOMAIN)
    save(model, tmp_path / "m.onnx")
    recipe = tmp_path / "r.toml"
    recipe.write_text('weights = "table4"\n')
    options = CompileOptions(recipe=str(recipe), verify=False)
    (found,) = compile_model(
        tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options
    ).weights
    assert found.bytes < 1.2 * (1325 * 120 / 2)
