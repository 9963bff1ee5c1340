"""How much of a metric an artifact loses: `--evaluation DATA --metric module:function`."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from mmc.backends.base import backend_of
from mmc.dataset import Sample, read_samples
from mmc.diagnostics import RecipeError
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.execute import execute
from mmc.verification.trial import Subject, to_last

EACH = "mmc.verification.each:run"
MOST_SAMPLES = 1000

Metric = Callable[[Mapping[str, Array], Mapping[str, Array]], float]


@dataclass(frozen=True)
class Evaluation:
    """A metric over `samples` samples, of the original in ONNX Runtime and of the artifact."""

    metric: str
    samples: int
    original: float
    artifact: float

    @property
    def drop_percent(self) -> float:
        """What is lost of the original's value; negative where the artifact is better."""
        return 100 * (self.original - self.artifact) / abs(self.original)


def evaluate_artifact(
    subject: Subject, shapes: Mapping[str, tuple[int, ...]], data: str, metric: str
) -> Evaluation:
    """Return the metric of the original model and of the artifact on the samples of `data`.

    Args:
        shapes: of the original's inputs that are no constants.
    Raises:
        RecipeError: MMC300 to MMC302 for the data, MMC306 for the metric.
        EmitError: when a model does not run on the samples.
    """
    measure = load_metric(metric)
    samples = list(read_samples(data, shapes, MOST_SAMPLES))
    labels = stacked([labels for _, labels in samples])
    original = call(measure, metric, outputs_of(subject, samples, original=True), labels)
    if original == 0:
        why = "the original's is 0, so that no drop is relative to it"
        raise RecipeError("MMC306", metric, "is no metric for this model and data", why=why)
    artifact = call(measure, metric, outputs_of(subject, samples, original=False), labels)
    return Evaluation(metric, len(samples), original, artifact)


def outputs_of(subject: Subject, samples: Sequence[Sample], *, original: bool) -> dict[str, Array]:
    """Return the outputs over all samples, axis 0 = sample, from one child process."""
    shown = [subject.as_seen(f) for f, _ in samples]
    feeds = [
        {**f, **subject.constants} if original else subject.as_artifact_takes(f) for f in shown
    ]
    given = {name: np.stack([f[name] for f in feeds]) for name in feeds[0]}
    if original:
        found = execute(EACH, subject.reference, given, inner=reference.JOB).outputs
        if subject.channels_last:
            found = {n: np.stack([to_last(v) for v in value]) for n, value in found.items()}
    else:
        backend = backend_of(subject.artifact)
        assert backend is not None
        emulated: dict[str, Any] = {"precision": subject.rounding} if subject.rounding else {}
        found = execute(EACH, subject.artifact, given, inner=backend.job, **emulated).outputs
    return {
        name: value[:, 0] if value.shape[1:2] == (1,) else value for name, value in found.items()
    }


def stacked(rows: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the rows' arrays with an axis in front that counts them."""
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def load_metric(text: str) -> Metric:
    """Return the function that `module:function` names; raises RecipeError (MMC306)."""
    fix = "give module:function of metric(outputs, labels) -> float, higher is better"
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise RecipeError("MMC306", f"--metric {text}", "is no module:function", fix=fix)
    module, function = text.split(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise RecipeError("MMC306", text, "cannot be loaded", why=str(error), fix=fix) from error
    finally:
        sys.path.remove(os.getcwd())
    return found  # type: ignore[no-any-return]


def call(
    measure: Metric, name: str, outputs: Mapping[str, Array], labels: Mapping[str, Array]
) -> float:
    """Return the metric's value; raises RecipeError (MMC306) where it fails or is not finite."""
    try:
        value = float(measure(outputs, labels))
    except Exception as error:  # the user's code
        why = f"{type(error).__name__}: {error}"
        raise RecipeError("MMC306", name, "raises on these outputs", why=why) from error
    if not math.isfinite(value):
        raise RecipeError("MMC306", name, f"returns {value}", fix="return a finite number")
    return value
