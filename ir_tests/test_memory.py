"""The memory of TFLite programs: against the arena that LiteRT's interpreter lays out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import golden_models
import mmc
from mmc.backends.tflite.arena import addresses
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.memory import OVERWRITES, VIEWS, graph_of, nbytes, reorder
from mmc.backends.tflite.program import Operator, Program, Tensor
from mmc.backends.tflite.reader import read
from mmc.cli import main
from mmc.ir import Array
from mmc.reports.text import megabytes
from mmc.schedule import schedule

COMMITTED = [m.name for m in golden_models.models() if m.file]
SHAPE = (4, 32)
SAME = np.array(SHAPE, np.int32)
ONES = np.ones(SHAPE, np.float32)
ZERO = np.zeros((), np.int32)


@pytest.mark.parametrize("name", COMMITTED)
def test_arena_is_the_one_that_litert_lays_out(name: str, tmp_path: Path) -> None:
    """Within 5 % at two threads; the rest is scratch of kernels, which lies among the tensors."""
    model, artifact = golden_models.find(name), tmp_path / "m.tflite"
    result = mmc.compile(
        golden_models.path(name),
        target="hexagon_v73",
        output=artifact,
        input_shape=model.shapes,
        verify=False,
    )
    assert result.memory is not None
    after, before = result.memory.after, result.memory.before
    program = read(artifact)
    found = addresses(program, artifact, threads=2)
    size = max(start + nbytes(program.tensors[index]) for index, start in found.items())
    assert after.arena_bytes == pytest.approx(size, rel=0.05)
    assert after.peak_bytes <= before.peak_bytes
    assert after.arena_bytes <= before.arena_bytes
    again = schedule(graph_of(program))
    assert again.before.peak_bytes == after.peak_bytes == after.lower_bound
    assert again.before.arena_bytes == after.arena_bytes


def pointwise(code: str, second: Array | None) -> Program:
    """Return NEG -> code -> NEG, so that neither end of `code` is the caller's."""
    tensors = [Tensor(name, SHAPE, "FLOAT32") for name in "xaby"]
    operands = [1]
    if second is not None:
        tensors.append(Tensor("c", second.shape, str(second.dtype).upper(), second))
        operands.append(4)
    if code == "EXPAND_DIMS":
        tensors[2].shape = tensors[3].shape = (1, *SHAPE)
    options = getattr(schema, f"{code.title().replace('_', '')}OptionsT", None)
    made = options() if options else None
    op = Operator(code, operands, [2], made)
    return Program(
        tensors,
        [Operator("NEG", [0], [1]), op, Operator("NEG", [2], [3])],
        [("x", 0)],
        [("y", 3)],
    )


IN_PLACE = {
    **dict.fromkeys(["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW"], ONES),
    **dict.fromkeys(["SQUARED_DIFFERENCE", "FLOOR_DIV"], ONES),
    **dict.fromkeys(["SOFTMAX", "LOG_SOFTMAX", "RELU", "RELU6", "LOGISTIC", "TANH", "EXP"]),
    **dict.fromkeys(["HARD_SWISH", "ELU", "GELU", "SQRT", "RSQRT", "ABS", "NEG", "SQUARE"]),
    **dict.fromkeys(["SQUEEZE", "L2_NORMALIZATION", "LEAKY_RELU"]),
    **{"RESHAPE": SAME, "EXPAND_DIMS": ZERO, "TRANSPOSE": np.arange(2, dtype=np.int32)},
}


@pytest.mark.parametrize("code", IN_PLACE)
def test_operators_in_place_are_those_of_litert(code: str, tmp_path: Path) -> None:
    program = pointwise(code, IN_PLACE[code])
    write(program, tmp_path / "m.tflite")
    found = addresses(program, tmp_path / "m.tflite", threads=1)
    assert (found[1] == found[2]) == (code in OVERWRITES or code in VIEWS)
    assert schedule(graph_of(program)).after.offsets == found


def test_a_tensor_that_is_read_again_is_not_overwritten(tmp_path: Path) -> None:
    program = pointwise("ADD", ONES)
    program.operators[2] = Operator("MAXIMUM", [1, 2], [3])
    write(program, tmp_path / "m.tflite")
    found = addresses(program, tmp_path / "m.tflite", threads=1)
    assert found[1] != found[2]
    assert schedule(graph_of(program)).after.offsets == found


def test_operators_on_a_state_keep_their_order() -> None:
    """Reads and writes of a variable tensor stay as they are, though the data would allow more."""
    big = (1000,)
    tensors = [Tensor("x", big, "FLOAT32"), Tensor("state", big, "FLOAT32", variable=True)]
    tensors += [Tensor(name, big, "FLOAT32") for name in "abcd"]
    operators = [Operator("NEG", [0], [2])]
    operators += [Operator("READ", [1], [3]), Operator("ASSIGN", [1, 2], [4])]
    operators += [Operator("READ", [1, 4], [5])]
    outputs = [("b", 3), ("d", 5)]
    program = Program(tensors, operators, [("x", 0)], outputs)
    graph = graph_of(program)
    assert [op.after for op in graph.ops] == [(), (), (1,), (2,)]
    assert graph.inputs == (0, 1)


def test_the_order_saves_memory_and_is_the_artifacts(tmp_path: Path) -> None:
    """Two wide branches that are narrowed: one after the other instead of side by side."""
    wide, narrow = (1, 1024), (1, 4)
    tensors = [Tensor("x", narrow, "FLOAT32")]
    tensors += [Tensor(f"wide{i}", wide, "FLOAT32") for i in range(3)]
    tensors += [Tensor(f"narrow{i}", narrow, "FLOAT32") for i in range(3)]
    tensors += [Tensor("y", (1, 12), "FLOAT32")]
    operators = [Operator("WIDEN", [0], [1 + i]) for i in range(3)]
    operators += [Operator("NARROW", [1 + i], [4 + i]) for i in range(3)]
    operators += [Operator("CONCATENATION", [4, 5, 6], [7])]
    program = Program(tensors, list(operators), [("x", 0)], [("y", 7)])
    found = reorder(program)
    assert found.before.peak_bytes == 16 + 3 * 4096 + 16
    assert found.after.peak_bytes == found.after.lower_bound == 16 + 4096 + 3 * 16
    assert program.operators == [operators[i] for i in found.after.order]
    assert reorder(program).after.order == tuple(range(7))


def test_report_and_summary_tell_the_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, name = tmp_path / "r.json", "digits_vqa_fusion_decoder"
    shapes = golden_models.find(name).shapes
    given = [f"--input-shape={k}:{','.join(map(str, v))}" for k, v in shapes.items()]
    command = ["compile", str(golden_models.path(name)), "--target", "hexagon_v73", "--no-verify"]
    command += ["-o", str(tmp_path / "m.tflite"), "--report", str(report), *given]
    assert main(command) == 0
    told = json.loads(report.read_text())
    memory = told["memory"]
    assert memory["peak_bytes"] < memory["peak_bytes_before"]
    assert memory["lower_bound_bytes"] <= memory["peak_bytes"] <= memory["arena_bytes"]
    assert "schedule" in [stage["name"] for stage in told["stages"]]
    shown = capsys.readouterr().out
    assert f"{megabytes(memory['peak_bytes'])} at once" in shown
    assert "before scheduling" in shown
    assert f"{memory['in_place']} operators in place, {memory['aliases']} as views" in shown
