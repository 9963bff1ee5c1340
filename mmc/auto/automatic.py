"""`--weights auto`, `--activations auto`: the artifact that fits the limits, found by measuring.

Layers are measured one by one (`mmc.auto.sensitivities`); widths that the target stores and
computes rightly are allocated exactly (`mmc.quant.allocation`); the uniform recipes are candidates
too. The sum of the layers' errors only proposes: what decides is the measured drop of each
artifact.

max_size: the artifact that loses least below it. max_drop (also the goal where there is no limit:
1 %): the smallest artifact whose drop stays below it. Both: the smallest that keeps both.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

from mmc.auto.candidates import Candidates, candidates
from mmc.auto.layer_cells import LayerCells
from mmc.auto.menu import Menu
from mmc.auto.progressive import FineTune, compile_stages, read_stages
from mmc.auto.sensitivities import measure_into, statistics_of
from mmc.auto.trials import Search, Trial
from mmc.backends.base import activations_of, load_backend, widths_of
from mmc.budget import with_limits
from mmc.compiler import compile_model
from mmc.counting import counted
from mmc.diagnostics import BudgetError, Diagnostic, Severity
from mmc.integers.layers import Layer
from mmc.integers.recipe import PRESETS, PROGRESSIVE
from mmc.options import AUTO, CompileOptions
from mmc.pass_manager import Instrument
from mmc.passes.quantize_weights import least_bits
from mmc.progress import Progress
from mmc.result import CompileResult
from mmc.target import load_target

DROP = "1%"
"""The limit of `auto` where none is given."""
UNIFORM = ("int8", "int4", "int2-experimental")
"""The presets that are always candidates."""
STEPS = 5
"""Sizes that are tried between the smallest and 8 bits everywhere."""
FILLS = 3
"""Times that an allocation is made smaller when its artifact comes out above its limit."""
FINALS = 3
"""Candidates that are made anew with all of the calibration data, until one keeps the limits."""


def search(
    path: str | Path,
    target: str,
    output: str | Path | None,
    options: CompileOptions,
    instruments: Sequence[Instrument],
    progress: Progress | None,
    fine_tune: FineTune | None,
) -> CompileResult:
    """Compile as `mmc.auto.best.compile_best`, where the options name a recipe or say auto."""
    stages = read_stages(options.recipe) if options.recipe else None
    if stages is None and AUTO not in (options.weights, options.activations):
        return compile_model(path, target, output, options, instruments, progress)
    asked = AUTO if stages is None else PROGRESSIVE
    with candidates(path, target, options, progress, asked) as tried:
        if stages is not None:
            return compile_stages(tried, stages, output, instruments, fine_tune)
        finder = Finder(tried)
        return finder.compile(finder.find(), output, instruments)


class Finder:
    """One search among candidates."""

    def __init__(self, tried: Candidates) -> None:
        self.tried, self.options = tried, tried.options
        self.target = load_target(tried.target)
        budget = self.options.budget
        limits = dict(budget.limits) if budget else {}
        if not {"max_size", "max_drop"} & limits.keys():
            default = with_limits(None, max_drop=DROP)
            limits |= default.limits if default else {}
        self.size, self.drop = limits.get("max_size"), limits.get("max_drop")

    def find(self) -> list[Trial]:
        """Return the trials that keep the limits, best first; raises BudgetError for none."""
        layers: Sequence[LayerCells] = ()
        tried = self.tried
        self.refuse()
        if self.options.weights == AUTO:
            memory, where, told = tried.memory, tried.target, tried.progress
            layers = measure_into(memory, tried.path, tried.plain, where, told, self.widths).layers
            tried.statistics = str(statistics_of(memory))
            sizes = FILLS - 2 if self.size is not None else 0
            tried.expected = len(UNIFORM) + sizes + (STEPS if self.drop is not None else 0)
        activations = self.best_activations()
        if layers:
            self.try_weights(layers, activations)
        good = [t for t in tried.trials.values() if self.keeps(t)]
        if not good:
            raise tried.missed(self.closest())
        return sorted(good, key=self.rank)

    def refuse(self) -> None:
        """Raise what every trial would raise for the options, before anything is measured."""
        if self.options.activations != AUTO:
            load_backend(self.target.backend)(self.target, self.tried.plain).phases()

    def widths(self, layer: Layer) -> tuple[int, ...]:
        """Return the bits that a layer may have under some activations that are tried."""
        asked = self.options.activations
        kinds = activations_of(self.target) if asked == AUTO else (asked,)
        least = least_bits(layer)
        found = {b for k in kinds for b in widths_of(self.target, layer.op, k, least=least)}
        return tuple(sorted(found, reverse=True))

    def compile(
        self, best: Sequence[Trial], out: str | Path | None, instruments: Sequence[Instrument]
    ) -> CompileResult:
        """Make the best one's artifact with all data; the next one where it breaks a limit then.

        Raises:
            BudgetError: MMC512 of the first one, if others break a limit too.
        """
        tried, failed = self.tried, list[BudgetError]()
        for trial in best[:FINALS]:
            final = tried.final_options(trial)
            try:
                result = compile_model(
                    tried.path, tried.target, out, final, instruments, tried.progress
                )
            except BudgetError as error:
                failed.append(error)
                continue
            result.search = tried.search(trial.label)
            result.diagnostics.append(told(result.search))
            return result
        raise failed[0]

    def keeps(self, trial: Trial) -> bool:
        """Say whether a trial keeps the limits."""
        small = self.size is None or trial.bytes <= self.size
        return small and (self.drop is None or trial.drop_high_percent <= self.drop)

    def rank(self, trial: Trial) -> tuple[float, float]:
        """Return what is least for the best trial that keeps the limits."""
        if self.drop is None:
            return trial.drop_percent, trial.bytes
        return trial.bytes, trial.drop_percent

    def best_activations(self) -> str:
        """Return the activations: the first choice of the target that keeps the drop at 8 bits."""
        if self.options.activations != AUTO:
            self.try_uniform(self.options.activations)
            return self.options.activations
        seen = []
        for kind in activations_of(self.target):
            trial = self.tried.attempt(label_of("int8", kind), PRESETS["int8"], kind)
            if self.drop is not None and trial.drop_high_percent <= self.drop:
                return kind
            seen.append(trial)
        return min(seen, key=lambda t: t.drop_percent).activations

    def try_uniform(self, activations: str) -> None:
        """Try the presets, or the one width that was asked for."""
        asked = self.options.weights
        for name in UNIFORM if asked == AUTO else (asked.replace("int2", UNIFORM[-1]),):
            self.tried.attempt(label_of(name, activations), PRESETS[name], activations)

    def try_weights(self, layers: Sequence[LayerCells], activations: str) -> None:
        """Try the uniform recipes, and exact allocations: below the size, or by bisection."""
        self.try_uniform(activations)
        menu = Menu.of(self.target, layers, activations)
        if self.size is not None:
            eight = self.tried.trials[label_of("int8", activations)]
            self.fill(menu, int(self.size) - (eight.bytes - menu.most))
        if self.drop is not None:
            self.bisect(menu)

    def fill(self, menu: Menu, budget: int) -> None:
        """Allocate so many bytes; fewer where the artifact comes out larger than its limit."""
        assert self.size is not None
        for _ in range(FILLS):
            trial = self.try_budget(menu, max(budget, menu.least))
            if trial.bytes <= self.size or budget <= menu.least:
                return
            budget -= int(1.02 * (trial.bytes - self.size))

    def bisect(self, menu: Menu) -> None:
        """Halve between the smallest allocation and the largest, towards the drop's limit."""
        assert self.drop is not None
        least, most = menu.least, menu.most
        for _ in range(STEPS):
            middle = int((least * most) ** 0.5)
            trial = self.try_budget(menu, middle)
            if trial.drop_high_percent <= self.drop:
                most = middle
            else:
                least = middle

    def try_budget(self, menu: Menu, budget: int) -> Trial:
        """Try the exact allocation of so many bytes."""
        label, made = menu.recipe(budget)
        same = [name for name, recipe in self.tried.recipes.items() if recipe == made]
        return self.tried.attempt(same[0] if same else label, made, menu.activations)

    def closest(self) -> Diagnostic:
        """Return the finding on limits that nothing keeps: how near the nearest comes."""

        def excess(trial: Trial) -> float:
            size = trial.bytes / self.size if self.size else 0.0
            drop = trial.drop_high_percent / self.drop if self.drop else 0.0
            return max(size, drop, 0.0) if max(size, drop) < inf else inf

        near = min(self.tried.trials.values(), key=excess)
        limits = [f"{self.size / 1e6:.3g} MB"] if self.size else []
        limits += [f"a drop of {self.drop:.3g} %"] if self.drop else []
        what = (
            f"none of {counted(len(self.tried.trials), 'candidate')} keeps {' and '.join(limits)}"
        )
        figures = f"{near.bytes / 1e6:.3f} MB, {near.drop_percent:.2f} % lost"
        why = f"the closest: {near.label}, {figures} ({near.drop_high_percent:.2f} % at worst)"
        fix = "raise the limit to that, or evaluate on more samples: the interval is narrower then"
        return Diagnostic("MMC512", Severity.ERROR, str(self.tried.path), what, why, fix)


def label_of(preset: str, activations: str) -> str:
    """Return what a uniform candidate is called."""
    return f"{preset} weights, {activations} activations"


def told(found: Search) -> Diagnostic:
    """Return the note on what was chosen."""
    best = next(t for t in found.trials if t.label == found.chosen)
    figures = f"{best.bytes / 1e6:.3f} MB, {best.drop_percent:.2f} % lost"
    what = f"took {best.label}: {figures} ({best.drop_high_percent:.2f} % at worst)"
    why = f"the best of {counted(len(found.trials), 'artifact')} made and measured"
    return Diagnostic("MMC311", Severity.NOTE, AUTO, what, why)
