"""DATA of the command line: three forms, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.test_quantize_weights import three_layers
from mmc.cli import main
from mmc.dataset import digests, read_samples
from mmc.diagnostics import RecipeError
from mmc.ir import Array, save


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


BAD = {
    "MMC300": ("nothing.here", {"x": (1, 3)}),
    "MMC300 ": ("no.such.module:f", {"x": (1, 3)}),
    "MMC301": ("d.npz", {"x": (1, 4)}),
    "MMC301 ": ("d.npz", {"z": (1, 3)}),
    "MMC302": ("empty.npz", {"x": (1, 3)}),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data(case: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3), np.float32))
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 3), np.float32))
    name, shapes = BAD[case]
    data = str(tmp_path / name) if name.endswith("npz") else name
    with pytest.raises(RecipeError, match=case.strip()):
        list(read_samples(data, shapes, 10))


def test_bad_calibration_data_is_told_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(three_layers(), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", other=np.zeros((2, 3), np.float32))
    given = ["--weights", "int4", "--calibration", str(tmp_path / "d.npz")]
    out = tmp_path / "m.tflite"
    code = main(["compile", str(tmp_path / "m.onnx"), "--target", "cpu", "-o", str(out), *given])
    assert code == 2
    assert not out.exists()
    captured = capsys.readouterr()
    assert "MMC301" in captured.out + captured.err
