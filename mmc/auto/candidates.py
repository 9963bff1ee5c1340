"""What `auto` makes and measures: a recipe's artifact, once, also when the search is interrupted.

A trial is calibrated on TRIAL_SAMPLES samples; the artifact that is taken is made anew with all.
What a trial came to is kept by the content of everything that it depends on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from mmc import cache
from mmc.auto.sensitivities import kept
from mmc.auto.trials import Search, Trial, search_of
from mmc.backends.base import artifact_path
from mmc.compiler import compile_model
from mmc.diagnostics import BudgetError, Diagnostic, MmcError, RecipeError
from mmc.integers.recipe import Recipe, write_recipe
from mmc.metrics import LABELLED, PROXIES
from mmc.options import CompileOptions
from mmc.progress import Progress
from mmc.result import CompileResult
from mmc.staging import working_folder
from mmc.target import load_target
from mmc.user_code import source_of

PROXY = "sqnr"
"""The metric where there is no evaluation data: it has no ceiling that hides differences."""
TRIAL_SAMPLES = 64
"""Samples that ranges of activations are taken from in a trial; they change little after those."""


@dataclass
class Candidates:
    """The recipes of one search, by label, and what their artifacts came to.

    Args:
        folder: where artifacts are made.
        memory: where what trials came to stays.
        statistics: Moments of inputs by weight (.npz), or "".
    """

    path: Path
    target: str
    options: CompileOptions
    folder: Path
    memory: Path
    progress: Progress
    statistics: str = ""
    expected: int = 0
    """About how many trials the search makes; 0 if that is not known."""
    recipes: dict[str, Recipe] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    resumed: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def plain(self) -> CompileOptions:
        """The options without what is measured at the end."""
        return replace(self.options, evaluation="", metric="", budget=None, recipe="")

    def attempt(self, label: str, recipe: Recipe, activations: str) -> Trial:
        """Compile and measure, once a label."""
        if label in self.trials:
            return self.trials[label]
        self.progress.stage(f"try {label}{self.outlook()}")
        self.recipes[label] = recipe
        options = self.options_of(activations, recipe)
        place = self.place_of(options)
        trial = read_trial(place, label)
        if trial is None:
            start = time.monotonic()
            trial = self.measure(label, activations, options)
            self.seconds.append(time.monotonic() - start)
            if place is not None:
                write_trial(place, trial)
        else:
            self.resumed += 1
        self.trials[label] = trial
        return trial

    def search(self, chosen: str) -> Search:
        """Return all trials, and which one was taken."""
        return search_of(chosen, self.trials.values(), self.resumed)

    def missed(self, finding: Diagnostic) -> BudgetError:
        """Return the error for limits that no trial keeps; its report has the trials."""
        where = load_target(self.target)
        result = CompileResult(self.path, artifact_path(self.path, where), where)
        result.search = self.search("")
        error = BudgetError([finding])
        error.result = result
        return error

    def outlook(self) -> str:
        """Return which trial comes next, and how long it and the others will take."""
        number, count = len(self.trials) + 1, max(self.expected, len(self.trials) + 1)
        if not self.expected:
            return f" (trial {number})"
        if not self.seconds:
            return f" (trial {number} of about {count})"
        left = (count - number + 1) * sum(self.seconds) / len(self.seconds)
        return f" (trial {number} of about {count}, {left:.0f} s left)"

    def measure(self, label: str, activations: str, options: CompileOptions) -> Trial:
        """Make the artifact and measure the metric."""
        out = self.folder / artifact_path(self.path, load_target(self.target)).name
        result = compile_model(self.path, self.target, out, options)
        found = result.evaluation
        assert found is not None
        drops = found.drop_percent, found.drop_high_percent
        return Trial(label, activations, result.bytes, *drops)

    def options_of(self, activations: str, recipe: Recipe) -> CompileOptions:
        """Return the options of one trial: nothing is verified, everything is measured."""
        file = self.folder / "recipe.toml"
        write_recipe(file, recipe)
        given = self.options
        data, metric = given.evaluation, given.metric
        return replace(
            given,
            weights="float32",
            recipe=str(file),
            activations=activations,
            calibration_samples=min(TRIAL_SAMPLES, given.calibration_samples),
            statistics=self.statistics,
            originals=str(self.folder / "originals.npz"),
            evaluation=data or given.calibration,
            metric=metric if data else PROXY,
            budget=None,
            verify=False,
            vendor=None,
            aot=False,
        )

    def final_options(self, trial: Trial) -> CompileOptions:
        """Return the options of the artifact that is taken: a trial's, with all data, verified."""
        given = self.options
        return replace(
            self.options_of(trial.activations, self.recipes[trial.label]),
            budget=given.budget,
            calibration_samples=given.calibration_samples,
            verify=given.verify,
            vendor=given.vendor,
            aot=given.aot,
            inputs=given.inputs,
        )

    def place_of(self, options: CompileOptions) -> Path | None:
        """Return the file of a trial; None where it depends on what is in no file."""
        metric, code = options.metric, own_code(options.metric)
        if code is None:
            return None
        about = replace(options, statistics="", originals="", metric="", recipe="", inputs=None)
        rules = Path(options.recipe).read_bytes()
        key = cache.key_of(self.path, self.target, about, f"trial {metric}")
        if key is None:
            return None
        found = hashlib.sha256(key.encode() + code + rules).hexdigest()
        return self.memory / "trials" / f"{found}.json"


@contextmanager
def candidates(
    path: str | Path,
    target: str,
    options: CompileOptions,
    progress: Progress | None,
    search: str,
) -> Iterator[Candidates]:
    """Yield the candidates of a search, none yet.

    Args:
        search: what asks for it, for the error.
    Raises:
        RecipeError: MMC308 without calibration data.
    """
    if not options.calibration:
        fix = "add --calibration DATA: real inputs, some 100 of them"
        raise RecipeError("MMC308", str(path), f"{search} needs data to measure on", fix=fix)
    with working_folder() as folder, kept(path, options, target) as memory:
        yield Candidates(Path(path), target, options, folder, memory, progress or Progress())


def own_code(metric: str) -> bytes | None:
    """Return the digest of a metric's module; b"" of one of mmc's own, None of an unknown one."""
    if metric in {**LABELLED, **PROXIES} or not metric:
        return b""
    file = source_of(metric)
    with suppress(OSError):
        return None if file is None else cache.content(file)
    return None


def read_trial(place: Path | None, label: str) -> Trial | None:
    """Return what a trial came to before; a damaged file is none."""
    with suppress(OSError, ValueError, TypeError):
        if place is not None:
            found: Mapping[str, object] = json.loads(place.read_text(encoding="utf-8"))
            return replace(Trial(**found), label=label)  # type: ignore[arg-type]
    return None


def write_trial(place: Path, trial: Trial) -> None:
    """Keep what a trial came to; nothing happens where that is not possible."""
    from mmc.files import write_text

    with suppress(OSError, MmcError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(place, json.dumps(asdict(trial)))
