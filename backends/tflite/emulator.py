"""Run a .tflite on Qualcomm's emulator of the Hexagon NPU: its arithmetic, bit by bit, on the host.

Qualcomm's compiler makes the contexts (see `vendor`), onnxruntime-qnn executes them; what was not
selected runs between them on LiteRT's kernels, as on a phone. Both can abort: `emulate` calls them
in child processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mmc.backends.targets import vendor
from mmc.diagnostics import EmitError
from mmc.staging import working_folder
from mmc.verification.casting import cast_exactly, check_names
from mmc.verification.execute import Limits, Run, execute

from .context import Session, contexts, open_session
from .io_codes import as_codes, as_numbers
from .program import NUMPY_TYPES, Array, Operator, Program
from .reader import read

JOB = "mmc.backends.tflite.emulator:run"
EACH = "mmc.verification.each:run"
DISPATCH = "CUSTOM:DISPATCH_OP"
LIMITS = Limits(seconds=600)


def emulate(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    architecture: str,
    *,
    stacked: bool = False,
    numbers: bool = False,
) -> Run:
    """Compile a .tflite for an architecture ("v73") and run it on the emulator.

    Floats that an input of codes is fed with are rounded to codes; then, or where `numbers` are
    asked for, outputs of codes are the numbers that they stand for.

    Args:
        path: of any origin; one that was compiled already (--aot) is executed as it is.
        feeds: every input by its ONNX name; with `stacked` a sample along axis 0, as the outputs.
    Raises:
        EmitError: MMC424 if the vendor's tools are not there or compile nothing of it, else as
            `run` and `execute` do.
    """
    if reason := vendor.missing():
        what = f"cannot run on the emulator: {reason}"
        raise EmitError("MMC424", str(path), what, why=vendor.LICENCE, fix=vendor.INSTALL)
    with working_folder() as folder:
        compiled = to_compiled(Path(path), architecture, folder)
        job = {"job": EACH, "inner": JOB} if stacked else {"job": JOB}
        job |= {"architecture": architecture}
        return execute(path=compiled, feeds=feeds, limits=LIMITS, numbers=numbers, **job)


def to_compiled(path: Path, architecture: str, folder: Path) -> Path:
    """Return a .tflite with contexts: `path` itself, or what the vendor makes of it."""
    if any(op.code == DISPATCH for op in read(path).operators):
        return path
    made = folder / "compiled.tflite"
    given = vendor.ask(path, architecture, keep=made)
    if not given.compiled or not given.selected:
        what = f"has no context for hexagon {architecture}: Qualcomm's compiler {given.ended}"
        first = [r.reason for r in given.refusals[:1]]
        raise EmitError("MMC424", str(path), what, why="; ".join([*given.errors, *first]))
    return made


def run(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    architecture: str,
    threads: int = 2,
    values: Sequence[str] = (),
    numbers: bool = False,
) -> dict[str, Array]:
    """Return the outputs of a .tflite with compiled contexts, by the signature's (ONNX) names.

    Args:
        numbers: as `emulate` takes it.
        values: none can be given: what is inside a context is not told.
    Raises:
        EmitError: MMC403 if the feeds do not fit the signature, MMC404 if it does not run.
    """
    program = read(path)
    check_names(str(path), set(feeds), {name for name, _ in program.inputs})
    codes = {n: as_codes(feeds[n], *coding(program, i)) for n, i in program.inputs}
    real = numbers or any(codes[n] is not feeds[n] for n in codes)
    known = {i: fitted(name, codes[name], program, i) for name, i in program.inputs}
    for npu, operators in steps(program):
        if npu:
            for op in operators:
                known |= dispatched(Path(path), program, op, known, architecture)
        else:
            known |= on_host(program, operators, known)
    made = {name: known[i] for name, i in program.outputs}
    if not real:
        return made
    return {n: as_numbers(made[n], *coding(program, i)) for n, i in program.outputs}


def coding(program: Program, index: int) -> tuple[np.dtype[Any], float, int]:
    """Return a tensor's type, and the scale (0: none) and zero point of its codes."""
    tensor = program.tensors[index]
    kind, q = np.dtype(NUMPY_TYPES[tensor.dtype]), tensor.quantization
    if q is None or len(q.scale) != 1:
        return kind, 0.0, 0
    return kind, float(q.scale[0]), int(q.zero_point[0])


def fitted(name: str, value: Array, program: Program, index: int) -> Array:
    """Return an input in its tensor's type; values and shapes are not changed."""
    tensor = program.tensors[index]
    if value.shape != tensor.shape:
        what = f"has shape {value.shape}, expected {tensor.shape}"
        raise EmitError("MMC403", f"input {name!r}", what)
    return cast_exactly(name, value, np.dtype(NUMPY_TYPES[tensor.dtype]))


def steps(program: Program) -> Iterator[tuple[bool, list[Operator]]]:
    """Yield runs of operators: compiled contexts, or those between them."""
    for npu, group in groupby(program.operators, lambda op: op.code == DISPATCH):
        yield npu, list(group)


def dispatched(
    path: Path, program: Program, op: Operator, known: Mapping[int, Array], architecture: str
) -> dict[int, Array]:
    """Return the results of a compiled context."""
    session: Session = open_session(path, contexts(path)[op.outputs[0]], architecture)
    found = session.run({i: known[i] for i in op.inputs})
    return dict(zip(op.outputs, found, strict=True))


def on_host(
    program: Program, operators: Sequence[Operator], known: Mapping[int, Array]
) -> dict[int, Array]:
    """Return the results of operators that LiteRT executes."""
    from .flatbuffer import write
    from .run import run as run_on_host

    made = [i for op in operators for i in op.outputs]
    needed = dict.fromkeys(i for op in operators for i in op.inputs if i in known and i not in made)
    part = replace(
        program,
        operators=list(operators),
        inputs=[(str(i), i) for i in needed],
        outputs=[(str(i), i) for i in made],
        metadata={},
    )
    with working_folder() as folder:
        write(part, file := folder / "host.tflite")
        found: dict[str, Any] = run_on_host(file, {str(i): known[i] for i in needed})
    return {int(name): value for name, value in found.items()}
