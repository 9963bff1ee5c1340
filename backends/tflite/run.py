"""Run a .tflite with LiteRT's interpreter. It is C++ that can abort: call it in a child process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from mmc.diagnostics import EmitError
from mmc.verification.casting import cast_exactly, check_names

from .io_codes import as_codes, as_numbers
from .program import Array

JOB = "mmc.backends.tflite.run:run"


def run(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    threads: int = 2,
    values: Sequence[str] = (),
    numbers: bool = False,
) -> dict[str, Array]:
    """Return the outputs by the signature's (ONNX) names.

    Floats that an input of codes is fed with are rounded to codes; then, or where `numbers` are
    asked for, outputs of codes are the numbers that they stand for.

    Args:
        feeds: every input by its ONNX name; integers and floats are cast if the values survive.
        values: inner tensors to return too, by their own names; slower, as the optimized kernels
            that keep no intermediate results are then not used.
    Raises:
        EmitError: MMC403 if the feeds do not fit the signature, MMC404 if the file does not run.
    """
    return opened(path, threads=threads, values=values, numbers=numbers)(feeds)


def opened(
    path: str | os.PathLike[str],
    *,
    threads: int = 2,
    values: Sequence[str] = (),
    numbers: bool = False,
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """Return `run` of a file that is loaded once; raises EmitError (MMC404)."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            model_path=os.fspath(path),
            num_threads=threads,
            experimental_preserve_all_tensors=bool(values),
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise EmitError("MMC404", str(path), "does not load in LiteRT", why=str(error)) from error
    inputs, outputs = signature(interpreter)
    ends = (*interpreter.get_input_details(), *interpreter.get_output_details())
    details = {detail["index"]: detail for detail in ends}

    def call(feeds: Mapping[str, Array]) -> dict[str, Array]:
        check_names(str(path), set(feeds), set(inputs))
        real = numbers
        for name, index in inputs.items():
            codes = as_codes(feeds[name], *coding(details[index]))
            real = real or codes is not feeds[name]
            interpreter.set_tensor(index, fit(name, codes, details[index]))
        try:
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            why, what = str(error), "does not run in LiteRT"
            raise EmitError("MMC404", str(path), what, why=why, fix=way_out(why)) from error
        found = inner(interpreter, set(values)) if values else {}
        made = {name: interpreter.get_tensor(index) for name, index in outputs.items()}
        if real:
            made = {n: as_numbers(v, *coding(details[outputs[n]])) for n, v in made.items()}
        return found | made

    return call


def way_out(why: str) -> str:
    """Return what to do about a kernel's refusal; token numbers are taken to be >= 0 (`gather`)."""
    if "indices_has_only_positive_elements" not in why:
        return ""
    return (
        "an input chooses rows of a table, and holds numbers below 0 or beyond it: feed others; "
        "numbers that count from the end ask for Where(i < 0, i + rows, i) in the model"
    )


def signature(interpreter: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Return the tensor index of each named input and output; the tensors' names if unnamed."""
    signatures = interpreter.get_signature_list()
    if signatures:
        runner = interpreter.get_signature_runner(next(iter(signatures)))
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        return (
            {name: detail["index"] for name, detail in inputs.items()},
            {name: detail["index"] for name, detail in outputs.items()},
        )
    return (
        {detail["name"]: detail["index"] for detail in interpreter.get_input_details()},
        {detail["name"]: detail["index"] for detail in interpreter.get_output_details()},
    )


def fit(name: str, value: Array, detail: Mapping[str, Any]) -> Array:
    """Return `value` in the tensor's type, checked: values and shapes are not changed."""
    shape = tuple(detail["shape"].tolist())
    if value.shape != shape:
        raise EmitError("MMC403", f"input {name!r}", f"has shape {value.shape}, expected {shape}")
    return cast_exactly(name, value, np.dtype(detail["dtype"]))


def coding(detail: Mapping[str, Any]) -> tuple[np.dtype[Any], float, int]:
    """Return a tensor's type, and the scale (0: none) and zero point of its codes."""
    return (np.dtype(detail["dtype"]), *detail["quantization"])


def inner(interpreter: Any, names: set[str]) -> dict[str, Array]:
    """Return the named tensors that have a value; kernels skip some."""
    found: dict[str, Array] = {}
    for detail in interpreter.get_tensor_details():
        if detail["name"] in names:
            with suppress(ValueError, RuntimeError):
                found.setdefault(detail["name"], interpreter.get_tensor(detail["index"]))
    return found
