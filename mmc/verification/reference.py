"""ONNX Runtime as the reference: its optimizer off, so that it computes what the model says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from mmc.diagnostics import EmitError
from mmc.verification.casting import Array, cast_exactly, check_names
from mmc.verification.perturbation import perturb, perturb_constants
from mmc.verification.unsigned import has_products, make_unsigned

JOB = "mmc.verification.reference:run"

FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"
TYPES = {"float": "float32", "double": "float64"}


def run(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    perturbed: int = 0,
    values: Sequence[str] = (),
    threads: int = 2,
    packed: bool = True,
) -> dict[str, Array]:
    """Return the outputs of the ONNX model at `path`, and the named inner `values`.

    Args:
        feeds: every input; integers and floats are cast to the declared type if the values survive.
        perturbed: above 0, as rounding may change them: ONNX Runtime optimizes (but does not fuse
            quantized weights: that is not exact), and float inputs are off by one rounding; above 1
            so are small constants. Each number is another draw.
        packed: let constant weights have kernels of their own. Without, a weight gives the same
            bits whether it is a constant or computed, as comparing before and after a fold needs.
    Raises:
        EmitError: MMC403 if the feeds do not fit the inputs, MMC405 if ONNX Runtime does not load
            the model, MMC409 if it fails on these feeds.
    """
    once = opened(path, perturbed=perturbed, values=values, threads=threads, packed=packed)
    return once(feeds)


def opened(
    path: str | os.PathLike[str],
    *,
    perturbed: int = 0,
    values: Sequence[str] = (),
    threads: int = 2,
    packed: bool = True,
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """Return `run` of a model that is loaded once; raises EmitError (MMC405)."""
    try:
        session = open_session(path, perturbed, values, threads, packed)
    except Exception as error:  # the runtime raises a dozen unrelated types
        raise unloadable(path, error) from error
    types = {i.name: numpy_type(i.type) for i in session.get_inputs()}
    names = [o.name for o in session.get_outputs()]

    def call(feeds: Mapping[str, Array]) -> dict[str, Array]:
        check_names(str(path), set(feeds), set(types))
        cast = {name: cast_exactly(name, feeds[name], types[name]) for name in types}
        if perturbed:
            rng = np.random.default_rng(perturbed)
            cast = {name: perturb(x, rng) for name, x in cast.items()}
        outputs = ran(session, names, cast, str(path))
        return {n: o for n, o in zip(names, outputs, strict=True) if isinstance(o, np.ndarray)}

    return call


def ran(session: Any, names: Sequence[str], feeds: Mapping[str, Array], where: str) -> list[Any]:
    """Return the named results of a session; raises EmitError MMC409 if it fails on the feeds."""
    try:
        results: list[Any] = session.run(names, feeds)
    except Exception as error:
        what = "ONNX Runtime cannot run the model"
        raise EmitError("MMC409", where, what, why=str(error)) from error
    return results


def open_quick(path: str | os.PathLike[str], values: Sequence[str] = ()) -> Any:
    """Return an optimized session; one as the model is, where ONNX Runtime's optimizer fails.

    Raises EmitError (MMC405).
    """
    try:
        return open_session(path, 1, values, 2, packed=True)
    except Exception:  # it fails on right models, such as a Resize of a function, in many types
        try:
            return open_session(path, 0, values, 2, packed=True)
        except Exception as error:
            raise unloadable(path, error) from error


def unloadable(path: str | os.PathLike[str], error: Exception) -> EmitError:
    """Return the error for a model that ONNX Runtime has no kernel for, or finds fault with."""
    what = "ONNX Runtime cannot load the model"
    return EmitError("MMC405", str(path), what, why=str(error))


def open_session(
    path: str | os.PathLike[str],
    perturbed: int,
    values: Sequence[str],
    threads: int,
    packed: bool,
) -> Any:
    """Return a session on the file; it passes through memory only where it must be rewritten."""
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if perturbed else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if not packed:
        options.add_session_config_entry("session.disable_prepacking", "1")
    source: str | bytes = os.fspath(path)
    if values or perturbed > 1 or has_products(path):
        source = rewritten(path, values, perturbed)
        options.add_session_config_entry(FOLDER_OF_WEIGHTS, str(Path(path).resolve().parent))
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def rewritten(path: str | os.PathLike[str], values: Sequence[str], perturbed: int) -> bytes:
    """Return the model with the named values among its outputs, and products that do not saturate.

    External data stays outside.
    """
    import onnx

    proto = onnx.load(path, load_external_data=False)
    make_unsigned(proto)
    if perturbed > 1:
        perturb_constants(proto, np.random.default_rng(perturbed))
    known = {name for node in proto.graph.node for name in node.output}
    known -= {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=v) for v in values if v in known)
    return bytes(proto.SerializeToString())


def numpy_type(declared: str) -> np.dtype[Any]:
    """Return the numpy type of ONNX Runtime's `tensor(...)`."""
    name = declared.removeprefix("tensor(").removesuffix(")")
    if name == "bfloat16":
        import ml_dtypes

        name = ml_dtypes.bfloat16
    return np.dtype(TYPES.get(name, name))
