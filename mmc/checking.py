"""What a target cannot take of a model or an artifact: `mmc check`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mmc.backends.base import load_backend, suffix_of
from mmc.compiler import settled, to_program
from mmc.diagnostics import Diagnostic, LegalityError
from mmc.options import CompileOptions
from mmc.result import CompileResult
from mmc.staging import working_folder
from mmc.target import load_target


def check_file(
    path: str | Path, target: str, options: CompileOptions | None = None
) -> list[Diagnostic]:
    """Return every finding on a model or an artifact; raises as `check_whole`."""
    return check_whole(path, target, options).diagnostics


def check_whole(
    path: str | Path, target: str, options: CompileOptions | None = None
) -> CompileResult:
    """Return the findings on a model or an artifact, and what its vendor said, if asked.

    Nothing is written.

    Raises:
        MmcError: when it cannot be read, or a pass fails.
    """
    source, where = Path(path), load_target(target)
    options = replace(settled(options or CompileOptions(), where), aot=False)
    backend = load_backend(where.backend)(where, options)
    result = CompileResult(source, source, where)
    made = source.suffix != suffix_of(where.backend)
    try:
        program = to_program(result, backend, options, ())[1] if made else backend.read(source)
    except LegalityError as error:
        result.diagnostics = [*error.diagnostics]
        return result
    if not made:
        result.diagnostics = backend.check(program)
    if options.vendor is not None:
        from mmc.backends.tflite.hexagon import ask_vendor

        with working_folder() as folder:
            if made:
                result.artifact = folder / "model.tflite"
                backend.write(program, result.artifact)
            ask_vendor(result, program, options)
    return result
