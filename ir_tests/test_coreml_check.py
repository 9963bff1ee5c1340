"""What the Neural Engine takes: findings on small programs, each with its source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.lowering import single
from mmc.backends.coreml import protos
from mmc.backends.coreml.check import check
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.program import Operation, Program, Var
from mmc.backends.coreml.reader import read
from mmc.backends.coreml.writer import MODEL, write
from mmc.diagnostics import Diagnostic, EmitError, LegalityError, ModelError, Severity
from mmc.ir import parse
from mmc.shapes import infer
from mmc.target import load_target, targets

RNG = np.random.default_rng(0)


def findings(model: Any, target: str = "ane_ios18", precision: str = "fp16") -> list[Diagnostic]:
    """Return what the target says of a model in its final form."""
    where = load_target(target)
    return check(lower(model, Form(precision, where.settings["version"])), where)


def weights(*shape: int) -> Any:
    """Return a constant operand."""
    return RNG.standard_normal(shape).astype(np.float32)


OFF = [
    (single("Mod", (2, 3), weights(2, 3), fmod=1), "MMC205", "no such operator"),
    (single("Acos", (2, 3)), "MMC205", "no such operator"),
    (single("Add", ((2, 3), np.int32), ((2, 3), np.int32)), "MMC205", "int32 data"),
    (single("Relu", (1, 4, 8, 20000)), "MMC206", "20000 elements along a spatial axis"),
    (single("Relu", (1, 70000, 1, 1)), "MMC206", "70000 elements along a channels axis"),
    (single("Conv", (1, 1, 1, 64), weights(1, 1, 1, 15)), "MMC206", "a window 15 wide, at most 13"),
]


@pytest.mark.parametrize(("model", "code", "words"), OFF)
def test_what_leaves_the_engine_is_named_with_share_and_crossings(
    model: Any, code: str, words: str
) -> None:
    found = [d for d in findings(model) if d.severity is Severity.WARNING]
    assert {d.code for d in found} == {code}
    last = [d for d in found if words in d.what][-1]
    assert "% of the compute" in last.what
    assert "crossing" in last.what
    assert "(ane.toml)" in last.why
    assert last.fix


def test_float32_runs_elsewhere() -> None:
    assert findings(single("Relu", (2, 3))) == []
    (found,) = findings(single("Relu", (2, 3)), precision="fp32")
    assert (found.code, found.severity) == ("MMC205", Severity.WARNING)
    assert "100.0 % of the compute, 0 crossings" in found.what


def test_older_chips_lack_operators() -> None:
    gather = single("Gather", (4, 8), np.array([1, 3]))
    (note,) = [d for d in findings(gather, "ane_ios18") if d.code == "MMC224"]
    assert "from A14 on, elsewhere on A12, A13" in note.what
    assert note.severity is Severity.NOTE
    (note,) = [d for d in findings(gather, "ane_ios26") if d.code == "MMC224"]
    assert "from A14 on, elsewhere on A13" in note.what
    (note,) = [d for d in findings(single("Sin", (4, 8)), "ane_ios26") if d.code == "MMC224"]
    assert "from A15 on, elsewhere on A13, A14" in note.what


TABLES = {name: load_target(name) for name in targets() if name.startswith("ane_")}
TABLE = TABLES["ane_ios18"].table


def program_of(code: str) -> Program:
    """Return a program whose only operator is put between its input and its output."""
    program = lower(single("Relu", (2, 3)))
    (op,) = [op for op in program.operations if op.code == "relu"]
    op.code = code
    return program


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("code", TABLE["never"])
def test_every_operator_that_no_chip_runs_is_a_finding(code: str, name: str) -> None:
    (found,) = check(program_of(code), TABLES[name])
    source, fix = TABLE["never"][code]
    assert (found.code, found.severity, found.fix) == ("MMC205", Severity.WARNING, fix)
    assert code in found.where
    assert "(33.3 % of the compute, 2 crossings)" in found.what  # between two casts
    assert TABLE["sources"][source] in found.why


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("code", TABLE["since"])
def test_every_operator_that_older_chips_lack_is_a_finding(code: str, name: str) -> None:
    chip, source = TABLE["since"][code]
    older = [c for c in TABLES[name].socs if int(c[1:3]) < int(chip[1:])]
    (found,) = check(program_of(code), TABLES[name])
    assert (found.code, found.severity) == ("MMC224", Severity.NOTE)
    assert found.what.endswith(f"from {chip} on, elsewhere on {', '.join(older)}")
    assert TABLE["sources"][source] in found.why


def test_only_the_first_refusal_of_a_chain_is_a_finding() -> None:
    text = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,4,2] x) => (float[1,4,2] y) {
        d = DFT <inverse = 1> (x, , axis)
        r = Relu (d)
        y = Add (r, x)
    }"""
    model = parse(text, axis=np.array(1))
    infer(model)
    with pytest.raises(LegalityError) as caught:
        lower(model)
    assert [d.where for d in caught.value.diagnostics] == ["DFT 'd'"]


def test_a_short_last_axis_costs_memory() -> None:
    assert findings(single("Relu", (1, 16, 1000, 1))) == []
    note = findings(single("Relu", (1, 16, 8000, 1)))[-1]
    assert (note.code, note.severity) == ("MMC225", Severity.NOTE)
    assert "64 bytes" in note.why


def test_only_inner_transposes_are_findings() -> None:
    assert findings(single("Transpose", (2, 3, 4), perm=[2, 0, 1])) == []
    program = lower(single("Transpose", (2, 3, 4), perm=[2, 0, 1]))
    inner = next(op for op in program.operations if op.code == "transpose")
    program.operations.append(Operation("relu", {"x": [inner.output]}, [program.outputs[0].var]))
    program.operations.remove(
        next(o for o in program.operations if o.inputs["x"][0] is inner.output)
    )
    assert [d.code for d in check(program, load_target("ane_ios18"))] == ["MMC222"]


def test_what_core_ml_refuses_is_an_error() -> None:
    def relu(shape: tuple[int, ...], dtype: str = "fp16") -> Program:
        program = lower(single("Relu", (2, 3)))
        program.operations[-1].outputs = [Var("y", dtype, shape)]
        return program

    target = load_target("ane_ios18")
    for program, code in (
        (relu((1, 1, 1, 1, 2, 3)), "MMC204"),
        (relu((-1, 3)), "MMC203"),
        (relu((2, 3), "fp64"), "MMC204"),
    ):
        found = [d for d in check(program, target) if d.severity is Severity.ERROR]
        assert [d.code for d in found] == [code]


def test_every_entry_of_the_table_has_a_source() -> None:
    names = [n for n in targets() if n.startswith("ane_")]
    assert names == ["ane_ios16", "ane_ios17", "ane_ios18", "ane_ios26"]
    for name in names:
        target = load_target(name)
        assert target.precision == "float16"
        assert target.settings["compute_units"] == "CPU_AND_NE"
        assert target.settings["version"] == {"16": 7, "17": 8, "18": 9, "26": 10}[name[-2:]]
    table = target.table
    used = [source for _, source in table["since"].values()]
    used += [source for source, _ in table["never"].values()]
    used += [source for _, source in table["limits"].values()]
    used += [*table["types"].values(), table["alignment"]["source"]]
    assert set(used) <= set(table["sources"])


def damaged(tmp_path: Path, change: Callable[[Any], object]) -> Path:
    """Return a package of two layers of which an operation was changed."""
    path = tmp_path / "m.mlpackage"
    w = np.ones((4, 3, 1, 1), np.float32)
    write(lower(single("Conv", (1, 3, 4, 4), w)), path)
    file = path / "Data" / MODEL
    spec = protos.model().Model.FromString(file.read_bytes())
    function = spec.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    change(next(op for op in operations if op.type == "conv"))
    file.write_bytes(spec.SerializeToString())
    return path


def test_packages_of_unknown_operators_are_a_finding(tmp_path: Path) -> None:
    path = damaged(tmp_path, lambda op: setattr(op, "type", "frobnicate"))
    (found,) = check(read(path), load_target("ane_ios18"))
    assert (found.code, found.severity) == ("MMC208", Severity.WARNING)
    assert "frobnicate" in found.where


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda op: setattr(op.inputs["x"].arguments[0], "name", "no"), "'no', which is not"),
        (lambda op: op.inputs.pop("weight"), "conv has no weight"),
    ],
)
def test_damaged_programs_are_refused(
    change: Callable[[Any], object], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"(?s)MMC120.*{why}"):
        read(damaged(tmp_path, change))


def test_packages_for_later_systems_are_an_error(tmp_path: Path) -> None:
    path = damaged(tmp_path, lambda op: None)
    assert check(read(path), load_target("ane_ios26")) == []
    found = check(read(path), load_target("ane_ios16"))
    assert [(d.code, d.severity) for d in found] == [("MMC240", Severity.ERROR)]


def test_what_core_ml_does_with_classes_is_no_finding(tmp_path: Path) -> None:
    program = lower(single("Relu", (1, 3)))
    program.metadata["classes"] = '["a", "b", "c"]'
    write(program, tmp_path / "m.mlpackage")
    found = read(tmp_path / "m.mlpackage")
    assert "classify" in [op.code for op in found.operations]
    assert check(found, load_target("ane_ios18")) == []


def test_packages_without_all_their_weights_are_refused(tmp_path: Path) -> None:
    path = damaged(tmp_path, lambda op: None)
    file = next(path.rglob("weight.bin"))
    file.write_bytes(file.read_bytes()[:130])
    with pytest.raises(EmitError, match="MMC421"):
        read(path)
    file.unlink()
    with pytest.raises(EmitError, match="MMC421"):
        read(path)
