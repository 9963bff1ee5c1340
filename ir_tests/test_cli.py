"""The command line: every command end to end on a small real model, options, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import golden_models
import mmc
from mmc.arguments import const, dim, input_shape
from mmc.cli import COMMANDS, main
from mmc.diagnostics import Diagnostic, Severity
from mmc.findings import finding_lines
from mmc.pass_manager import PassRecord
from mmc.reports.schema import report_schema
from mmc.reports.text import print_passes

PNET = str(golden_models.path("mtcnn_pnet"))
SHAPE = ["--input-shape", "x:1,3,60,80"]


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    path = tmp_path / "x.npz"
    x = np.random.default_rng(0).standard_normal((1, 3, 60, 80)).astype(np.float32)
    np.savez(path, x=x)
    return path


def reference(feeds: Path) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(PNET, options)
    with np.load(feeds) as arrays:
        values = session.run(None, dict(arrays))
    return dict(zip([o.name for o in session.get_outputs()], values, strict=True))


def test_compile_run_show_check(
    tmp_path: Path, feeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, report = tmp_path / "p.tflite", tmp_path / "r.json"
    command = ["compile", PNET, "--target", "hexagon_v73", *SHAPE, "-o", str(artifact)]
    assert main([*command, "--inputs", str(feeds), "--report", str(report)]) == 0
    summary = capsys.readouterr().out
    assert len(summary.splitlines()) < 30
    assert all(line == line.rstrip() for line in summary.splitlines())
    assert summary.splitlines()[-1] == str(artifact)
    told = json.loads(report.read_text())
    assert told["status"] == "ok"
    assert told["artifact"]["bytes"] == artifact.stat().st_size
    assert told["verification"]["passed"] is True
    assert set(told) == set(report_schema()["required"])

    made = tmp_path / "y.npz"
    assert main(["run", str(artifact), "--inputs", str(feeds), "-o", str(made)]) == 0
    with np.load(made) as outputs:
        for name, expected in reference(feeds).items():
            np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-4)
    capsys.readouterr()
    assert main(["show", str(artifact)]) == 0
    assert "CONV_2D" in capsys.readouterr().out
    assert main(["show", str(artifact), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["operators"] == told["operators"]["kinds"]
    assert main(["check", str(artifact), "--target", "hexagon_v73", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "mmc.check-report/1"


def test_compile_json_is_all_of_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "p.tflite")
    assert main(["compile", PNET, "--target", "cpu", *SHAPE, "-o", out, "--json", "--time"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["schema"] == "mmc.compile-report/1"
    assert "to-nhwc" in printed.err


def test_a_failed_compile_has_a_report_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.tflite"
    assert main(["compile", PNET, "--target", "cpu", "-o", str(out), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["artifact"]) == ("failed", None)
    assert told["diagnostics"][0]["code"] == "MMC115"
    assert not out.exists()


def test_several_models_go_to_a_folder(tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(Path(PNET).read_bytes())
    command = ["compile", PNET, str(other), "--target", "cpu", *SHAPE, "--no-verify", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "out"), "-j", "2"]) == 0
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert made == ["mtcnn_pnet.cpu.tflite", "other.cpu.tflite"]


def test_the_summary_ends_with_what_to_do_next(
    tmp_path: Path, feeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def next_line(target: str, *more: str) -> str:
        out = str(tmp_path / "p.tflite")
        assert main(["compile", PNET, "--target", target, *SHAPE, "-o", out, *more]) == 0
        lines = capsys.readouterr().out.splitlines()
        return next((line for line in lines if line.startswith("next")), "")

    assert "without --no-verify" in next_line("cpu", "--no-verify")
    assert "--inputs x.npz" in next_line("cpu")
    assert not next_line("cpu", "--inputs", str(feeds))
    assert "--weights int8 --activations int8" in next_line("hexagon_v73", "--inputs", str(feeds))


def test_image_inputs_are_read_strictly(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--image-input", "x:RGBA"]
    assert main(["compile", PNET, "--target", "ane_ios18", *SHAPE, *given]) == 2
    assert "MMC017" in capsys.readouterr().err


def test_opt_writes_standard_onnx(tmp_path: Path, feeds: Path) -> None:
    out = tmp_path / "o.onnx"
    command = ["opt", PNET, *SHAPE, "-p", "tflite", "-o", str(out), "--inputs", str(feeds)]
    assert main([*command, "--check", "--dump-ir", str(tmp_path / "dump"), "--quiet"]) == 0
    model = onnx.load(out)
    assert not model.functions
    assert {node.domain for node in model.graph.node} == {""}
    onnx.checker.check_model(model)
    dumped = sorted(p.name for p in (tmp_path / "dump").glob("*.ir"))
    assert dumped[0] == "000-input.ir"
    assert len(dumped) > 1
    with np.load(feeds) as arrays:
        made = ort.InferenceSession(str(out)).run(None, dict(arrays))
    for value, expected in zip(made, reference(feeds).values(), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def test_opt_explains_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", PNET, *SHAPE, "--explain", "identity"]) == 0
    assert capsys.readouterr().out.startswith("identity: ")


def test_explaining_a_rule_changes_nothing_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule of another pipeline is told so; the pipeline that is saved stays the default one."""
    written = []
    for more in ([], ["--explain", "identity"], ["--explain", "decompose/acosh"]):
        assert main(["opt", PNET, *SHAPE, "-o", str(tmp_path / "o.onnx"), *more]) == 0
        written.append((tmp_path / "o.onnx").read_bytes())
    assert len(set(written)) == 1
    assert "-p tflite may have one" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["passes", "rules", "targets"])
def test_lists_have_a_line_and_a_text_each(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert all(len(line.split()) > 1 for line in lines)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["--help"])
    assert leave.value.code == 0
    text = capsys.readouterr().out
    assert all(command.name in text for command in COMMANDS)


def test_no_command_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert all(command.name in told.err for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("complie m.onnx", "invalid choice: 'complie' (did you mean compile?)"),
        ("compile m.onnx --target cpu --wieghts int8", "mmc compile: unrecognized arguments:"),
        ("compile m.onnx --target cpu --wieghts int8", "(did you mean --weights?)"),
        ("compile m.onnx --target cpu --zzz", "unrecognized arguments: --zzz\n"),
        ("compile m.onnx", "mmc targets the targets"),
    ],
)
def test_a_wrong_word_is_answered_by_the_near_one(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err


def test_option_values() -> None:
    assert input_shape("serving_default:0:1,43844,1") == ("serving_default:0", (1, 43844, 1))
    assert input_shape("x:") == ("x", ())
    assert dim("a=b=3") == ("a=b", 3)
    assert const("n=[1,2]") == ("n", "[1,2]")
    assert const("n=@a=b.npz") == ("n", "@a=b.npz")


def test_equal_findings_are_one_entry() -> None:
    found = [Diagnostic("MMC205", Severity.WARNING, f"op {i}", "on the CPU") for i in range(300)]
    found.append(Diagnostic("MMC201", Severity.ERROR, "last", "cannot be emitted"))
    lines = list(finding_lines(found))
    assert lines[0].startswith("error[MMC201] last")
    assert lines[1:] == ["warning[MMC205] op 0 and 299 more: on the CPU"]
    assert len(list(finding_lines(found, full=True))) == 301


def test_names_cannot_move_the_cursor() -> None:
    line = next(finding_lines([Diagnostic("MMC100", Severity.NOTE, "a\x1b[2Jb", "what")]))
    assert "\x1b" not in line


def test_python_has_the_same_words(tmp_path: Path) -> None:
    out = tmp_path / "p.tflite"
    result = mmc.compile(PNET, target="hexagon_v73", input_shape={"x": [1, 3, 60, 80]}, output=out)
    assert result.artifact == out
    assert result.verification is not None
    assert result.verification.passed
    assert mmc.check(out, target="hexagon_v73") == result.diagnostics
    with pytest.raises(mmc.MmcError, match="MMC115"):
        mmc.compile(PNET, target="cpu", output=out)


def test_the_report_has_the_documented_schema() -> None:
    stored = Path(__file__).parent.parent / "docs" / "report.schema.json"
    assert json.loads(stored.read_text()) == report_schema()


def test_a_pass_is_a_line_with_all_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    long = "fold-constants{lowered=" + ",".join(["'Abs'"] * 40) + "}"
    records = [PassRecord(n, "p", 3, 5, 0.25, 7 * 2**20) for n in (long, "fuse")]
    print_passes(records)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["pass", "runs", "changes", "seconds", "peak", "MB"]
    assert [line.split()[-4:] for line in lines] == [["1", "3", "0.250", "7"]] * 2
