"""Jobs in child processes: results, the job's own errors, crashes, time and memory limits."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from mmc.diagnostics import EmitError
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.execute import Limits, execute

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _children_find_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


def double(path: str, feeds: dict[str, Array]) -> dict[str, Array]:
    return {f"{path}/{name}": 2 * value for name, value in feeds.items()}


def abort(path: str, feeds: dict[str, Array]) -> dict[str, Array]:
    print("the last words", file=__import__("sys").stderr, flush=True)
    os.kill(os.getpid(), signal.SIGABRT)
    return {}


def sleep(path: str, feeds: dict[str, Array]) -> dict[str, Array]:
    time.sleep(60)
    return {}


def devour(path: str, feeds: dict[str, Array]) -> dict[str, Array]:
    hoard = [np.ones(1 << 22) for _ in range(40)]
    time.sleep(60)
    return {"hoard": hoard[0]}


def refuse(path: str, feeds: dict[str, Array]) -> dict[str, Array]:
    raise EmitError("MMC499", "here", "no", why="because", fix="not")


def test_outputs_come_back_under_any_name() -> None:
    feeds = {"a/b:0": np.arange(3), "ö ..": np.array(1.5), "empty": np.zeros((0, 2), np.float32)}
    found = execute("test_execute:double", "p", feeds)
    assert found.outputs.keys() == {"p/a/b:0", "p/ö ..", "p/empty"}
    for name, value in feeds.items():
        np.testing.assert_array_equal(found.outputs[f"p/{name}"], 2 * value)
        assert found.outputs[f"p/{name}"].dtype == value.dtype
    assert 1 << 20 < found.peak_memory < 1 << 30


def test_an_abort_is_an_error_with_the_last_words() -> None:
    with pytest.raises(EmitError, match=r"MMC406[^$]*signal 6[^$]*the last words"):
        execute("test_execute:abort", "", {})


def test_a_python_error_is_an_error_with_its_traceback() -> None:
    with pytest.raises(EmitError, match=r"MMC406[^$]*No module named 'missing'"):
        execute("missing:job", "", {})


def test_the_jobs_own_error_passes_through() -> None:
    with pytest.raises(EmitError) as caught:
        execute("test_execute:refuse", "", {})
    finding = caught.value.diagnostics[0]
    assert (finding.code, finding.where, finding.what) == ("MMC499", "here", "no")
    assert (finding.why, finding.fix) == ("because", "not")


def test_a_time_limit_ends_the_child() -> None:
    start = time.monotonic()
    with pytest.raises(EmitError, match="MMC407"):
        execute("test_execute:sleep", "", {}, limits=Limits(seconds=0.5))
    assert time.monotonic() - start < 20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_memory_limit_ends_the_child() -> None:
    with pytest.raises(EmitError, match="MMC408"):
        execute("test_execute:devour", "", {}, limits=Limits(seconds=50, memory=600 << 20))


def test_a_damaged_artifact_is_an_error(tmp_path: Path) -> None:
    damaged = tmp_path / "m.tflite"
    damaged.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    with pytest.raises(EmitError, match=r"MMC40[46]"):
        execute("mmc.backends.tflite.run:run", damaged, {})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,2] x, int64[2] i) => (float[N,2] y) { s = Mul(x, x) f = Cast<to=1>(i)
        y = Add(s, f) }""")
    onnx.save(proto, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.mark.parametrize("perturbed", [False, True])
def test_onnx_runs_with_casts_and_inner_values(model: Path, perturbed: bool) -> None:
    feeds = {"x": np.array([[1.0, 2.0]]), "i": np.array([1, 2], np.int32)}
    found = execute(reference.JOB, model, feeds, perturbed=perturbed, values=["s", "y", "none"])
    assert found.outputs.keys() == {"y", "s"}
    np.testing.assert_array_equal(found.outputs["s"], [[1, 4]])
    np.testing.assert_array_equal(found.outputs["y"], [[2, 6]])


def test_inner_values_with_external_weights(tmp_path: Path) -> None:
    proto = parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[1] x) => (float[300] y) { s = Mul(x, w)  y = Neg(s) }""")
    w = np.arange(300, dtype=np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    feeds = {"x": np.array([2], np.float32)}
    found = execute(reference.JOB, tmp_path / "m.onnx", feeds, values=["s"])
    np.testing.assert_array_equal(found.outputs["s"], 2 * w)


def test_onnx_errors_are_coded(model: Path, tmp_path: Path) -> None:
    with pytest.raises(EmitError, match=r"MMC403[^$]*missing: i"):
        execute(reference.JOB, model, {"x": np.zeros((1, 2))})
    with pytest.raises(EmitError, match=r"MMC40[59]"):
        execute(reference.JOB, model, {"x": np.zeros((1, 3)), "i": np.array([1, 2])})
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 50)
    with pytest.raises(EmitError, match=r"MMC40[59]"):
        execute(reference.JOB, tmp_path / "bad.onnx", {})
