"""What is said of a model that arrives quantized, and what its artifact is judged as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mmc.diagnostics import Diagnostic, Severity
from mmc.ir import DataType, Model
from mmc.options import CompileOptions
from mmc.values import ARRIVED_QUANTIZED, CHANGED_GRIDS, OPEN_GRIDS, WEIGHT_ONLY


def arrived_quantized(model: Model, options: CompileOptions) -> list[Diagnostic]:
    """Return a note when integers are asked for, but the model has its own already."""
    node = model.metadata_props.get(ARRIVED_QUANTIZED)
    if node is None or not options.integer_weights:
        return []
    given = f"--recipe {options.recipe}" if options.recipe else f"--weights {options.weights}"
    what = f"is quantized already, so {given} changes nothing"
    if options.activation_bits:
        what = f"is quantized already: {given} is for weights that are on no symmetric grid"
        if WEIGHT_ONLY not in model.metadata_props:
            asked = f"--activations {options.activations}"
            what = f"is quantized already, so {given} and {asked} change nothing"
    why = "rounding twice adds a second error; its own are kept"
    fix = "quantize the float model that it was made from"
    return [Diagnostic("MMC304", Severity.NOTE, repr(node), what, why, fix)]


def own_codes(model: Model) -> Iterator[Diagnostic]:
    """Yield notes on activations whose own scales kernels do not have, or that have none."""
    node = repr(model.metadata_props.get(ARRIVED_QUANTIZED, ""))
    if changed := int(model.metadata_props.get(CHANGED_GRIDS, "0")):
        what = f"brings scales that kernels do not have: {changed} became the nearest that they do"
        why = (
            "16-bit codes have no zero point there; sigmoid, softmax and tanh have a scale of their"
            " own, averages the one that they read"
        )
        yield Diagnostic("MMC315", Severity.NOTE, node, what, why)
    if left := int(model.metadata_props.get(OPEN_GRIDS, "0")):
        what = f"rounds what {left} of its layers read, but not what they make: they stay float"
        why = "an integer kernel writes codes, and has no scale for them"
        fix = "give --calibration DATA, some 100 real inputs: their scales are measured"
        yield Diagnostic("MMC315", Severity.NOTE, node, what, why, fix)


def as_quantized(options: CompileOptions, model: Model) -> CompileOptions:
    """Return the options with the activations that a model brought itself."""
    own = [n for n in model.graph if n.op_type == "QuantizeLinear"]
    if not own or options.activation_bits:
        return options
    wide = any(n.outputs[0].dtype == DataType.INT16 for n in own)
    return replace(options, activations="int16" if wide else "int8")
