"""What no backend can lower is refused with its name, the reason and a way out."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from lowering import run_both, single

from mmc.backends.tflite.lower import lower
from mmc.diagnostics import LegalityError
from mmc.ir import parse
from mmc.passes.require_static_shapes import RequireStaticShapes
from mmc.remedies import remedy


def test_what_depends_on_data_is_refused_by_name() -> None:
    with pytest.raises(LegalityError, match="depends on data") as refusal:
        run_both(
            """<ir_version: 10, opset_import: ["" : 21]>
            g (float[4] x) => (float[1,n] y) { i = NonZero(x) f = Cast<to=1>(i) y = Abs(f) }"""
        )
    assert refusal.value.diagnostics[0].where.startswith("NonZero")


def test_what_depends_on_data_is_refused_after_rules_that_ask_for_its_shape() -> None:
    with pytest.raises(LegalityError, match="mmc extract MODEL --to 'a'") as refusal:
        run_both(
            """<ir_version: 10, opset_import: ["" : 21]>
            g (float[4,5] x) => (float[n] y) {
                a = Relu(x) i = NonZero(a) t = Transpose(i) y = GatherND(a, t)
            }"""
        )
    assert refusal.value.diagnostics[0].where.startswith("NonZero")


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("n = NonZero(x) f = Cast<to=1>(n) y = Abs(f)", "mmc extract MODEL --from 'n'"),
        ("f = Relu(x) n = NonZero(f) y = Cast<to=1>(n)", "mmc extract MODEL --to 'f'"),
        ("y = Reshape(x, s)", "bind 's' with --const"),
        ("z = ConstantOfShape(s) y = Sum(z, x)", "bind 's' with --const"),
        ("k = Slice(s, zero, one) y, i = TopK(x, k)", "bind 's' with --const"),
    ],
)
def test_the_way_out_of_a_shape_that_depends_on_data(body: str, fix: str) -> None:
    model = parse(
        '<ir_version: 10, opset_import: ["" : 21]>'
        f"g (float[4] x, int64[2] s) => (float y) {{ {body} }}",
        zero=np.array([0]),
        one=np.array([1]),
    )
    with pytest.raises(LegalityError) as refusal:
        RequireStaticShapes().run(model)
    said = refusal.value.diagnostics[0].fix
    assert fix in said
    assert ("--const" in said) == ("--const" in fix)


def test_boxes_that_data_choose_are_not_found_by_binding_scores() -> None:
    model = parse(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[1,9,4] boxes, float[1,2,9] logits, float[1] least) => (int64[n,3] y) {
            scores = Sigmoid(logits) y = NonMaxSuppression(boxes, scores, most, least)
        }""",
        most=np.array([3]),
    )
    with pytest.raises(LegalityError) as refusal:
        lower(model)
    fix = refusal.value.diagnostics[0].fix
    assert "without it" in fix
    assert "--to 'scores'" in fix
    assert "--const" not in fix


@pytest.mark.parametrize(
    ("op_type", "fix"),
    [
        ("RandomNormalLike", "make them an input"),
        ("TreeEnsembleRegressor", "mmc extract"),
    ],
)
def test_operators_that_no_target_has_are_refused_with_a_way_out(op_type: str, fix: str) -> None:
    assert fix in remedy(ir.Node("", op_type, []))


def test_a_refusal_says_why_the_rules_did_not_help() -> None:
    with pytest.raises(LegalityError) as refusal:
        run_both(single("Det", (9, 9)))
    assert "9 by 9" in refusal.value.diagnostics[0].why


def test_types_that_tflite_lacks_are_refused() -> None:
    with pytest.raises(LegalityError) as refusal:
        lower(single("Cast", (2, 3), to=16))
    assert "bfloat16" in refusal.value.diagnostics[0].why


def test_dropout_in_training_is_refused() -> None:
    with pytest.raises(LegalityError, match="at random"):
        run_both(single("Dropout", (2, 3), np.float32(0.5), np.array(True)))
