"""One compile, or the search that its options ask for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.compiler import compile_model
from mmc.diagnostics import MmcError
from mmc.options import AUTO, CompileOptions
from mmc.pass_manager import Instrument
from mmc.progress import Progress
from mmc.result import CompileResult, Stage, cpu_seconds
from mmc.verification.execute import peak_memory

if TYPE_CHECKING:
    from mmc.auto.progressive import FineTune


def compile_best(
    path: str | Path,
    target: str,
    output: str | Path | None = None,
    options: CompileOptions | None = None,
    instruments: Sequence[Instrument] = (),
    progress: Progress | None = None,
    fine_tune: FineTune | None = None,
) -> CompileResult:
    """Compile as `compile_model`; where the options say auto, with what a search finds.

    Args:
        fine_tune: called between the stages of a progressive recipe.
    Raises:
        BudgetError: MMC512 when no candidate keeps the limits; it tells the closest one.
        RecipeError: MMC308 when auto has no calibration data.
    """
    options = options or CompileOptions()
    if not options.recipe and AUTO not in (options.weights, options.activations):
        return compile_model(path, target, output, options, instruments, progress)
    from mmc.auto.automatic import search  # what a plain compile would import for nothing

    wall, cpu = time.perf_counter(), cpu_seconds()
    try:
        found = search(path, target, output, options, instruments, progress, fine_tune)
    except MmcError as error:
        if isinstance(error.result, CompileResult):
            count_trials(error.result, wall, cpu)
        raise
    count_trials(found, wall, cpu)
    return found


def count_trials(result: CompileResult, wall: float, cpu: float) -> None:
    """Put what the search took in front of the stages, which are of the artifact that was kept.

    Args:
        wall, cpu: the clocks when it began, in seconds.
    """
    if result.search is not None:
        wall += sum(s.seconds for s in result.stages)
        cpu += sum(s.cpu_seconds for s in result.stages)
        spent = max(0.0, time.perf_counter() - wall), max(0.0, cpu_seconds() - cpu)
        result.stages.insert(0, Stage("trials", *spent, peak_memory()))
