"""How much each layer's weights matter: one layer at a time becomes integers, the model runs.

Every width of every layer is a cell: its bytes, and the error that it alone makes at the model's
outputs. What was measured is kept by the content of model and data, a line a cell, so that an
interrupted run goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mmc import cache
from mmc.auto.cells import JOB, forget_torn, read_done
from mmc.auto.layer_cells import Cell, LayerCells, Sensitivity
from mmc.backends.base import load_backend
from mmc.compiler import load_fixed, settled
from mmc.diagnostics import RecipeError
from mmc.files import read_npz, write_npz
from mmc.integers.calibration import HESSIAN_SAMPLES, Data, calibrate, signature
from mmc.integers.layers import Layer, layers_of, shared, unify
from mmc.ir import Array, Model, constant, shape_of
from mmc.joined_outputs import save_by_parts
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager, Phase
from mmc.passes.quantize_weights import least_bits, pays, reader_of, stored
from mmc.passes.widen_floats import WidenFloats
from mmc.pipelines import pipeline
from mmc.progress import Progress
from mmc.staging import working_folder
from mmc.target import load_target
from mmc.values import ARRIVED_QUANTIZED

WIDTHS = (8, 4, 2)
Widths = Callable[[Layer], Sequence[int]]
"""The bits that are asked for, by layer. Where it is one, nothing depends on its error: it is 0."""
SAMPLES = 32
"""Samples that an error is the mean of; more change no order of layers that matters."""


def measure(
    source: str | Path,
    options: CompileOptions,
    target: str = "",
    widths: Sequence[int] = WIDTHS,
    progress: Progress | None = None,
) -> Sensitivity:
    """Return the cells of every layer whose integers are smaller than its floats.

    Args:
        options: shapes, and `calibration`: the data that is run.
        target: the form of the model that is measured; standard ONNX if empty.
    Raises:
        RecipeError: MMC308 without data or for a model that arrived quantized; MMC300 to MMC302.
    """
    if not options.calibration:
        fix = "add --calibration DATA: real inputs, some 100 of them"
        raise RecipeError("MMC308", str(source), "cannot be measured without data", fix=fix)
    with kept(source, options, target) as folder:
        told = progress or Progress()
        return measure_into(folder, source, options, target, told, lambda _: widths)


def measure_into(
    folder: Path,
    source: str | Path,
    options: CompileOptions,
    target: str,
    told: Progress,
    widths: Widths,
) -> Sensitivity:
    """Return the same; what is measured is in `folder`, or goes there."""
    model, groups, moments = seen_by(folder, source, options, target, told)
    told.stage("layers")
    return measured(model, groups, moments, options, widths, folder, told, str(source), target)


def statistics_of(folder: Path) -> Path:
    """Return where the moments of a folder are."""
    return folder / "moments.npz"


def statistics_into(
    folder: Path, source: str | Path, options: CompileOptions, target: str, told: Progress
) -> Path:
    """Return where the moments of its inputs are, which are in `folder`, or go there."""
    seen_by(folder, source, options, target, told)
    return statistics_of(folder)


def seen_by(
    folder: Path, source: str | Path, options: CompileOptions, target: str, told: Progress
) -> tuple[Model, list[list[Layer]], dict[str, Array]]:
    """Return the float model, its layers that integers make smaller, and moments by weight."""
    told.stage("passes")
    model = float_form(source, options, target)
    groups = [g for g in shared(unify(layers_of(model.graph))) if pays(g[0], 8)]
    told.stage("activations")
    return model, groups, moments_of(model, groups, options, folder)


def float_form(source: str | Path, options: CompileOptions, target: str) -> Model:
    """Return the model as the pass that makes weights integers sees it.

    Raises:
        RecipeError: MMC308 if it arrived quantized.
    """
    plain = replace(options, weights="float32", recipe="", activations="float", calibration="")
    model = load_fixed(source, plain)
    if target:
        where = load_target(target)
        phases = load_backend(where.backend)(where, settled(plain, where)).phases()
    else:
        phases = [*pipeline("default"), Phase("widen", (WidenFloats(),))]
    PassManager(phases).run(model)
    if ARRIVED_QUANTIZED in model.metadata_props:
        fix = "give the float model that it was made from"
        raise RecipeError("MMC308", str(source), "is quantized already", fix=fix)
    return model


@contextmanager
def kept(source: str | Path, options: CompileOptions, target: str) -> Iterator[Path]:
    """Yield the folder of what is measured: it stays where content can be known."""
    about = CompileOptions(
        input_shapes=options.input_shapes,
        dims=options.dims,
        constants=options.constants,
        optimize=options.optimize,
        io_layout=options.io_layout,
        calibration=options.calibration,
        calibration_samples=options.calibration_samples,
    )
    off = os.environ.get("MMC_NO_CACHE")
    key = None if off else cache.key_of(Path(source), target, about, "sensitivity")
    if key is None:
        with working_folder() as folder:
            yield folder
        return
    folder_of_key = cache.home().parent / "sensitivity" / key
    folder_of_key.mkdir(parents=True, exist_ok=True)
    yield folder_of_key


def moments_of(
    model: Model, groups: Sequence[list[Layer]], options: CompileOptions, folder: Path
) -> dict[str, Array]:
    """Return the moments of inputs by weight, from the folder if they are there."""
    file = statistics_of(folder)
    if file.exists():
        return read_npz(file)
    wanted = {str(g[0].value.name): r for g in groups if (r := reader_of(g)) is not None}
    data = Data(options.calibration, min(HESSIAN_SAMPLES, options.calibration_samples))
    found = calibrate(model, data, list(wanted.values())).moments
    named = {name: found[r] for name, r in wanted.items() if r in found}
    write_npz(file, named)
    return named


def measured(
    model: Model,
    groups: Sequence[list[Layer]],
    moments: Mapping[str, Array],
    options: CompileOptions,
    widths: Widths,
    folder: Path,
    told: Progress,
    source: str,
    target: str,
) -> Sensitivity:
    """Run what is missing, and return all."""
    from mmc.verification.execute import execute

    done, asked = folder / "cells.jsonl", cells_of(groups, widths)
    before = read_done(done)
    missing = [cell for cell in asked if (cell[0], cell[2]) not in before]
    with working_folder() as place, counted(told, done, len(missing)):
        if missing:
            forget_torn(done)
            path = place / "model.onnx"
            save_by_parts(model, path)
            execute(
                JOB,
                path,
                arrays_of(model, {name for name, *_ in missing}, moments),
                data=options.calibration,
                samples=min(SAMPLES, options.calibration_samples),
                inputs=signature(model),
                cells=missing,
                done=str(done),
            )
    found = read_done(done)
    layers = tuple(layer_cells(g[0], found, widths(g[0])) for g in groups)
    samples = max((n for _, n in found.values()), default=0)
    return Sensitivity(source, target, samples, layers, len(asked) - len(missing))


def arrays_of(model: Model, names: set[str], moments: Mapping[str, Array]) -> dict[str, Array]:
    """Return what the child needs of the named weights."""
    found = {f"moments {n}": h for n, h in moments.items() if n in names}
    for name in names:
        weight = constant(model.graph.initializers[name])
        assert weight is not None
        found[f"weight {name}"] = weight
    return found


def cells_of(groups: Sequence[list[Layer]], widths: Widths) -> list[tuple[str, int, int]]:
    """Return weight, axis of its channels and bits of every cell that pays."""
    return [
        (str(g[0].value.name), g[0].axis, bits)
        for g in groups
        for bits in widths(g[0])
        if len(widths(g[0])) > 1 and pays(g[0], bits)
    ]


def layer_cells(
    layer: Layer, found: Mapping[tuple[str, int], tuple[float, int]], widths: Sequence[int]
) -> LayerCells:
    """Return a layer's cells, widest first, with what each gains over the one before."""
    name, cells = str(layer.value.name), list[Cell]()
    for bits in sorted(widths, reverse=True):
        if (name, bits) in found:
            error, _ = found[name, bits]
        elif len(widths) == 1 and pays(layer, bits):
            error = 0.0
        else:
            continue
        cell = Cell(bits, stored(layer, bits), error)
        if cells:
            more = cell.error - cells[-1].error
            saved = cells[-1].bytes - cell.bytes
            cell = replace(cell, gain=saved / (100 * more) if more > 0 else None)
        cells.append(cell)
    shape = shape_of(layer.value)
    node = layer.node.name or ""
    size, kind, least = stored(layer, 0), str(layer.kind), least_bits(layer)
    return LayerCells(name, node, layer.op, kind, shape, size, tuple(cells), least)


@contextmanager
def counted(told: Progress, file: Path, cells: int) -> Iterator[None]:
    """Tell how many cells the child has written, and how long the others will take."""
    start, before, over = time.monotonic(), len(read_done(file)), threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            made = len(read_done(file)) - before
            left = (time.monotonic() - start) / made * (cells - made) if made else 0.0
            told.step(f"{made} of {cells} cells" + (f", {left:.0f} s left" if made else ""))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
