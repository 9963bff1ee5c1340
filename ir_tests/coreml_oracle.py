"""Packages read back by coremltools: it infers every operation's type anew and compares."""

from __future__ import annotations

import logging
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.program import Program
from mmc.backends.coreml.writer import write
from mmc.ir import Model

WEIGHTS = "Data/com.apple.CoreML/weights"


@cache
def coremltools() -> ModuleType:
    """Import coremltools without TensorFlow, which it would load, and without its greetings."""
    hidden = sys.modules.get("tensorflow")
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    logging.getLogger("coremltools").setLevel(logging.CRITICAL)
    try:
        import coremltools
        from coremltools.converters.mil.frontend.milproto import load  # noqa: F401
    finally:
        del sys.modules["tensorflow"]
        if hidden is not None:
            sys.modules["tensorflow"] = hidden
    return coremltools  # type: ignore[no-any-return]


def spec_of(path: Path) -> Any:
    """Return the spec of a package."""
    return coremltools().models.MLModel(str(path), skip_model_load=True).get_spec()


def reread(path: Path) -> Any:
    """Return coremltools' program; raises unless it agrees with every type in the package."""
    spec = spec_of(path)
    loader = coremltools().converters.mil.frontend.milproto.load
    version, weights = spec.specificationVersion, str(path / WEIGHTS)
    return loader.load(spec, specification_version=version, file_weights_dir=weights)


def operations(program: Any) -> list[Any]:
    """Return the operations of coremltools' program, constants left out."""
    return [op for op in program.functions["main"].operations if op.op_type != "const"]


def write_and_reread(program: Program) -> list[Any]:
    """Return coremltools' operations of a program, through a package."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.mlpackage"
        write(program, path)
        return operations(reread(path))


def check_types(model: Model, precision: str = "fp16", version: int = 9) -> list[str]:
    """Lower a model in its final form; coremltools must agree. Returns the op types."""
    program = lower(model, Form(precision, version))
    kinds = [op.op_type for op in write_and_reread(program)]
    assert kinds == [op.code for op in program.operations]
    return kinds
