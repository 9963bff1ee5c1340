"""What a model or an artifact costs on a target, from its file: `mmc cost`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mmc.backends.base import load_backend, suffix_of
from mmc.compiler import settled, to_program
from mmc.cost import CostEstimate, Workload, assumed, estimate
from mmc.cost.device import load_device
from mmc.diagnostics import refuse
from mmc.options import CompileOptions
from mmc.result import CompileResult
from mmc.target import load_target


def cost_file(path: str | Path, target: str, options: CompileOptions | None = None) -> CostEstimate:
    """Return what one inference of a model or an artifact costs; nothing is written.

    Raises:
        UsageError: MMC510 where no device of the target was measured.
        MmcError: as `work_of_file`.
    """
    where = load_target(target)
    load_device(where)  # refuse before the work
    return estimate(work_of_file(path, target, options), where)


def work_of_file(path: str | Path, target: str, options: CompileOptions | None = None) -> Workload:
    """Return what a model or an artifact has to do, for mmc.cost; nothing is written.

    Integer weights and activations without calibration data are assumed, not made.

    Raises:
        LegalityError: where a compile would write no file.
        MmcError: when it cannot be read, a pass fails, or a compile would refuse the options.
    """
    source, where = Path(path), load_target(target)
    options = settled(options or CompileOptions(), where)
    made = load_backend(where.backend)
    if source.suffix == suffix_of(where.backend):
        program = made.read(source)
        refuse(made(where, options).check(program), options.require_npu)
        return made(where, options).work(program)
    assume = bool(options.weight_bits and not options.calibration)
    plain = options
    if assume:
        made(where, replace(options, calibration="assumed")).phases()  # refuses what a compile does
        plain = replace(options, weights="float32", activations="float")
    result = CompileResult(source, source, where)
    _, program = to_program(result, made(where, plain), plain, ())
    refuse(result.diagnostics, options.require_npu)
    work = made(where, plain).work(program)
    return assumed(work, options.activation_bits, options.weight_bits) if assume else work
