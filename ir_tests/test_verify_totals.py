"""Whole outputs of integer artifacts: where one sample leaves it open, more of them decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from mmc.ir import parse
from mmc.options import CompileOptions
from mmc.verification.evaluate import compare
from mmc.verification.execute import Run
from mmc.verification.given import MOST_SAMPLES, more_samples
from mmc.verification.result import OutputResult, VerifyResult
from mmc.verification.totals import judge_total
from mmc.verification.trial import Subject, Trial

SIZE = 200


def off_by(noise_db: float, seed: int) -> np.ndarray:
    """Return what is so far from ones."""
    drawn = np.random.default_rng(seed).standard_normal(SIZE)
    drawn *= np.sqrt(SIZE * 10 ** (-noise_db / 10) / (drawn**2).sum())
    return (1 + drawn).astype(np.float32)


def judged(lags: list[float]) -> VerifyResult:
    """Judge an artifact that is 10 dB behind a final IR of 30 dB, and so far on more samples."""

    def run(feeds: Mapping[str, np.ndarray], *, behind: bool) -> Run:
        lag, seed = lags[int(feeds["i"])], int(feeds["i"]) + 10 * behind
        return Run({"y": off_by(30 - behind * lag, seed)}, 0.0, 0)

    subject = mock.create_autospec(Subject, instance=True)
    subject.samples = [{"i": np.array(i)} for i in range(len(lags))]
    subject.as_seen.side_effect = lambda feeds: feeds
    subject.run_reference.side_effect = lambda _: Run({"y": np.ones(SIZE, np.float32)}, 0.0, 0)
    subject.run_final.side_effect = lambda feeds: run(feeds, behind=False)
    subject.run_artifact.side_effect = lambda feeds: run(feeds, behind=True)
    made, final, exact = off_by(20, 98), off_by(30, 99), np.ones(SIZE, np.float32)
    trial = Trial(subject, {}, {"y": exact}, (), {"y": final}, Run({"y": made}, 0.0, 0))
    output = OutputResult("y", compare("y", final, made), compare("y", exact, made), 100.0)
    result = VerifyResult()
    judge_total(trial, output, result)
    return result


@pytest.mark.parametrize(
    ("lags", "code"),
    [
        ([], "MMC410"),
        ([0.0, 0.0], "MMC410"),  # two say nothing
        ([0.0, 2.0, 9.0, -4.0, 0.0], "MMC418"),
        ([6.0, 4.0, 9.0, -4.0, 5.0], "MMC410"),
    ],
)
def test_most_samples_decide(lags: list[float], code: str) -> None:
    (found,) = judged(lags).diagnostics
    assert found.code == code
    assert ("median of more samples" in found.why) == (len(lags) > 2)


def test_samples_behind_the_first_are_read(tmp_path: Path) -> None:
    """Data that have none, or are no data, are no more samples."""
    model = parse("<ir_version: 10> g (float[2] x) => (float[2] y) { y = Relu(x) }")
    assert [*more_samples(model, CompileOptions())] == []
    file = tmp_path / "d.npz"
    for count, expected in ((1, 0), (4, 3), (40, MOST_SAMPLES)):
        np.savez(file, x=np.arange(2 * count, dtype=np.float32).reshape(count, 2))
        found = [*more_samples(model, CompileOptions(calibration=str(file)))]
        assert len(found) == expected
        assert all(feeds["x"][0] == 2 * i for i, feeds in enumerate(found, 1))
    assert [*more_samples(model, CompileOptions(calibration=str(tmp_path / "none.npz")))] == []
