"""Packages that coremltools writes, for tests of what reads them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import helper

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


def runtime(kind: str, feeds: dict[str, Array], **attributes: Any) -> Array:
    """Return what ONNX Runtime computes for one node; empty arrays are inputs left out."""
    names = [n if a.size else "" for n, a in feeds.items()]
    feeds = {n: a for n, a in feeds.items() if a.size}
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in feeds.items()
    ]
    y = helper.make_tensor_value_info("y", 1, None)
    node = helper.make_node(kind, names, ["y"], **attributes)
    graph = helper.make_graph([node], "g", inputs, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(None, feeds)[0])


def close(found: Array, wanted: Array) -> None:
    """Compare; sums of at most a few hundred products of numbers below 1."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
