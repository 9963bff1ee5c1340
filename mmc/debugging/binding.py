"""Shapes and constants from the command line, for models that are looked at and not compiled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import onnx
import onnx_ir as ir

from mmc.diagnostics import ModelError
from mmc.ir import Array, Model, constant
from mmc.options import CompileOptions
from mmc.shapes import fix_shapes


def asks(options: CompileOptions | None) -> bool:
    """Say whether any shape or constant is given."""
    return options is not None and bool(options.input_shapes or options.dims or options.constants)


def bind(proto: onnx.ModelProto, options: CompileOptions | None) -> onnx.ModelProto:
    """Return the model with the shapes and constants of the options, in its own opset.

    Raises:
        ModelError: MMC115 to MMC118, as `mmc compile` does; nothing is checked without options.
    """
    if options is None or not asks(options):
        return proto
    model = ir.from_proto(proto)
    fix_shapes(model, options.input_shapes, options.dims, options.constants)
    return ir.to_proto(model)


def bind_all(models: Iterable[Model], options: CompileOptions) -> list[dict[str, Array]]:
    """Give every model what it has a name for: the other may be static already.

    Returns the arrays that inputs became, in their types, a dictionary a model.

    Raises:
        ModelError: MMC117 if a name is in none; MMC115, MMC116, MMC118 as `mmc compile` does.
    """
    found = [(model, of_model(model, options)) for model in models]
    inputs = {name for _, own in found for name in (*own.input_shapes, *own.constants)}
    dims = {name for _, own in found for name in own.dims}
    refuse_unknown("input", {*options.input_shapes, *options.constants} - inputs)
    refuse_unknown("dimension", {*options.dims} - dims)
    for model, own in found:
        fix_shapes(model, own.input_shapes, own.dims, own.constants)
    return [{name: stored(model, name) for name in own.constants} for model, own in found]


def stored(model: Model, name: str) -> Array:
    """Return the array of an initializer."""
    array = constant(model.graph.initializers[name])
    assert array is not None
    return array


def refuse_unknown(kind: str, names: set[str]) -> None:
    """Raise ModelError (MMC117) if any name is left."""
    if names:
        what, fix = "is in neither model", "`mmc show MODEL` lists what there is"
        raise ModelError("MMC117", f"{kind} {', '.join(sorted(names))}", what, fix=fix)


def of_model(model: Model, options: CompileOptions) -> CompileOptions:
    """Return what of the options names inputs and dimensions of a model."""
    inputs = {value.name: value.shape for value in model.graph.inputs}
    dims = [d for shape in inputs.values() for d in shape or ()]
    symbols = {d.value for d in dims if isinstance(d, ir.SymbolicDim)}
    return replace(
        options,
        input_shapes={k: v for k, v in options.input_shapes.items() if k in inputs},
        constants={k: v for k, v in options.constants.items() if k in inputs},
        dims={k: v for k, v in options.dims.items() if k in symbols},
    )
