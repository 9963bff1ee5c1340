"""Passes as data: their text, their phases, and the instruments that watch them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from mmc.backends.base import load_backend
from mmc.compiler import settled, unsettled
from mmc.diagnostics import MmcError, PassError, Severity, UsageError
from mmc.instruments import Dump, Reproducer, Time, Verify
from mmc.ir import Model, load, parse
from mmc.options import CompileOptions
from mmc.pass_manager import (
    PASSES,
    Instrument,
    Pass,
    PassManager,
    PassRecord,
    Phase,
    parse_pipeline,
)
from mmc.shapes import infer
from mmc.target import load_target
from mmc.verification.equivalence import Equivalence


def relu() -> Model:
    model = parse(
        '<ir_version: 13, opset_import: ["" : 25]> g (float[4] x) => (float[4] y) {y = Relu(x)}'
    )
    infer(model)
    return model


@dataclass(frozen=True)
class Rename(Pass):
    """Turn every Relu into another op, once."""

    name = "rename"
    to: str = "Relu"

    def run(self, model: Model) -> int:
        node = model.graph[0]
        changed = node.op_type != self.to
        node.op_type = self.to
        return int(changed)


@dataclass(frozen=True)
class Flip(Pass):
    """Turn Relu into Abs and back: never done."""

    name = "flip"

    def run(self, model: Model) -> int:
        node = model.graph[0]
        node.op_type = "Abs" if node.op_type == "Relu" else "Relu"
        return 1


def test_a_phase_that_never_settles_is_stopped_and_named_once() -> None:
    model = relu()
    phases = [Phase("turn", (Rename(), Flip()), max_rounds=3), Phase("once", (Flip(),))]
    records = PassManager(phases, [Verify()]).run(model)
    assert sum(r.name == "flip" for r in records) == 4
    (found,) = unsettled(model)
    assert (found.code, found.severity) == ("MMC196", Severity.NOTE)
    assert found.where == "phases turn (rename, flip; 3 rounds)"
    assert not unsettled(model), "it is said once"


@pytest.mark.parametrize("rounds", [1, 2])
def test_phases_that_settle_or_promise_nothing_are_not_named(rounds: int) -> None:
    model = relu()
    PassManager([Phase("turn", (Rename("Abs"),), rounds)]).run(model)
    assert not unsettled(model)


@pytest.mark.parametrize("name", list(PASSES))
def test_every_pass_has_help_and_its_text_reads_back(name: str) -> None:
    kind = PASSES[name]
    assert kind.__doc__
    assert kind.name == name
    options = {f.name: f.default + 7 for f in fields(kind) if type(f.default) is int}
    made = kind(**options)
    assert parse_pipeline(str(made)) == [made]
    assert parse_pipeline(f"{name},{made}") == [kind(), made]


@pytest.mark.parametrize("activations", ["float", "int8"])
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73", "ane_ios18"])
def test_every_pass_of_a_compile_can_be_replayed(target: str, activations: str) -> None:
    """A reproducer has the text of the pass that failed."""
    where = load_target(target)
    given = {} if activations == "float" else {"weights": "int8", "calibration": "d.npz"}
    options = settled(CompileOptions(activations=activations, **given), where)
    for phase in load_backend(where.backend)(where, options).phases():
        for each in phase.passes:
            assert parse_pipeline(str(each)) == [each]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fold-constant", "MMC190"),
        ("fuse{x=1}", "MMC191"),
        ("fuse{", "MMC191"),
        ("a b", "MMC191"),
        ("quantize-weights{bits=four}", "MMC191"),
        ("quantize-weights{bits=}", "MMC191"),
        ("quantize-activations{quick=1}", "MMC191"),
    ],
)
def test_a_wrong_pipeline_is_a_coded_error(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_pipeline(text)
    assert caught.value.diagnostics[0].code == code


def test_options_are_of_the_kind_of_their_default() -> None:
    """A folder named 8 is a path; a whole number is a number."""
    text = "quantize-activations{calibration=8,islands=1}"
    (found,) = parse_pipeline(text)
    assert {f: getattr(found, f) for f in ("calibration", "islands")} == {
        "calibration": "8",
        "islands": 1,
    }
    assert parse_pipeline(str(found)) == [found]


def test_a_phase_repeats_until_nothing_changes() -> None:
    records = PassManager([Phase("p", (Rename("Neg"),), max_rounds=9)]).run(relu())
    assert [r.changes for r in records] == [1, 0]


def test_instruments_nest_and_hear_of_failures() -> None:
    heard: list[str] = []

    class Listen(Instrument):
        def __init__(self, name: str) -> None:
            self.name = name

        def before(self, p: Pass, model: Model) -> None:
            heard.append(f"{self.name}+")

        def after(self, p: Pass, model: Model, record: PassRecord) -> None:
            heard.append(f"{self.name}-")

        def failed(self, p: Pass, model: Model, error: Exception) -> None:
            heard.append(f"{self.name}!")

    @dataclass(frozen=True)
    class Fail(Pass):
        name = "fail"

        def run(self, model: Model) -> int:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        PassManager([Rename(), Fail()], [Listen("a"), Listen("b")]).run(relu())
    assert heard == ["a+", "b+", "b-", "a-", "a+", "b+", "a!", "b!"]


def test_verify_finds_a_value_that_is_read_before_it_is_made() -> None:
    @dataclass(frozen=True)
    class Break(Pass):
        name = "break"

        def run(self, model: Model) -> int:
            node = model.graph[0]
            node.replace_input_with(0, node.outputs[0])
            return 1

    with pytest.raises(PassError, match="MMC192"):
        PassManager([Break()], [Verify()]).run(relu())


def test_dump_writes_only_what_changed_and_is_stable(tmp_path: Path) -> None:
    for run in ("a", "b"):
        PassManager([Rename("Neg"), Rename("Neg"), Rename("Abs")], [Dump(tmp_path / run)]).run(
            relu()
        )
    names = sorted(p.name for p in (tmp_path / "a").glob("*.ir"))
    assert names == ["000-input.ir", "001-rename.ir", "003-rename.ir"]
    for name in names:
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()
        assert (tmp_path / "a" / name).with_suffix(".onnx").exists()


def test_time_measures_every_pass() -> None:
    (record,) = PassManager([Rename("Neg")], [Time()]).run(relu())
    assert record.seconds > 0
    assert record.peak_bytes > 0


def test_a_crash_leaves_a_reproducer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Crash(Pass):
        name = "crash"

        def run(self, model: Model) -> int:
            raise ZeroDivisionError("oops")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(MmcError, match=r"MMC193.*crash"):
        PassManager([Rename("Neg"), Crash()], [Reproducer("m", relu)]).run(relu())
    (folder,) = tmp_path.glob("mmc-failure-m-*")
    assert '"pipeline": "crash"' in (folder / "reproduce.json").read_text()
    assert [n.op_type for n in load(folder / "model.onnx").graph] == ["Neg"]


def test_a_wrong_pass_is_told_as_such_with_its_reproducer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a crash of mmc: it may be the pass of another package."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    checks = [Reproducer("m", relu), Equivalence()]
    with pytest.raises(PassError) as caught:
        PassManager([Rename("Neg")], checks).run(relu())
    (found,) = caught.value.diagnostics
    (folder,) = tmp_path.glob("mmc-failure-m-*")
    assert found.code == "MMC194"
    assert str(folder) in found.fix
    assert f"a bug in {Rename.__module__}" in found.fix
    assert [n.op_type for n in load(folder / "model.onnx").graph] == ["Relu"]
