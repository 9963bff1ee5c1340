"""What calibration saw is kept by the content of model and data, and computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmc import remembered
from mmc.integers.calibration import Data, calibrate
from mmc.ir import parse

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x) => (float[1,4] y) {
    y = Mul(x, w)
}"""

WIDE = 1 << 16


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write data; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MMC_NO_CACHE", raising=False)
    np.savez(tmp_path / "d.npz", x=np.array([[1, 2, 3, 4], [-5, 0, 0, 0]], np.float32))
    return tmp_path / "d.npz"


def seen(data: Path, factor: float = 2, **given: bool) -> tuple[float, float]:
    model = parse(TEXT, w=np.full(4, factor, np.float32))
    found = calibrate(model, Data(str(data), 8), ranges=["y"], **given).histograms["y"]
    return found.least, found.most


def test_a_second_look_runs_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(data) == (-10, 8)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("ran again")

    monkeypatch.setattr("mmc.verification.execute.execute", never)
    assert seen(data) == (-10, 8)
    with pytest.raises(AssertionError, match="ran again"):
        seen(data, 3)  # other weights
    with pytest.raises(AssertionError, match="ran again"):
        seen(data, counted=False)
    np.savez(data, x=np.ones((1, 4), np.float32))
    with pytest.raises(AssertionError, match="ran again"):
        seen(data)
    monkeypatch.setenv("MMC_NO_CACHE", "1")
    with pytest.raises(AssertionError, match="ran again"):
        seen(data)


def test_weights_beside_the_model_count(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large weights are in a file of their own, of which the model holds the place only."""
    monkeypatch.setattr("mmc.saving.INLINE_LIMIT", 0)
    text = TEXT.replace("4]", f"{WIDE}]")
    np.savez(data, x=np.ones((1, WIDE), np.float32))
    for factor in (2, 3):
        model = parse(text, w=np.full(WIDE, factor, np.float32))
        found = calibrate(model, Data(str(data), 8), ranges=["y"]).histograms["y"]
        assert (found.least, found.most) == (factor, factor)


def test_a_damaged_file_is_made_anew(data: Path) -> None:
    assert seen(data) == (-10, 8)
    (file,) = remembered.home().glob("*.npz")
    file.write_bytes(b"no zip")
    assert seen(data) == (-10, 8)
    assert file.stat().st_size > 100


def test_the_oldest_go(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(data)
    monkeypatch.setattr("mmc.remembered.MOST_BYTES", 1)
    seen(data, 3)
    assert not list(remembered.home().glob("*.npz"))


def test_a_range_without_counts_is_the_same(data: Path) -> None:
    assert seen(data, counted=False) == seen(data) == (-10, 8)
