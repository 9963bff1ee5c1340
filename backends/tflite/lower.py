"""From the final IR to a TFLite program: its inputs, every node, its outputs."""

from __future__ import annotations

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import LOWERINGS, STAGES, Emitter, cast_op, reshape_op
from mmc.backends.tflite.program import Program
from mmc.diagnostics import Diagnostic, LegalityError, Severity
from mmc.ir import Model, Node, Value, dtype_of, shape_of


def lower(model: Model, *, keep_int64: bool = False, npu: bool = False) -> Program:
    """Lower the final IR to a program, in the forms that a neural processor takes if `npu`.

    Raises:
        LegalityError: every node that has no right lowering, never only the first (MMC201).
    """
    e = Emitter(npu=npu)
    refused: dict[Node, Unsupported] = {}
    _inputs(e, model, keep_int64)
    for node in model.graph:
        try:
            e.node(node)
        except Unsupported as reason:
            refused[node] = reason
    if refused:
        raise LegalityError(LOWERINGS.findings(model, refused, STAGES))
    _outputs(e, model, keep_int64)
    return e.finish()


def _inputs(e: Emitter, model: Model, keep_int64: bool) -> None:
    for value in model.graph.inputs:
        name = value.name or ""
        try:
            if keep_int64 and str(dtype_of(value)) == "int64":
                index = e.new(shape_of(value), "int64", name)
                cast_op(e, index, e.tensor(value))
            else:
                index = e.tensor(value)
        except Unsupported as reason:
            where, what = f"input {name!r}", "cannot be part of the signature"
            finding = Diagnostic("MMC201", Severity.ERROR, where, what, reason.why, reason.fix)
            raise LegalityError([finding]) from reason
        e.program.inputs.append((name, index))


def _outputs(e: Emitter, model: Model, keep_int64: bool) -> None:
    used = {index for _, index in e.program.inputs}
    for value in model.graph.outputs:
        if 0 in shape_of(value):
            raise LegalityError([_empty(value)])
        index = e.tensor(value)
        wide = keep_int64 and str(dtype_of(value)) == "int64"
        if wide:
            index = cast_op(e, index, e.new(shape_of(value), "int64", value.name or ""))
        elif index in used or e.program.tensors[index].data is not None:
            index = reshape_op(e, index, e.like(value))
        used.add(index)
        e.program.outputs.append((value.name or "", index))


def _empty(value: Value) -> Diagnostic:
    where, shape = f"output {value.name!r}", shape_of(value)
    why = "LiteRT has no empty tensors at its boundary"
    fix = "larger inputs, where they are too small for the model"
    return Diagnostic("MMC201", Severity.ERROR, where, f"has no elements: {shape}", why, fix)
