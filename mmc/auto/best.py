"""One compile, or the search that its options ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.compiler import compile_model
from mmc.options import AUTO, CompileOptions
from mmc.pass_manager import Instrument
from mmc.progress import Progress
from mmc.result import CompileResult

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

    return search(path, target, output, options, instruments, progress, fine_tune)
