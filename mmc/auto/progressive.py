"""INT8, then INT4, then INT2, as far as the metric lasts: `--recipe progressive`, without training.

Every stage is made from the statistics of the calibration that the first one ran; the first whose
drop is above the threshold ends it, and the one before is taken. Between two stages a caller may
fine-tune the float model: what the hook returns is quantized next, and still judged against the
model that came first.

stages = ["int8", "int4", "int2-experimental"]    # a recipe of its own: presets, in order
accuracy_threshold = "2%"                         # else --max-drop, else 1 %
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmc.auto.candidates import Candidates
from mmc.auto.sensitivities import statistics_into
from mmc.auto.trials import Trial
from mmc.backends.base import artifact_path
from mmc.budget import with_limits
from mmc.compiler import compile_model
from mmc.diagnostics import Diagnostic, Severity
from mmc.integers.recipe import PRESETS, PROGRESSIVE, malformed
from mmc.pass_manager import Instrument
from mmc.result import CompileResult
from mmc.target import load_target

STAGES = ("int8", "int4", "int2-experimental")
THRESHOLD = "1%"
"""The drop that ends it where none is given."""
FineTune = Callable[[Path, str], Path]
"""(the float model of the last stage, the name of the next) -> the float model to quantize next."""


@dataclass(frozen=True)
class Stages:
    """Presets in order, and the drop that ends them ("": not said)."""

    names: tuple[str, ...] = STAGES
    threshold: str = ""


def read_stages(recipe: str) -> Stages | None:
    """Return the stages of `progressive`, or of a TOML file with `stages`; None of other recipes.

    Raises:
        RecipeError: MMC307 for stages that are none.
    """
    if recipe == PROGRESSIVE:
        return Stages()
    try:
        data = tomllib.loads(Path(recipe).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # `read_recipe` says what is wrong
    if "stages" not in data:
        return None
    names, threshold = data["stages"], data.get("accuracy_threshold", "")
    if extra := sorted(data.keys() - {"stages", "accuracy_threshold"}):
        raise malformed(recipe, f"{extra[0]!r} does not go with stages")
    if not isinstance(names, list) or not names or any(n not in PRESETS for n in names):
        raise malformed(recipe, f"stages = {names!r}", fix=f"presets: {', '.join(PRESETS)}")
    if not isinstance(threshold, str):
        raise malformed(recipe, f"accuracy_threshold = {threshold!r} is no text such as '2%'")
    return Stages(tuple(names), threshold)


def compile_stages(
    tried: Candidates,
    stages: Stages,
    output: str | Path | None,
    instruments: Sequence[Instrument],
    fine_tune: FineTune | None,
) -> CompileResult:
    """Compile with the last stage whose drop is within the threshold; a note says where it ended.

    Raises:
        BudgetError: MMC512 if the first stage is above the threshold already.
    """
    tried.expected = len(stages.names)
    given = tried.memory, tried.path, tried.plain, tried.target, tried.progress
    tried.statistics = str(statistics_into(*given))
    out = output or artifact_path(tried.path, load_target(tried.target))
    return Staged(tried, stages, fine_tune).compile(out, instruments)


class Staged:
    """One progressive compile."""

    def __init__(self, tried: Candidates, stages: Stages, fine_tune: FineTune | None) -> None:
        self.tried, self.stages, self.fine_tune = tried, stages, fine_tune
        given = tried.options.budget
        limits = given.limits if given else {}
        asked = with_limits(None, max_drop=stages.threshold or THRESHOLD)
        assert asked is not None
        self.threshold = limits.get("max_drop", asked.limits["max_drop"])
        self.sources: dict[str, Path] = {}

    def compile(self, out: str | Path, instruments: Sequence[Instrument]) -> CompileResult:
        """Try stage after stage, and make the artifact of the last good one."""
        tried = self.tried
        good, broken = self.climb()
        if good is None:
            raise tried.missed(self.ended(broken, Severity.ERROR, "MMC512"))
        final = tried.final_options(good)
        source = self.sources[good.label]
        result = compile_model(source, tried.target, out, final, instruments, tried.progress)
        result.search = tried.search(good.label)
        result.diagnostics.append(self.ended(broken, Severity.NOTE, "MMC314"))
        return result

    def climb(self) -> tuple[Trial | None, Trial | None]:
        """Return the last stage that is good, and the first that is not, if there is one."""
        good, tried = None, self.tried
        for name in self.stages.names:
            if good is not None and self.fine_tune is not None:
                tried.path = Path(self.fine_tune(tried.path, name))
                tried.statistics = ""  # weights have changed, and what they see
            self.sources[name] = tried.path
            trial = tried.attempt(name, PRESETS[name], tried.options.activations)
            if not trial.drop_high_percent <= self.threshold:
                return good, trial
            good = trial
        return good, None

    def ended(self, broken: Trial | None, severity: Severity, code: str) -> Diagnostic:
        """Return the finding on where the stages ended."""
        limit = f"the threshold is {self.threshold:.3g} %"
        if broken is None:
            what = f"kept the metric through all stages, down to {self.stages.names[-1]}"
            return Diagnostic(code, severity, PROGRESSIVE, what, limit)
        lost = f"{broken.drop_percent:.2f} % lost ({broken.drop_high_percent:.2f} % at worst)"
        what = f"ended at {broken.label}: {broken.bytes / 1e6:.3f} MB, {lost}"
        fix = "raise --max-drop to that, evaluate on more samples, or give --weights auto the limit"
        return Diagnostic(code, severity, PROGRESSIVE, what, limit, fix)
