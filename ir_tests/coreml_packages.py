"""Packages that coremltools writes, for tests of what reads them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmc.ir import Array


def tools() -> Any:
    """Return coremltools, imported without TensorFlow, which it would import if it could."""
    if "coremltools" not in sys.modules:
        os.environ["TQDM_DISABLE"] = "1"
        logging.getLogger("coremltools").setLevel(logging.ERROR)
        had = sys.modules.get("tensorflow")
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
        import coremltools

        if had is None:
            del sys.modules["tensorflow"]
        else:
            sys.modules["tensorflow"] = had
        return coremltools
    return sys.modules["coremltools"]


def builder() -> Any:
    """Return coremltools' builder of operations."""
    tools()
    from coremltools.converters.mil import Builder

    return Builder


def save(
    folder: Path,
    inputs: Mapping[str, Array],
    body: Callable[..., Any],
    opset: str = "iOS18",
    half: bool = False,
) -> Path:
    """Write the package of `body`, called with a variable an input; no pass changes anything."""
    ct, mb = tools(), builder()
    from coremltools.converters.mil.mil import types

    kinds = {"f": types.fp16 if half else types.fp32, "i": types.int32, "b": types.bool}
    specs = [mb.TensorSpec(a.shape, dtype=kinds[a.dtype.kind]) for a in inputs.values()]
    target = getattr(ct.target, opset)
    names = ", ".join(inputs)
    made = eval(f"lambda {names}: body({names})", {"body": body})
    program = mb.program(input_specs=specs, opset_version=target)(made)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=target,
        pass_pipeline=ct.PassPipeline.EMPTY,
        skip_model_load=True,
    )
    path = folder / "model.mlpackage"
    model.save(str(path))
    return path


def draw(*shape: int, seed: int = 0) -> Array:
    """Return float32 numbers between -1 and 1."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
