"""Several compiles in one go, each with its report; unchanged ones come from the cache.

What compiles is imported only where something is compiled: an answer from the cache is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mmc import cache
from mmc.diagnostics import MmcError
from mmc.findings import printable
from mmc.options import CompileOptions
from mmc.reports.compile_report import CompileReport, File
from mmc.reports.schema import from_json

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One compile. `report` is the kind of report that is made: "", "json" or "html"."""

    model: Path
    output: Path
    target: str
    options: CompileOptions
    report: str = ""
    dump_ir: Path | None = None
    check: bool = False
    check_layers: bool = False
    cached: bool = True
    quiet: bool = False
    verbose: bool = False

    @property
    def watched(self) -> bool:
        """Whether somebody wants to see the passes at work, which the cache cannot show."""
        return bool(self.dump_ir or self.check or self.check_layers)


@dataclass(frozen=True)
class Compiled:
    """The report of one compile, and what its page draws."""

    report: CompileReport
    graphs: dict[str, Any]


def compile_all(jobs: Sequence[Job], processes: int = 1) -> Iterator[Compiled]:
    """Yield what became of every job, in order; coded errors are part of the reports."""
    several = len(jobs) > 1
    jobs = shared_out(jobs) if several else jobs
    if processes == 1 or not several:
        for place, job in enumerate(jobs, 1):
            yield compile_job(job, f"[{place}/{len(jobs)}] " if several else "")
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    silent = [replace(job, quiet=True) for job in jobs]
    with ProcessPoolExecutor(min(processes, len(jobs)), get_context("spawn")) as pool:
        for place, (job, done) in enumerate(zip(jobs, pool.map(compile_job, silent), strict=True)):
            if not job.quiet:
                line = f"[{place + 1}/{len(jobs)}] {job.model.name}: {done.report.status}"
                print(printable(line), file=sys.stderr, flush=True)
            yield done


def shared_out(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, each with the shapes that are about its model.

    What is about none of the models stays with all, for the error that names it.
    """
    names = [input_names(job.model) for job in jobs]
    known = set().union(*names)
    found = []
    for job, own in zip(jobs, names, strict=True):
        o, others = job.options, known - own
        options = replace(
            o,
            dims=without(o.dims, others),
            sizes=without(o.sizes, others),
            input_shapes=without(o.input_shapes, others),
            constants=without(o.constants, others),
        )
        found.append(replace(job, options=options))
    return found


def without(given: Mapping[str, T], names: set[str]) -> dict[str, T]:
    """Return what is given for other names than these."""
    return {name: value for name, value in given.items() if name not in names}


def input_names(model: Path) -> set[str]:
    """Return the names of a model's inputs and of their dimensions; none if it cannot be read."""
    from mmc.frontend.loading import read_stripped

    try:
        inputs = read_stripped(model).graph.input
    except MmcError:
        return set()
    dims = (dim for value in inputs for dim in value.type.tensor_type.shape.dim)
    return {value.name for value in inputs} | {dim.dim_param for dim in dims if dim.dim_param}


def compile_job(job: Job, number: str = "") -> Compiled:
    """Return what became of one job, from the cache where it is there."""
    use = job.cached and not job.watched and not os.environ.get("MMC_NO_CACHE")
    key = cache.key_of(job.model, job.target, job.options, job.report) if use else None
    found = cache.find(key) if key else None
    if found is not None:
        try:
            found.restore(job.output)
            return restored(job, found.told)
        except (OSError, KeyError, TypeError):
            pass  # an entry that another process removes right now, or a damaged one
    from mmc import outlook
    from mmc.progress import shown

    place = outlook.place_of(job.model, job.target, job.options) if job.cached else None
    label, expected = f"{number}{job.model.name}", outlook.last_time(place)
    with shown(label, expected, quiet=job.quiet, verbose=job.verbose) as progress:
        done = compiled(job, progress)
        if done.report.exit_code == 0:
            outlook.keep(place, progress.stages())
    if key and done.report.exit_code == 0:
        told = {"report": done.report.to_json(), "graphs": done.graphs}
        cache.store(key, job.output, told)
    return done


def restored(job: Job, told: Any) -> Compiled:
    """Return what an earlier compile told, with the paths of this one."""
    report: CompileReport = from_json(CompileReport, told["report"])
    model = File(str(job.model), report.model.bytes)
    artifact = report.artifact and File(str(job.output), report.artifact.bytes)
    here = replace(report, cached=True, model=model, artifact=artifact)
    return Compiled(here, told["graphs"])


def compiled(job: Job, progress: Any) -> Compiled:
    """Compile."""
    from mmc.auto.best import compile_best
    from mmc.instruments import looking
    from mmc.reports.graphs import Snapshots
    from mmc.reports.layers import compiled_layers
    from mmc.result import CompileResult
    from mmc.target import load_target

    options, page = job.options, job.report == "html"
    seen = Snapshots()
    watchers = looking(job.dump_ir, job.check, job.check_layers, options)
    every = (*watchers, *([seen] if page else ()))
    try:
        result = compile_best(job.model, job.target, job.output, options, every, progress)
    except MmcError as error:
        failed = error.result
        if not isinstance(failed, CompileResult):
            failed = CompileResult(job.model, job.output, load_target(job.target))
        return Compiled(CompileReport.of(failed, options, error), seen.to_json())
    report = CompileReport.of(result, options)
    if job.report:
        progress.stage("report")
        errors = page or job.check_layers
        report = replace(report, layers=compiled_layers(result, errors=errors))
    return Compiled(report, seen.to_json(job.output if page else None))
