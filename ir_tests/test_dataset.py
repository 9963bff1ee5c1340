"""DATA of the command line: three forms, and what is wrong with others."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import golden_models
from ir_tests.quantizing import three_layers
from mmc.api import compile as compile_file
from mmc.cli import main
from mmc.dataset import digests, read_samples
from mmc.diagnostics import MmcError, RecipeError
from mmc.evaluation import stacked
from mmc.files import write_npz
from mmc.ir import Array, save, shape_of


def samples_of_a_function() -> list[tuple[dict[str, Array], dict[str, Array]]]:
    return [({"x": np.full(3, i, np.float32)}, {"label": np.array(i)}) for i in range(5)]


def test_data_in_three_forms(tmp_path: Path) -> None:
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    for i in range(2):
        np.savez(tmp_path / f"{i}.npz", x=x, label=np.arange(5))
    shapes = {"x": (1, 3)}
    rows = list(read_samples(str(tmp_path / "0.npz"), shapes, 100))
    assert [feeds["x"].shape for feeds, _ in rows] == [(1, 3)] * 5
    assert [int(labels["label"]) for _, labels in rows] == [0, 1, 2, 3, 4]
    assert len(list(read_samples(str(tmp_path), shapes, 7))) == 7
    here = f"{__name__}:samples_of_a_function"
    assert len(list(read_samples(here, shapes, 100))) == 5
    assert len(set(digests(read_samples(str(tmp_path), shapes, 100)))) == 5


def test_rows_of_every_order_and_type(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    names = np.array(["a", "bc", "", "d"])
    arrays = {"x": x, "turned": np.asfortranarray(x), "name": names, "empty": np.zeros((4, 0))}
    np.savez_compressed(tmp_path / "d.npz", **arrays)
    rows = list(read_samples(str(tmp_path / "d.npz"), {"x": (1, 2, 3), "turned": (2, 3)}, 9))
    assert [str(labels["name"]) for _, labels in rows] == names.tolist()
    for (feeds, labels), expected in zip(rows, x, strict=True):
        np.testing.assert_array_equal(feeds["x"][0], expected)
        np.testing.assert_array_equal(feeds["turned"], expected)
        assert labels["empty"].shape == (0,)


def test_only_a_row_is_in_memory(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros((64, 1 << 20), np.float32))
    tracemalloc.start()
    next(read_samples(str(tmp_path / "d.npz"), {"x": (1 << 20,)}, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20  # of 256 MB


def test_a_damaged_npz_is_told_wherever_the_damage_is(tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    np.savez_compressed(file, x=np.arange(15.0).reshape(5, 3), y=np.arange(5))
    whole, told = file.read_bytes(), 0
    for place in range(len(whole)):
        for broken in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            file.write_bytes(broken)
            try:
                list(read_samples(str(file), {"x": (3,)}, 9))
            except MmcError:
                told += 1
    assert told > len(whole)  # every cut, and most flips


BAD = {
    "MMC300": ("nothing.here", {"x": (1, 3)}),
    "MMC300 ": ("no.such.module:f", {"x": (1, 3)}),
    "MMC301": ("d.npz", {"x": (1, 4)}),
    "MMC301 ": ("d.npz", {"z": (1, 3)}),
    "MMC301  ": ("nan.npz", {"x": (1, 3)}),
    "MMC302": ("empty.npz", {"x": (1, 3)}),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data(case: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3), np.float32))
    np.savez(tmp_path / "nan.npz", x=np.float32([[0, 1, 2], [0, np.nan, 2]]))
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 3), np.float32))
    name, shapes = BAD[case]
    data = str(tmp_path / name) if name.endswith("npz") else name
    with pytest.raises(RecipeError, match=case.strip()):
        list(read_samples(data, shapes, 10))


@pytest.mark.parametrize("told", ["lacks the inputs", "whose squares float32 does not hold"])
def test_bad_calibration_data_is_told_by_the_command(
    told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = three_layers()
    save(model, tmp_path / "m.onnx")
    (x,) = model.graph.inputs
    data = {str(x.name): np.full((2, *shape_of(x)), 1e30, np.float32)}
    if told.startswith("lacks"):
        data = {"other": np.zeros((2, 3), np.float32)}
    write_npz(tmp_path / "d.npz", data)
    given = ["--weights", "int4", "--calibration", str(tmp_path / "d.npz")]
    out = tmp_path / "m.tflite"
    code = main(["compile", str(tmp_path / "m.onnx"), "--target", "cpu", "-o", str(out), *given])
    assert code == 2
    assert not out.exists()
    captured = capsys.readouterr()
    assert "MMC301" in captured.out + captured.err
    assert told in " ".join((captured.out + captured.err).split())


def test_an_artifact_is_verified_on_real_data_where_there_are_some(tmp_path: Path) -> None:
    model = three_layers()
    save(model, tmp_path / "m.onnx")
    (x,) = model.graph.inputs
    seen = np.full((3, *shape_of(x)), 0.25, np.float32)
    np.savez(tmp_path / "seen.npz", **{str(x.name): seen})
    np.savez(tmp_path / "test.npz", **{str(x.name): seen + 1})
    given = {
        "weights": "int8",
        "calibration": tmp_path / "seen.npz",
        "output": tmp_path / "m.tflite",
    }
    for more, expected in ({}, "seen.npz"), ({"evaluation": tmp_path / "test.npz"}, "test.npz"):
        found = compile_file(tmp_path / "m.onnx", target="cpu", **given, **more).verification
        assert found is not None
        assert found.inputs == f"the first sample of {tmp_path / expected}"
        np.testing.assert_array_equal(found.feeds[str(x.name)], seen[0] + (expected == "test.npz"))


def test_given_inputs_count_in_the_layout_of_the_original(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 24, 36)).astype(np.float32)
    given = {"input_shape": {"x": x.shape}, "inputs": {"x": x}, "output": tmp_path / "m.tflite"}
    pnet = golden_models.path("mtcnn_pnet")
    found = compile_file(pnet, target="cpu", io_layout="nhwc", **given).verification
    assert found is not None
    assert found.inputs == "given inputs"
    np.testing.assert_array_equal(found.feeds["x"], x)


RAISING = {
    "KeyError": 'raise KeyError("x")',
    "FileNotFoundError": 'open("no/such/file")',
    "RuntimeError": 'yield {"x": [1, 2, 3]}, None\n    raise RuntimeError("later")',
    "SystemExit": "raise SystemExit(3)",
    "TypeError": "yield 3",
}


@pytest.mark.parametrize("kind", RAISING)
def test_what_a_function_of_data_raises_is_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loader's KeyError was a child process that died, with the traceback of mmc's insides."""
    module = f"raising_{kind.lower()}"
    (tmp_path / f"{module}.py").write_text(f"def data():\n    {RAISING[kind]}\n    yield\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MmcError) as caught:
        list(read_samples(f"{module}:data", {"x": (3,)}, 9))
    (found,) = caught.value.diagnostics
    assert found.code == "MMC300"
    assert kind in found.why
    assert kind == "TypeError" or f"{module}.py, line" in found.why


def test_labels_of_samples_are_alike() -> None:
    for rows in ([{"y": np.zeros(2)}, {"y": np.zeros(3)}], [{"y": np.zeros(2)}, {}]):
        with pytest.raises(MmcError, match="MMC301"):
            stacked(rows)
