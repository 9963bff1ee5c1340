"""How much of a metric an artifact loses: `--evaluation DATA --metric NAME|module:function`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmc.backends.base import backend_of
from mmc.counting import counted
from mmc.dataset import Sample, Shapes, digests, read_samples
from mmc.diagnostics import Diagnostic, EmitError, MmcError, RecipeError, Severity
from mmc.files import read_npz, write_npz
from mmc.joined_outputs import Cuts, parted
from mmc.metrics import BY_PARTS, DEFAULT, LABELLED, PROXIES, bootstrap
from mmc.staging import working_folder
from mmc.user_code import is_function_name, load_function
from mmc.values import is_static, shape_of
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.execute import execute
from mmc.verification.trial import Subject, as_loaded, to_last

if TYPE_CHECKING:
    from mmc.ir import Model
    from mmc.options import CompileOptions

EACH = "mmc.verification.each:run"
MOST_SAMPLES = 1000
DRAWS = 1000
REFUSED = ("MMC405", "MMC409")
"""Codes of an original that ONNX Runtime does not load, or that does not run on the feeds."""
LONGEST_S = 20.0
"""Seconds that the draws of a slow metric may take; there are a tenth of DRAWS at least."""

Metric = Callable[[Mapping[str, Array], Mapping[str, Array]], float]


@dataclass(frozen=True)
class Evaluation:
    """A metric over `samples` samples, of the original in ONNX Runtime and of the artifact.

    The drop's 95 % interval is a paired bootstrap: original and artifact on the same draws.
    """

    metric: str
    samples: int
    original: float
    artifact: float
    drop_low_percent: float
    drop_high_percent: float
    proxy: bool

    @property
    def drop_percent(self) -> float:
        """What is lost of the original's value; negative where the artifact is better."""
        return drop(self.original, self.artifact)


def drop(original: float, artifact: float) -> float:
    """Return the percent of the original's value that the artifact lacks; NaN of 0."""
    return 100 * (original - artifact) / abs(original) if original else math.nan


def evaluate_artifact(
    subject: Subject,
    shapes: Shapes,
    data: str,
    metric: str,
    kept: str = "",
    cuts: Mapping[str, Cuts] | None = None,
) -> Evaluation:
    """Return the metric of the original model and of the artifact on the samples of `data`.

    Args:
        shapes: of the original's inputs that are no constants.
        metric: a name in `mmc.metrics` or module:function; cosine if empty.
        kept: an .npz with the original's outputs on these samples; written if it is not there.
        cuts: where outputs are joined: to a proxy each part is an output.
    Raises:
        RecipeError: MMC300 to MMC302 for the data, MMC306 for the metric.
        EmitError: when a model does not run on the samples.
    """
    metric = metric or DEFAULT
    measure = load_metric(metric)
    samples = list(read_samples(data, shapes, MOST_SAMPLES))
    before = original_outputs(subject, samples, kept)
    proxy = metric in PROXIES
    cuts = (cuts or {}) if metric in BY_PARTS else {}
    before = parted(before, cuts)
    labels = before if proxy else stacked([labels for _, labels in samples])
    original = call(measure, metric, before, labels)
    if original == 0:
        why = "the original's is 0, so that no drop is relative to it"
        raise RecipeError("MMC306", metric, "is no metric for this model and data", why=why)
    after = parted(outputs_of(subject, samples, original=False), cuts)
    artifact = call(measure, metric, after, labels)
    low, high = interval(measure, before, after, labels)
    return Evaluation(metric, len(samples), original, artifact, low, high, proxy)


def interval(
    measure: Metric,
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    labels: Mapping[str, Array],
) -> tuple[float, float]:
    """Return the 95 % interval of the drop in percent; the drop itself where draws have none."""

    def drawn(places: Array) -> float:
        picked = [{n: v[places] for n, v in x.items()} for x in (before, after, labels)]
        try:
            return drop(float(measure(picked[0], picked[2])), float(measure(picked[1], picked[2])))
        except Exception:  # the user's code, on samples that repeat
            return math.nan

    count = len(next(iter(before.values())))
    start = time.perf_counter()
    whole = drawn(np.arange(count))
    took = time.perf_counter() - start
    draws = int(min(DRAWS, max(DRAWS // 10, LONGEST_S / (took + 1e-9))))
    low, high = bootstrap(drawn, count, draws)
    return (low, high) if math.isfinite(low) else (whole, whole)


def refuse_early(model: Model, options: CompileOptions) -> None:
    """Refuse data and metric before anything is made: it may take an hour to quantize.

    Args:
        model: as loaded, with its shapes fixed.
    Raises:
        RecipeError: MMC300 to MMC302, MMC306, MMC310.
    """
    load_metric(options.metric or DEFAULT)
    if not all(is_static(v) for v in model.graph.inputs):
        return  # MMC115, with all of them, is what a pass says
    shapes = {str(v.name): shape_of(v) for v in model.graph.inputs}
    next(read_samples(options.evaluation, shapes, 1))
    if options.calibration and options.calibration != options.evaluation:
        given = options.calibration, options.calibration_samples
        refuse_overlap(shapes, *given, options.evaluation)


def refuse_overlap(shapes: Shapes, calibration: str, samples: int, evaluation: str) -> None:
    """Refuse evaluation samples that the calibration has seen.

    Raises:
        RecipeError: MMC310, with how many they are.
    """
    seen = set(digests(read_samples(calibration, shapes, samples)))
    asked = list(digests(read_samples(evaluation, shapes, MOST_SAMPLES)))
    common = sum(one in seen for one in asked)
    if common:
        raise RecipeError(
            "MMC310",
            evaluation,
            f"{common} of its {counted(len(asked), 'sample')} also served for calibration",
            why="an artifact is too good on what it was fitted to",
            fix="evaluate on other samples",
        )


def proxy_warning(found: Evaluation) -> list[Diagnostic]:
    """Return the warning on a metric that asks how alike two models are, not how right."""
    if not found.proxy:
        return []
    return [
        Diagnostic(
            "MMC309",
            Severity.WARNING,
            f"metric {found.metric}",
            "is a proxy: it compares with the original's outputs, not with labels",
            fix="give labels in --evaluation, and --metric accuracy or your module:function",
        )
    ]


def original_outputs(subject: Subject, samples: Sequence[Sample], kept: str) -> dict[str, Array]:
    """Return the outputs of the original, from the file `kept` if it is there."""
    if kept and Path(kept).exists():
        return read_npz(kept)
    found = outputs_that_run(subject, samples)
    if kept:
        write_npz(Path(kept), found)
    return found


def outputs_that_run(subject: Subject, samples: Sequence[Sample]) -> dict[str, Array]:
    """Return the original's outputs; as mmc loads it where ONNX Runtime refuses a spelling."""
    try:
        return outputs_of(subject, samples, original=True)
    except EmitError as refusal:
        if refusal.diagnostics[0].code not in REFUSED:
            raise
        with working_folder() as folder:
            try:
                return outputs_of(as_loaded(subject, folder), samples, original=True)
            except MmcError:
                raise refusal from None


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
        options = subject.run_options
        found = execute(EACH, subject.artifact, given, inner=backend.job, **options).outputs
    return {
        name: value[:, 0] if value.shape[1:2] == (1,) else value for name, value in found.items()
    }


def stacked(rows: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the rows' arrays with an axis in front that counts them.

    Raises:
        RecipeError: MMC301 where samples have other names or shapes than the first.
    """
    try:
        return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}
    except (KeyError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        fix = "give every sample the same labels, of the same shape; pad what is shorter"
        raise RecipeError("MMC301", "labels", "differ among samples", why=why, fix=fix) from error


def load_metric(text: str) -> Metric:
    """Return a metric by its name, or by module:function; raises RecipeError (MMC306)."""
    named = {**LABELLED, **PROXIES}
    if text in named:
        return named[text]
    fix = (
        f"name one of {', '.join(named)}, or module:function of metric(outputs, labels) -> float, "
        "higher is better"
    )
    if not is_function_name(text):
        raise RecipeError("MMC306", f"--metric {text}", "there is no such metric", fix=fix)
    try:
        return load_function(text)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise RecipeError("MMC306", text, "cannot be loaded", why=str(error), fix=fix) from error


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
