"""Recipes: what a rule fits, presets by role, files and their errors, and what is emitted."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden_models as golden
from mmc.cli import main
from mmc.diagnostics import RecipeError
from mmc.integers.layers import layers_of
from mmc.integers.recipe import BITS, OPS, PRESETS, Recipe, Rule, read_recipe, uniform, write_recipe
from mmc.integers.roles import ROLES, SMALL, SMALL_LAYERS, roles_of
from mmc.integers.weight_codes import QUANTIZED
from mmc.ir import Array, Model, load, parse, save, shape_of
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.shapes import infer

VQA = Path(golden.__file__).parent
ATTENTION = """<ir_version: 13, opset_import: ["" : 25]>
g (float[1,8,64] x) => (float[1,8,4] y) {
    [n_q] q0 = MatMul(x, wq)
    q = Add(q0, bq)
    [n_k] k0 = MatMul(x, wk)
    k = Transpose<perm = [0, 2, 1]>(k0)
    [n_v] v = MatMul(x, wv)
    s = MatMul(q, k)
    p = Softmax<axis = -1>(s)
    a = MatMul(p, v)
    [n_o] o = MatMul(a, wo)
    r = Add(x, o)
    [n_up] u = MatMul(r, wu)
    [n_head] y = MatMul(u, wh)
}"""


def normal(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def attention() -> Model:
    square = {f"w{n}": (i + 1) * normal(64, 64) for i, n in enumerate("qkvou")}
    return parse(ATTENTION, **square, wh=normal(64, 4), bq=normal(64))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_small_layers_hold_little(widths: list[int]) -> None:
    """As many layers as fit into the part, whole sizes at a time."""
    sides = [4, *(4 * w for w in widths)]
    lines = [f"t{i + 1} = MatMul(t{i}, w{i})" for i in range(len(widths))]
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,4] t0) => (float[1,{sides[-1]}] t{len(widths)}) {{ {" ".join(lines)} }}"""
    arrays = {f"w{i}": np.ones(sides[i : i + 2], np.float32) for i in range(len(widths))}
    model = parse(text, **arrays)
    infer(model)
    layers = layers_of(model.graph)
    roles = roles_of(model.graph, layers)
    sizes = {x.value.name: prod(shape_of(x.value)) for x in layers}
    small = {x.value.name for x in layers if SMALL_LAYERS in roles[x.node]}
    total = sum(sizes.values())
    assert sum(sizes[n] for n in small) <= SMALL * total
    rest = [s for n, s in sizes.items() if n not in small]
    assert all(sizes[n] < min(rest) for n in small)
    assert sum(s for s in sizes.values() if s <= min(rest)) > SMALL * total


def test_roles_of_attention() -> None:
    model = attention()
    layers = layers_of(model.graph)
    roles = roles_of(model.graph, layers)
    found = {layer.value.name: roles[layer.node] & set(ROLES) for layer in layers}
    expected = {f"w{n}": {"attention_layers"} for n in "qkvo"}
    assert found == expected | {"wu": {"feature_extractors"}, "wh": {"classification_head"}}


def test_early_convolutions_are_the_first_three_deep() -> None:
    lines = "".join(f"x{i + 1} = Conv<pads = [1, 1, 1, 1]>(x{i}, w{i})\n" for i in range(5))
    text = f"""<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,3,8,8] x0) => (float[1,3,1,1] y) {{ {lines} y = GlobalAveragePool(x5) }}"""
    model = parse(text, **{f"w{i}": normal(3, 3, 3, 3) for i in range(5)})
    layers = layers_of(model.graph)
    roles = roles_of(model.graph, layers)
    found = [next(iter(roles[x.node] & set(ROLES))) for x in layers]
    assert found == ["early_convolutions"] * 3 + ["feature_extractors"] * 2


def test_the_first_rule_that_fits_decides() -> None:
    model = attention()
    layers = layers_of(model.graph)
    recipe = Recipe(
        (Rule(8, name="n_[qk]"), Rule(2, op="MatMul", role="attention_layers"), Rule(4))
    )
    chosen = recipe.choose(model.graph, layers)
    bits = {str(x.node.name): chosen[x.node].bits for x in layers}
    assert bits == {"n_q": 8, "n_k": 8, "n_v": 2, "n_o": 2, "n_up": 4, "n_head": 4}


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=12)
RULE = st.builds(
    Rule,
    st.sampled_from(sorted(BITS.values())),
    NAME,
    st.sampled_from(["", *OPS]),
    st.sampled_from(["", *ROLES]),
    st.sampled_from([0, 16, 32]),
)


@given(rules=st.lists(RULE, max_size=4), rest=st.sampled_from(sorted(BITS.values())))
def test_a_written_recipe_is_read_back(
    rules: list[Rule], rest: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recipe") / "r.toml"
    recipe = Recipe((*rules, Rule(rest)))
    write_recipe(path, recipe)
    assert read_recipe(str(path)) == recipe


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weights = 4", "weights = 4 is unknown"),
        ('weight = "int4"', "did you mean weights?"),
        ('[[rule]]\nrole = "head"', "has no weights"),
        ('[[rule]]\nrole = "haed"\nweights = "int8"', "role = 'haed' is unknown"),
        ('[[rule]]\nop = "Relu"\nweights = "int8"', "op = 'Relu' is unknown"),
        ('[[rule]]\nweights = "int4"\nblock = -1', "block = -1"),
        ('[[rule]]\nweights = "int4"\nname = 3', "name = 3"),
        ("rule = 3", "no [[rule]] tables"),
        ("[[rule", "cannot be read"),
    ],
)
def test_a_malformed_recipe_says_where(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match="MMC307") as caught:
        read_recipe(str(path))
    assert says in str(caught.value.diagnostics[0])


def test_a_missing_recipe_lists_the_presets() -> None:
    with pytest.raises(RecipeError, match="MMC307") as caught:
        read_recipe("int3")
    assert "int2-experimental" in str(caught.value.diagnostics[0])


def test_the_presets_are_the_uniform_widths() -> None:
    for bits in (8, 4):
        assert PRESETS[f"int{bits}"] == uniform(bits)
    one, other = (load(VQA / "onnx" / "digits_vqa_vision.onnx") for _ in range(2))
    assert QuantizeWeights(bits=4).run(one) == QuantizeWeights(recipe="int4").run(other)
    assert notes(one) == notes(other)


def notes(model: Model) -> list[str]:
    return [n.metadata_props[QUANTIZED] for n in model.graph if QUANTIZED in n.metadata_props]


def test_layers_at_float32_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('weights = "int8"\n[[rule]]\nrole = "attention_layers"\nweights = "float32"\n')
    model = attention()
    assert QuantizeWeights(recipe=str(path)).run(model) == 2
    left = {v.name for n in model.graph for v in n.inputs if v is not None}
    assert {"wq", "wk", "wv", "wo"} <= left
    assert not {"wu", "wh"} & left


def test_a_recipe_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, report = tmp_path / "r.toml", tmp_path / "r.json"
    recipe.write_text('weights = "int4"\n[[rule]]\nop = "Conv"\nweights = "int8"\n')
    model = VQA / "onnx" / "digits_vqa_vision.onnx"
    args = ["compile", str(model), "--target", "cpu", "--input-shape", "image:1,1,28,56"]
    out = ["-o", str(tmp_path / "a.tflite"), "--report", str(report), "--recipe"]
    assert main([*args, *out, str(recipe)]) == 0
    assert json.loads(report.read_text())["status"] == "ok"
    mixed = (tmp_path / "a.tflite").stat().st_size
    assert main([*args, *out, "int8"]) == 0
    saved = (tmp_path / "a.tflite").stat().st_size - mixed
    assert saved == pytest.approx(327680 / 2, abs=1024)  # its matrices have 327680 weights
    assert main([*args, *out, "int8", "--weights", "int4"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_quantize_takes_a_recipe_and_a_width(tmp_path: Path) -> None:
    save(attention(), tmp_path / "m.onnx")
    args = ["quantize", str(tmp_path / "m.onnx"), "-o"]
    sizes = []
    for words in ([], ["--recipe", "int8"], ["--weights", "int4"], ["--recipe", "int4"]):
        assert main([*args, str(tmp_path / "q.onnx"), *words]) == 0
        sizes.append((tmp_path / "q.onnx").stat().st_size)
    assert sizes[0] == sizes[1] > sizes[2] == sizes[3]
