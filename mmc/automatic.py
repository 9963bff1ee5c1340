"""`--weights auto`, `--activations auto`: the artifact that fits the limits, found by measuring.

Layers are measured one by one (`mmc.sensitivities`); widths that the target stores and computes
rightly are allocated exactly (`mmc.quant.allocation`); the uniform recipes are candidates too. The
sum of the layers' errors only proposes: what decides is the measured drop of each artifact.

max_size: the artifact that loses least below it. max_drop (also the goal where there is no limit:
1 %): the smallest artifact whose drop stays below it. Both: the smallest that keeps both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import escape
from math import inf
from pathlib import Path

from mmc.backends.base import activations_of, artifact_path, widths_of
from mmc.budget import with_limits
from mmc.compiler import compile_model
from mmc.diagnostics import BudgetError, Diagnostic, RecipeError, Severity
from mmc.options import CompileOptions
from mmc.pass_manager import Instrument
from mmc.progress import Progress
from mmc.quant.allocation import Choice, allocate
from mmc.recipe import PRESETS, Recipe, Rule, write_recipe
from mmc.result import CompileResult
from mmc.sensitivities import LayerCells, kept, measure_into, statistics_of
from mmc.staging import working_folder
from mmc.target import Target, load_target
from mmc.trials import Search, Trial

AUTO = "auto"
DROP = "1%"
"""The limit of `auto` where none is given."""
UNIFORM = ("int8", "int4", "int2-experimental")
"""The presets that are always candidates."""
STEPS = 5
"""Sizes that are tried between the smallest and 8 bits everywhere."""
PROXY = "sqnr"
"""The metric where there is no evaluation data: it has no ceiling that hides differences."""


def compile_best(
    path: str | Path,
    target: str,
    output: str | Path | None = None,
    options: CompileOptions | None = None,
    instruments: Sequence[Instrument] = (),
    progress: Progress | None = None,
) -> CompileResult:
    """Compile as `compile_model`; where the options say auto, with what `search` finds.

    Raises:
        BudgetError: MMC512 when no candidate keeps the limits; it tells the closest one.
        RecipeError: MMC308 when auto has no calibration data.
    """
    options = options or CompileOptions()
    if AUTO not in (options.weights, options.activations):
        return compile_model(path, target, output, options, instruments, progress)
    if not options.calibration:
        fix = "add --calibration DATA: real inputs, some 100 of them"
        raise RecipeError("MMC308", str(path), "auto needs data to measure on", fix=fix)
    with (
        working_folder() as folder,
        kept(path, options, target) as memory,
    ):
        finder = Finder(Path(path), target, options, folder, progress or Progress())
        best, found = finder.find(memory)
        chosen = finder.options_of(best.activations, finder.recipes[best.label])
        final = replace(chosen, budget=options.budget, verify=options.verify)
        final = replace(final, vendor=options.vendor, aot=options.aot, inputs=options.inputs)
        out = output or artifact_path(Path(path), load_target(target))
        result = compile_model(path, target, out, final, instruments, progress)
    result.search = found
    result.diagnostics.append(told(found))
    return result


@dataclass(frozen=True)
class Menu:
    """What weights may become under one kind of activations: by layer its cells, widest first."""

    layers: Sequence[LayerCells]
    choices: Sequence[Sequence[Choice]]
    activations: str

    @classmethod
    def of(cls, target: Target, layers: Sequence[LayerCells], activations: str) -> Menu:
        """Return the cells that the target stores packed and computes rightly."""
        choices = []
        for layer in layers:
            widths = widths_of(target, layer.op, activations)
            choices.append([Choice(c.bytes, c.error) for c in layer.cells if c.bits in widths])
        return cls(layers, choices, activations)

    @property
    def least(self) -> int:
        """Bytes of the smallest allocation."""
        return sum(min(c.bytes for c in some) for some in self.choices)

    @property
    def most(self) -> int:
        """Bytes of the largest allocation: the widest cells."""
        return sum(some[0].bytes for some in self.choices)

    def widths(self, budget: int) -> list[int]:
        """Return the bits of every layer in the exact allocation of so many bytes."""
        picked = allocate(self.choices, budget)
        return [
            next(c.bits for c in layer.cells if c.bytes == some[i].bytes)
            for layer, some, i in zip(self.layers, self.choices, picked, strict=True)
        ]


@dataclass
class Finder:
    """One search. Artifacts are made in `folder`."""

    path: Path
    target: str
    options: CompileOptions
    folder: Path
    progress: Progress

    def __post_init__(self) -> None:
        budget = self.options.budget
        limits = dict(budget.limits) if budget else {}
        if not {"max_size", "max_drop"} & limits.keys():
            default = with_limits(None, max_drop=DROP)
            limits |= default.limits if default else {}
        self.size, self.drop = limits.get("max_size"), limits.get("max_drop")
        self.trials: dict[str, Trial] = {}
        self.recipes: dict[str, Recipe] = {}
        self.statistics = ""

    def find(self, memory: Path) -> tuple[Trial, Search]:
        """Return the best trial and all; raises BudgetError when none keeps the limits.

        Args:
            memory: the folder where what was measured stays.
        """
        layers: Sequence[LayerCells] = ()
        if self.options.weights == AUTO:
            given = replace(self.options, evaluation="", metric="", budget=None)
            layers = measure_into(memory, self.path, given, self.target, self.progress).layers
            self.statistics = str(statistics_of(memory))
        activations = self.best_activations()
        if layers:
            self.try_weights(layers, activations)
        good = [t for t in self.trials.values() if self.keeps(t)]
        if not good:
            raise BudgetError([self.closest()])
        best = min(good, key=self.rank)
        return best, Search(best.label, list(self.trials.values()))

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
        tried = []
        for kind in activations_of(load_target(self.target)):
            trial = self.try_recipe(label_of("int8", kind), PRESETS["int8"], kind)
            if self.drop is not None and trial.drop_high_percent <= self.drop:
                return kind
            tried.append(trial)
        return min(tried, key=lambda t: t.drop_percent).activations

    def try_uniform(self, activations: str) -> None:
        """Try the presets, or the one width that was asked for."""
        asked = self.options.weights
        for name in UNIFORM if asked == AUTO else (asked.replace("int2", UNIFORM[-1]),):
            self.try_recipe(label_of(name, activations), PRESETS[name], activations)

    def try_weights(self, layers: Sequence[LayerCells], activations: str) -> None:
        """Try the uniform recipes, and exact allocations: below the size, or by bisection."""
        self.try_uniform(activations)
        menu = Menu.of(load_target(self.target), layers, activations)
        if self.size is not None:
            eight = self.trials[label_of("int8", activations)]
            self.fill(menu, int(self.size) - (eight.bytes - menu.most))
        if self.drop is not None:
            self.bisect(menu)

    def fill(self, menu: Menu, budget: int) -> None:
        """Allocate so many bytes; fewer where the artifact comes out larger than its limit."""
        assert self.size is not None
        for _ in range(3):
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
        bits = menu.widths(budget)
        counts = ", ".join(f"{bits.count(b)} x int{b}" for b in (8, 4, 2) if b in bits)
        made = Recipe((*rules(menu.layers, bits), Rule(8)))
        same = [name for name, recipe in self.recipes.items() if recipe == made]
        given = menu.activations
        label = same[0] if same else f"{counts}, {budget / 1e6:.3f} MB, {given} activations"
        return self.try_recipe(label, made, given)

    def try_recipe(self, label: str, recipe: Recipe, activations: str) -> Trial:
        """Compile and measure, once a label."""
        if label in self.trials:
            return self.trials[label]
        self.progress.stage(f"try {label}")
        self.recipes[label] = recipe
        options = self.options_of(activations, recipe)
        out = self.folder / artifact_path(self.path, load_target(self.target)).name
        result = compile_model(self.path, self.target, out, options)
        found = result.evaluation
        assert found is not None
        drops = found.drop_percent, found.drop_high_percent
        self.trials[label] = Trial(label, activations, result.bytes, *drops)
        return self.trials[label]

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
            statistics=self.statistics,
            originals=str(self.folder / "originals.npz"),
            evaluation=data or given.calibration,
            metric=metric if data else PROXY,
            budget=None,
            verify=False,
            vendor=None,
            aot=False,
        )

    def closest(self) -> Diagnostic:
        """Return the finding on limits that nothing keeps: how near the nearest comes."""

        def excess(trial: Trial) -> float:
            size = trial.bytes / self.size if self.size else 0.0
            drop = trial.drop_high_percent / self.drop if self.drop else 0.0
            return max(size, drop, 0.0) if max(size, drop) < inf else inf

        near = min(self.trials.values(), key=excess)
        limits = [f"{self.size / 1e6:.3g} MB"] if self.size else []
        limits += [f"a drop of {self.drop:.3g} %"] if self.drop else []
        what = f"none of {len(self.trials)} candidates keeps {' and '.join(limits)}"
        figures = f"{near.bytes / 1e6:.3f} MB, {near.drop_percent:.2f} % lost"
        why = f"the closest: {near.label}, {figures} ({near.drop_high_percent:.2f} % at worst)"
        fix = "raise the limit to that, or evaluate on more samples: the interval is narrower then"
        return Diagnostic("MMC512", Severity.ERROR, str(self.path), what, why, fix)


def label_of(preset: str, activations: str) -> str:
    """Return what a uniform candidate is called."""
    return f"{preset} weights, {activations} activations"


def rules(layers: Sequence[LayerCells], bits: Sequence[int]) -> Iterator[Rule]:
    """Yield a rule a layer, by the name of its weight."""
    for layer, width in zip(layers, bits, strict=True):
        yield Rule(width, name=escape(layer.name))


def told(found: Search) -> Diagnostic:
    """Return the note on what was chosen."""
    best = next(t for t in found.trials if t.label == found.chosen)
    figures = f"{best.bytes / 1e6:.3f} MB, {best.drop_percent:.2f} % lost"
    what = f"took {best.label}: {figures} ({best.drop_high_percent:.2f} % at worst)"
    why = f"the best of {len(found.trials)} artifacts that were made and measured"
    return Diagnostic("MMC311", Severity.NOTE, AUTO, what, why)
