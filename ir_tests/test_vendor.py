"""`--vendor` with a stand-in for Qualcomm's tool: whatever it does, no compile breaks."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import onnx.parser
import pytest

import mmc
from mmc.backends.targets import vendor
from mmc.backends.targets.vendor import Vendor
from mmc.backends.targets.vendor_log import refusals
from mmc.cli import main
from mmc.diagnostics import Diagnostic, LegalityError, UsageError

MODEL = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x) => (float[1,4] y) { [first] t = Add(x, x) [second] y = Tanh(t) }"""
BY_TABLE = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x, float[1,4] z) => (float[1,4] y) {
    [first] t = Mod <fmod: int = 1> (x, z) [second] y = Tanh(t) }"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(onnx.parser.parse_model(MODEL), path := tmp_path / "m.onnx")
    return path


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "tools" / "tool"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/vendor_fake.py "$@"')
    tool.chmod(0o755)
    there = Vendor(tool, tmp_path, tmp_path, "stand-in 1.0")
    monkeypatch.setattr(vendor, "missing", lambda: "")
    monkeypatch.setattr(vendor, "installed", lambda: there)


def check(
    model: Path, how: str, monkeypatch: pytest.MonkeyPatch, arch: str | bool = ""
) -> list[str]:
    monkeypatch.setenv("FAKE_VENDOR", how)
    found = mmc.check(model, target="hexagon_v73", vendor=arch)
    return [f"{d.code} {d.severity} {d.where}: {d.what}. {d.why}" for d in found]


def test_what_compiles_is_said_with_figures(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = check(model, "compiles", monkeypatch)
    assert said.startswith(
        "MMC230 note hexagon v73: Qualcomm's compiler for v73 takes 2 of 2 operators ("
    )
    assert "in 1 partition, compiled, context 0.00 MB" in said
    assert "stand-in 1.0. Qualcomm's licence" in said


def test_python_asks_with_true_and_not_with_a_number(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = check(model, "compiles", monkeypatch, arch=True)
    assert said.startswith("MMC230 note hexagon v73")
    assert mmc.check(model, target="hexagon_v73", vendor=False) == []
    with pytest.raises(mmc.MmcError, match="neither True nor text"):
        mmc.compile(model, target="hexagon_v73", vendor=73)  # type: ignore[arg-type]


def test_the_vendor_wins_where_our_table_takes(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, summary = check(model, "refuses", monkeypatch)
    assert refused.startswith("MMC232 warning ADD 'first': runs on the CPU")
    assert "refuses Relu of FLOAT_32 [1,4] (no quantization)" in refused
    assert "takes 1 of 2 operators" in summary


def test_the_vendor_wins_where_our_table_refuses(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx.save(onnx.parser.parse_model(BY_TABLE), model)
    assert [d.code for d in mmc.check(model, target="hexagon_v73")] == ["MMC205", "MMC211"]
    pardoned, _ = check(model, "compiles", monkeypatch)
    assert pardoned.startswith("MMC233 note FLOOR_MOD 'first': runs on the NPU")


def test_selected_is_not_compiled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary, stopped = check(model, "selects", monkeypatch)
    assert "2 of 2 operators (100 % of the MACs) in 1 partition, not compiled" in summary
    assert stopped.startswith("MMC234 warning")
    assert "graph prepare failed 12" in stopped


@pytest.mark.parametrize("how", ["crashes", "babbles", "hangs"])
def test_its_failure_is_only_a_note(
    how: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VENDOR", how)
    ask = vendor.ask
    monkeypatch.setattr(vendor, "ask", lambda *a, **k: ask(*a, timeout=1.0, **k))
    start, artifact = time.monotonic(), tmp_path / "m.tflite"
    result = mmc.compile(
        model,
        target="hexagon_v73",
        output=artifact,
        vendor="",
        aot=True,
        require_npu=True,
        verify=False,
    )
    assert time.monotonic() - start < 30
    assert artifact.exists()
    assert not (tmp_path / "m.aot.tflite").exists()
    (said,) = result.diagnostics
    assert said.code == "MMC236"
    assert ("timed out" if how == "hangs" else "crashed") in said.what


def test_a_child_of_the_tool_ends_with_it() -> None:
    start = time.monotonic()
    code, _, _ = vendor.call(["/bin/sh", "-c", "sleep 50 & sleep 50"], "", 0.3)
    assert code is None
    assert time.monotonic() - start < 10


def test_absence_is_said_and_the_table_judges(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "missing", lambda: "onnxruntime-qnn is not installed")
    (said,) = check(model, "compiles", monkeypatch)
    assert said.startswith("MMC235 note --vendor: Qualcomm's compiler was not asked")


def test_a_compiled_artifact_is_kept_until_another_takes_its_place(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VENDOR", "compiles")
    command = ["compile", str(model), "--target", "hexagon_v75", "--vendor", "--aot", "--quiet"]
    assert main([*command, "--no-verify", "-o", str(tmp_path / "m.tflite")]) == 0
    assert (tmp_path / "m.aot.tflite").read_text() == "SM8650"
    before = {f.name: f.read_bytes() for f in tmp_path.glob("*.tflite")}
    monkeypatch.setenv("FAKE_VENDOR", "refuses")
    with pytest.raises(LegalityError):
        mmc.compile(
            model,
            target="hexagon_v75",
            output=tmp_path / "m.tflite",
            vendor="",
            aot=True,
            require_npu=True,
        )
    assert {f.name: f.read_bytes() for f in tmp_path.glob("*.tflite")} == before
    monkeypatch.setenv("FAKE_VENDOR", "crashes")
    assert main([*command, "--no-verify", "-o", str(tmp_path / "m.tflite")]) == 0
    assert not (tmp_path / "m.aot.tflite").exists(), "it belongs to an earlier artifact"


def test_other_architectures_have_a_line_each(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(model, "refuses", monkeypatch, arch="all")
    assert [f[:6] for f in found].count("MMC230") == len(vendor.SOCS)
    said = "MMC231 warning hexagon v69: Qualcomm's compiler for v69 refuses ADD 'first'"
    assert sum(f.startswith(said) for f in found) == 1


@pytest.mark.parametrize(
    ("target", "arch", "code"),
    [("cpu", "", "MMC014"), ("ane_ios18", "", "MMC014"), ("hexagon_v73", "v12", "MMC003")],
)
def test_what_cannot_be_asked(target: str, arch: str, code: str, model: Path) -> None:
    with pytest.raises(UsageError) as raised:
        mmc.check(model, target=target, vendor=arch)
    found: tuple[Diagnostic, ...] = raised.value.diagnostics
    assert found[0].code == code


def test_an_operator_without_a_counterpart_has_its_reason() -> None:
    log = "LiteRT Op #7 'While' (code=119) is not supported in Qualcomm Compiler."
    (refusal,) = refusals(log)
    assert (refusal.index, refusal.op) == (7, "While")
    assert "no form" in refusal.reason


def test_verify_names_what_the_table_allows_and_the_vendor_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["targets", "verify", "hexagon_v73", "--op", "NEG", "--quiet", "--json"]
    monkeypatch.setenv("FAKE_VENDOR", "refuses")
    assert main(command) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "mmc.verify-report/1"
    assert {d["table"] for d in found["differences"]} == {"yes"}
    assert found["refused"] == len(found["differences"]) > 0
    assert "refuses Relu of FLOAT_32" in found["differences"][0]["reason"]


def test_verify_tells_what_the_vendor_takes_beyond_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_VENDOR", "compiles")
    assert main(["targets", "verify", "hexagon_v73", "--op", "NEG"]) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert "NEG i64: table no, vendor yes" in lines
    assert summary.endswith("s)")
    assert "0 allowed by our table and refused (stand-in 1.0" in summary


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["cpu"], "MMC014"),
        ([], "MMC003"),
        (["hexagon_v73", "--op", "NEGATE"], "MMC003"),
        (["hexagon_v12"], "MMC200"),
    ],
)
def test_what_cannot_be_verified(
    given: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["targets", "verify", *given]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


def test_verify_without_the_vendor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vendor, "missing", lambda: "onnxruntime-qnn is not installed")
    assert main(["targets", "verify", "hexagon_v73"]) == 2
    assert "MMC239" in capsys.readouterr().err


def test_the_answer_is_in_the_json(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_VENDOR", "refuses")
    command = ["check", str(model), "--target", "hexagon_v73", "--vendor", "--json"]
    assert main(command) == 1
    (said,) = json.loads(capsys.readouterr().out)["vendor"]
    (refusal,) = said["refusals"]
    assert refusal["where"] == "ADD 'first'"
    wanted = {"architecture": "v73", "versions": "stand-in 1.0", "context_bytes": 4096}
    wanted |= {"selected": 1, "total": 2, "partitions": 1, "compiled": True, "mac_share": 0.5}
    assert said.items() >= wanted.items()


def test_the_answer_is_in_the_report(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VENDOR", "compiles")
    command = ["compile", str(model), "--target", "hexagon_v73", "--vendor-arch", "v81", "--quiet"]
    report = tmp_path / "r.json"
    files = ["-o", str(tmp_path / "m.tflite"), "--report", str(report)]
    assert main([*command, "--vendor", "--no-verify", *files]) == 0
    said = json.loads(report.read_text())["vendor"]
    assert [(v["architecture"], v["ended"]) for v in said] == [
        ("v73", "compiled"),
        ("v81", "compiled"),
    ]
