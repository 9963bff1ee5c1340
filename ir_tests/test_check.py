"""What the check says of a program: every finding, at the right level, in plain words."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.targets.case import Maker, surrounded
from mmc.backends.targets.cases import all_cases
from mmc.backends.tflite.cells import cell, features
from mmc.backends.tflite.check import at_input, check
from mmc.backends.tflite.program import Operator, Program, Tensor
from mmc.diagnostics import OFF_NPU, Diagnostic, Severity
from mmc.target import Verdict, load_target, targets

IMAGE = (1, 8, 8, 16)

TFLITE = [name for name in targets() if load_target(name).backend == "tflite"]


def findings(program: Program, target: str) -> list[Diagnostic]:
    """Name the operators after nodes of a user's model, then check."""
    for number, op in enumerate(program.operators):
        op.sources = op.sources or (f"features.{number}/{op.code.lower()}",)
    return check(program, load_target(target))


def unary(code: str, dtype: str = "FLOAT32", shape: tuple[int, ...] = IMAGE) -> Program:
    """Return a program of one unary operator."""
    m = Maker(dtype)
    return m.case(code, [m.x(shape)], [m.x(shape)]).program


def depthwise16() -> Program:
    """Return a depthwise convolution with 16-bit activations."""
    m = Maker("INT16")
    w = m.w((1, 3, 3, 16), "INT8", 3)
    inputs = [m.x(IMAGE), w, m.bias(16, w)]
    case = m.case("DEPTHWISE_CONV_2D", inputs, [m.x(IMAGE)], strideW=1, strideH=1)
    case.program.operators[0].sources = ("features.3/dw", "features.3/bn")
    return case.program


def test_a_clean_program_has_no_findings() -> None:
    assert findings(unary("RELU"), "hexagon_v73") == []
    assert findings(unary("RELU"), "cpu") == []


def test_golden_text_of_an_operator_off_the_npu() -> None:
    assert [str(d) for d in findings(depthwise16(), "hexagon_v73")] == [
        "warning[MMC205] DEPTHWISE_CONV_2D 'features.3/dw' (with 1 other node): runs on the CPU: "
        "int16 activations, int8 weights per channel\n"
        "  why: DEPTHWISE_CONV_2D with int16 activations, int8 weights per channel is refused by "
        "hexagon_v73 (hexagon.toml, measured)\n"
        "  fix: give this layer int8 activations in the recipe, or rewrite it as a grouped CONV_2D"
    ]


def test_golden_text_of_a_silently_wrong_kernel() -> None:
    m = Maker("INT8")
    w = m.w((64, 32), "INT8", 1)
    program = m.case("BATCH_MATMUL", [m.x((4, 64)), w], [m.x((4, 32))]).program
    first = findings(program, "hexagon_v73")[0]
    assert str(first) == (
        "error[MMC202] BATCH_MATMUL 'features.0/batch_matmul': "
        "would compute wrong values without an error\n"
        "  why: BATCH_MATMUL with int8 activations, int8 weights per channel is silently wrong on "
        "cpu (cpu.toml, measured)\n"
        "  fix: quantize this weight per tensor, or use FULLY_CONNECTED"
    )


def test_golden_text_of_a_form_that_does_not_compile() -> None:
    assert [str(d) for d in findings(unary("GELU"), "hexagon_v68")] == [
        "warning[MMC207] GELU 'features.0/gelu': keeps the whole model on the CPU: "
        "it is selected for the NPU and does not compile there\n"
        "  why: GELU with float32 activations stops the compiler for "
        "hexagon_v68; yes v69+, no-compile v68 (hexagon.toml, measured)\n"
        "  fix: compile for hexagon_v69 or later, or quantize this layer"
    ]


def test_a_rank_above_the_limit_is_a_finding_of_form() -> None:
    (finding,) = findings(unary("RELU", shape=(1, 2, 2, 2, 2, 8)), "hexagon_v73")
    assert (finding.code, finding.severity) == ("MMC206", Severity.WARNING)
    assert finding.what == "runs on the CPU: rank 6"
    assert "merge axes" in finding.fix


def test_an_operator_that_nothing_executes_is_an_error() -> None:
    (finding,) = findings(unary("SIN", "INT8"), "cpu")
    assert (finding.code, finding.severity) == ("MMC204", Severity.ERROR)


def test_an_operator_that_only_the_npu_executes_is_a_note() -> None:
    (finding,) = findings(unary("ELU", "INT16"), "hexagon_v73")
    assert (finding.code, finding.severity) == ("MMC223", Severity.NOTE)


def test_an_unmeasured_operator_is_off_the_npu_and_no_error() -> None:
    tensors = [
        Tensor("x", (4,), "FLOAT32"),
        Tensor("s", (4,), "INT32"),
        Tensor("y", (4,), "FLOAT32"),
    ]
    program = Program(tensors, [Operator("SEGMENT_SUM", [0, 1], [2])])
    assert [d.code for d in findings(program, "hexagon_v73")] == ["MMC208"]
    assert findings(program, "cpu") == []


@pytest.mark.parametrize("target", TFLITE)
def test_custom_operators_and_open_shapes_are_errors_everywhere(target: str) -> None:
    tensors = [Tensor("x", (-1, 4), "FLOAT32"), Tensor("y", (2, 4), "FLOAT32")]
    program = Program(tensors, [Operator("CUSTOM", [1], [1]), Operator("RELU", [0], [1])])
    found = findings(program, target)
    assert [(d.code, d.severity) for d in found] == [
        ("MMC210", Severity.ERROR),
        ("MMC203", Severity.ERROR),
    ]


def test_a_computed_shape_operand_is_an_open_shape() -> None:
    m = Maker()
    shape = m.x((2,), "INT32")
    program = m.case("RESHAPE", [m.x((4, 4)), shape], [m.x((2, 8))]).program
    assert findings(program, "hexagon_v73")[0].code == "MMC203"


def test_inner_transposes_and_constant_products_are_notes() -> None:
    m = Maker()
    x, a, b, y = m.x((2, 4)), m.x((2, 4)), m.x((4, 2)), m.x((4, 2))
    program = m.case("TRANSPOSE", [a, m.i((1, 0))], [b]).program
    program.operators = [
        Operator("RELU", [x], [a]),
        program.operators[0],
        Operator("RELU", [b], [y]),
    ]
    assert [d.code for d in findings(program, "hexagon_v73")] == ["MMC222"]
    m = Maker()
    w = m.w((64, 32))
    program = m.case("BATCH_MATMUL", [m.x((4, 64)), w], [m.x((4, 32))]).program
    assert [d.code for d in findings(program, "cpu")] == ["MMC221"]
    m = Maker()
    experts = m.w((3, 64, 32))
    program = m.case("BATCH_MATMUL", [m.x((3, 4, 64)), experts], [m.x((3, 4, 32))]).program
    assert not findings(program, "cpu")


@pytest.mark.parametrize("target", TFLITE)
def test_the_check_agrees_with_the_table_on_every_case(target: str) -> None:
    """Clean where the table says yes, an error where either is wrong, else a warning."""
    table, host = load_target(target), load_target("cpu")
    for case in all_cases():
        op, name, feature = case.key
        forms = feature.split("+") if feature else []
        codes = {d.code for d in findings(case.program, target) if d.severity is not Severity.NOTE}
        said = at_input(table.support(op, name, forms), table, op, name, tuple(forms))
        if Verdict.WRONG in (host.support(op, name, forms).verdict, said.verdict):
            assert codes == {"MMC202"}, case.key
        elif said.ok:
            assert not codes, case.key
        else:
            assert codes & (OFF_NPU | {"MMC204"}), case.key


def test_cells_and_features_name_what_decides() -> None:
    program = depthwise16()
    assert cell(program, program.operators[0]) == "s16 w=s8 pc"
    m = Maker()
    index = m.i((0, 1), "INT64")
    program = m.case("GATHER", [m.x((4, 8, 16)), index], [m.x((4, 2, 16))], axis=1).program
    assert cell(program, program.operators[0]) == "f32 idx=i64"
    assert features(program, program.operators[0]) == ("inner-axis",)


def test_features_of_operands_and_options() -> None:
    tensors = [
        Tensor("x", (1, 1, 4), "FLOAT32"),
        Tensor("y", (2, 1, 1), "FLOAT32"),
        Tensor("z", (2, 1, 4), "FLOAT32"),
    ]
    options = schema.AddOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    program = Program(tensors, [Operator("ADD", [0, 1], [2], options)])
    assert features(program, program.operators[0]) == ("broadcast-both", "fused-relu6")


def test_lowest_int4_code_is_seen() -> None:
    m = Maker("INT8")
    w = m.w((32, 64), "INT4", 0)
    program = m.case("FULLY_CONNECTED", [m.x((4, 64)), w, m.bias(32, w)], [m.x((4, 32))]).program
    assert findings(program, "cpu") == []
    data = program.tensors[w].data
    assert data is not None
    program.tensors[w].data = np.where(data == -7, -8, data).astype(np.int8)
    assert [d.code for d in findings(program, "cpu")] == ["MMC202"]


def test_integers_at_an_input_of_the_model_can_be_refused_alone() -> None:
    cases = {c.key: c for c in all_cases() if c.op == "BATCH_MATMUL"}
    alone = cases["BATCH_MATMUL", "s16 y=s16", ""]
    found = check(alone.program, load_target("hexagon_v73"))
    assert [d.code for d in found] == ["MMC207"]
    assert "an operand is an input of the model" in found[0].why
    inside = surrounded(alone)
    assert inside is not None
    assert check(inside, load_target("hexagon_v73")) == []
    turned = cases["BATCH_MATMUL", "s16 y=s16", "adj-y"]
    assert check(turned.program, load_target("hexagon_v73")) == []
