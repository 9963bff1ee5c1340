"""The command line as functions: `mmc.compile(path, target="hexagon_v73", dim={"n": 1})`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from mmc.auto.best import compile_best
from mmc.budget import read_budget, with_limits
from mmc.checking import check_file
from mmc.diagnostics import Diagnostic, UsageError
from mmc.files import read_npz
from mmc.given_shapes import dims_of, shapes_of
from mmc.instruments import looking
from mmc.options import CompileOptions, Picture, asked_vendor
from mmc.result import CompileResult
from mmc.verification.casting import Array

if TYPE_CHECKING:
    from mmc.auto.layer_cells import Sensitivity

PathName = str | PathLike[str]

__all__ = ["check", "compile", "quantize", "run", "sensitivity"]


def compile(
    model: PathName,
    *,
    target: str,
    output: PathName | None = None,
    input_shape: Mapping[str, Sequence[int]] | None = None,
    dim: Mapping[str, int | range | Sequence[int]] | None = None,
    const: Mapping[str, npt.ArrayLike] | None = None,
    io_layout: str = "keep",
    io_dtype: str = "float",
    keep_int64: bool = False,
    precision: str = "",
    weights: str = "float32",
    activations: str = "float",
    recipe: PathName = "",
    calibration: PathName = "",
    calibration_samples: int = 1000,
    outliers: str = "none",
    evaluation: PathName = "",
    metric: str = "",
    budget: PathName | None = None,
    max_size: str = "",
    max_drop: str = "",
    optimize: str = "latency",
    require_npu: bool = False,
    pictures: Mapping[str, Picture] | None = None,
    about: Mapping[str, str] | None = None,
    inputs: Mapping[str, Array] | PathName | None = None,
    verify: bool = True,
    verify_on: str = "host",
    vendor: str | bool | None = None,
    aot: bool = False,
    check: bool = False,
    check_layers: bool = False,
    dump_ir: PathName | None = None,
    fine_tune: Callable[[Path, str], Path] | None = None,
) -> CompileResult:
    """Compile an ONNX file; the artifact is executed and compared unless `verify` is False.

    Args:
        output: the artifact; ./<stem>.<target> and the backend's suffix by default.
        input_shape: sizes by input name; `const`: value by input name.
        dim: size by symbol; for Core ML also range(1, 5) for 1 to 4, or a list, default first.
        recipe: which layers get which integers, in place of `weights`: a TOML file or a preset.
        calibration: an .npz, a folder of such or "module:function", for integer weights.
        io_dtype: "int8": inputs and outputs are codes where integer kernels read and write them.
        outliers: of activations: "none" is clipped, "clip" all a little, "auto" where outputs gain.
        evaluation: samples, with labels for `metric` (a name or "module:function"); its drop is
            reported. Without labels the metric is a proxy, "cosine" by default.
        budget: a TOML file of limits; one that is missed raises MMC512. So do `max_size` ("35MB")
            and `max_drop` ("1%", the worse end of its 95 % interval).
        precision: "float32" or "float16"; the target's by default.
        pictures: inputs that are taken as pictures (Core ML).
        about: what a package says of itself (Core ML): author, license, version, description,
            labels (a file with a class a line).
        inputs: arrays by input name, or an .npz, to verify on; drawn by default.
        verify_on: "htp" also compares what Qualcomm's emulator computes.
        vendor: ask the vendor's compiler for the target (True) and these too: "v69,v81", "all".
        aot: also keep the compiled artifact, <artifact>.aot.tflite.
        check: compare the model before and after every pass.
        check_layers: the same for every tensor that keeps its name.
        dump_ir: a folder that gets the model after every pass that changed it.
        fine_tune: for recipe="progressive", called between the stages with the float model's file
            and the next stage's name; returns the file of the model to quantize next.
    Raises:
        MmcError: with coded diagnostics in `.diagnostics`; what was at the output stays.
    """
    options = CompileOptions(
        **_shapes(input_shape, dim, const),
        sizes=dims_of(dim)[1],
        io_layout=io_layout,
        io_dtype=io_dtype,
        keep_int64=keep_int64,
        precision=precision,
        weights=weights,
        activations=activations,
        recipe=str(recipe),
        calibration=str(calibration),
        calibration_samples=calibration_samples,
        outliers=outliers,
        evaluation=str(evaluation),
        metric=metric,
        budget=with_limits(
            None if budget is None else read_budget(budget), max_size=max_size, max_drop=max_drop
        ),
        optimize=optimize,
        require_npu=require_npu,
        pictures=dict(pictures or {}),
        about=dict(about or {}),
        inputs=_feeds(inputs),
        verify=verify,
        verify_on=verify_on,
        vendor=asked_vendor(vendor),
        aot=aot,
    )
    out = None if output is None else Path(output)
    dump = Path(dump_ir) if dump_ir else None
    watchers = looking(dump, check, check_layers, options)
    return compile_best(str(model), target, out, options, watchers, fine_tune=fine_tune)


def check(
    model: PathName,
    *,
    target: str,
    input_shape: Mapping[str, Sequence[int]] | None = None,
    dim: Mapping[str, int] | None = None,
    const: Mapping[str, npt.ArrayLike] | None = None,
    io_layout: str = "keep",
    keep_int64: bool = False,
    precision: str = "",
    weights: str = "float32",
    optimize: str = "latency",
    vendor: str | bool | None = None,
) -> list[Diagnostic]:
    """Return every finding on an ONNX or .tflite file; empty when all of it runs on the target.

    Raises:
        MmcError: when the file cannot be read, or the options do not fit it.
    """
    options = CompileOptions(
        **_shapes(input_shape, dim, const),
        io_layout=io_layout,
        keep_int64=keep_int64,
        precision=precision,
        weights=weights,
        optimize=optimize,
        vendor=asked_vendor(vendor),
    )
    return check_file(str(model), target, options)


def run(
    artifact: PathName,
    inputs: Mapping[str, Array] | PathName,
    *,
    precision: str = "float32",
    on: str = "host",
) -> dict[str, Array]:
    """Execute a .tflite, .mlpackage or .onnx in a child process; names are the ONNX names.

    Args:
        precision: "float16" rounds every half-precision result of a .mlpackage, as its engine does.
        on: "host", or "hexagon_v73": a .tflite is compiled and run on Qualcomm's emulator.
    Raises:
        UsageError: MMC012 if the kind of artifact is not run in that precision, or there.
        EmitError: MMC403 to MMC424 when the inputs do not fit or the run fails.
    """
    from mmc.backends.base import precisions_of, runner_of
    from mmc.verification.execute import execute
    from mmc.verification.reference import JOB as REFERENCE

    known = precisions_of(artifact_path := Path(artifact))
    if precision not in known:
        fix = f"leave it out, or choose one of: {', '.join(known)}"
        raise UsageError("MMC012", f"--precision {precision}", f"is not for {artifact}", fix=fix)
    chosen: dict[str, Any] = {} if precision == "float32" else {"precision": precision}
    if on != "host":
        return _emulate(artifact_path, _feeds(inputs) or {}, on)
    job = runner_of(artifact_path) or REFERENCE
    return dict(execute(job, artifact, _feeds(inputs) or {}, **chosen).outputs)


def _emulate(artifact: Path, feeds: Mapping[str, Array], on: str) -> dict[str, Array]:
    from mmc.backends.tflite.emulator import emulate

    if artifact.suffix != ".tflite" or not on.startswith("hexagon_"):
        fix = "the emulator runs .tflite files on hexagon_v68 to hexagon_v81"
        raise UsageError("MMC012", f"--on {on}", f"is not for {artifact}", fix=fix)
    return emulate(artifact, feeds, on.removeprefix("hexagon_")).outputs


def quantize(
    model: PathName,
    *,
    output: PathName,
    input_shape: Mapping[str, Sequence[int]] | None = None,
    dim: Mapping[str, int] | None = None,
    const: Mapping[str, npt.ArrayLike] | None = None,
    weights: str = "int8",
    recipe: PathName = "",
    activations: str = "float",
    calibration: PathName = "",
    calibration_samples: int = 1000,
    outliers: str = "none",
) -> int:
    """Write the model with integer weights, as standard ONNX; returns how many weights changed.

    Args:
        weights: "int8", "int4" or "int2"; `recipe`: a TOML file or a preset in its place.
        activations: "float", or "int8" and "int16" with calibration data; `outliers` as `compile`.
    Raises:
        MmcError: with coded diagnostics; nothing is written then.
    """
    from mmc.integers.quantization import quantize_file

    options = CompileOptions(
        **_shapes(input_shape, dim, const),
        weights="float32" if recipe else weights,
        recipe=str(recipe),
        activations=activations,
        calibration=str(calibration),
        calibration_samples=calibration_samples,
        outliers=outliers,
    )
    return quantize_file(str(model), str(output), options).weights


def sensitivity(
    model: PathName,
    *,
    calibration: PathName,
    target: str = "",
    input_shape: Mapping[str, Sequence[int]] | None = None,
    dim: Mapping[str, int] | None = None,
    const: Mapping[str, npt.ArrayLike] | None = None,
    calibration_samples: int = 1000,
) -> Sensitivity:
    """Return, for every layer at 8, 4 and 2 bits, its bytes and the error it makes alone.

    Args:
        target: measure the form that this target's models have; standard ONNX by default.
    Raises:
        RecipeError: MMC300 to MMC302, MMC308 when data or model do not fit.
    """
    from mmc.auto.sensitivities import measure

    options = CompileOptions(
        **_shapes(input_shape, dim, const),
        calibration=str(calibration),
        calibration_samples=calibration_samples,
    )
    return measure(str(model), options, target)


def _feeds(inputs: Mapping[str, Array] | PathName | None) -> Mapping[str, Array] | None:
    return read_npz(inputs) if isinstance(inputs, (str, PathLike)) else inputs


class _Shapes(TypedDict):
    input_shapes: dict[str, tuple[int, ...]]
    dims: dict[str, int]
    constants: dict[str, Array]


def _shapes(
    input_shape: Mapping[str, Sequence[int]] | None,
    dim: Mapping[str, int | range | Sequence[int]] | None,
    const: Mapping[str, npt.ArrayLike] | None,
) -> _Shapes:
    return {
        "input_shapes": shapes_of(input_shape),
        "dims": dims_of(dim)[0],
        "constants": {name: np.asarray(value) for name, value in (const or {}).items()},
    }
