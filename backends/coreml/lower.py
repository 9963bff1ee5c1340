"""The whole graph: inputs in, nodes one by one, outputs out, names last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mmc.backends.lowering import Unsupported
from mmc.diagnostics import Diagnostic, LegalityError, Severity, UsageError
from mmc.ir import Model, Node, Value, attrs, dtype_of, shape_of
from mmc.options import Picture

from .emitter import LOWERINGS, MAX_RANK, Emitter
from .identifiers import Names
from .precision import wide_nodes
from .program import Feature, Program, Var

FIRST = (0, 3, 1, 2)
"""The permutation from channels last to channels first."""
STAGES = ("decompose", "linear", "coreml")
"""The rules that bring operators to forms that are lowered here."""


@dataclass(frozen=True)
class Form:
    """What the program is to be: the float type, the specification version, pictures."""

    precision: str = "fp16"
    version: int = 9
    pictures: Mapping[str, Picture] = field(default_factory=dict)


def lower(model: Model, form: Form | None = None) -> Program:
    """Lower the final IR to a finished program.

    Raises:
        LegalityError: every node that has no right lowering, never only the first (MMC201).
    """
    form = form or Form()
    check_pictures(model, form.pictures)
    e = Emitter(form.precision, form.version)
    names = Names()
    refused: dict[Node, Unsupported] = {}
    for value in model.graph.inputs:
        add_input(e, value, names, form.pictures.get(value.name or ""))
    wide = wide_nodes(model) if form.precision == "fp16" else frozenset()
    for node in model.graph:
        if e.is_set(node.outputs[0]):
            continue
        e.float = "fp32" if node in wide else form.precision
        try:
            e.node(node)
        except Unsupported as reason:
            refused[node] = reason
    if refused:
        raise LegalityError(LOWERINGS.findings(model, refused, STAGES))
    e.float = form.precision
    for value in model.graph.outputs:
        try:
            add_output(e, value, names)
        except Unsupported as reason:
            raise refused_output(value, reason) from reason
    name_all(e.program, names)
    return e.program


def check_pictures(model: Model, pictures: Mapping[str, Picture]) -> None:
    """Refuse pictures of inputs that are none (MMC117, MMC116)."""
    shapes = {v.name or "": shape_of(v) for v in model.graph.inputs}
    for name, picture in pictures.items():
        where, channels = f"--image-input {name}", picture.channels
        if name not in shapes:
            fix = f"the inputs are {', '.join(shapes)}"
            raise UsageError("MMC117", where, "is no input of the model", fix=fix)
        shape = shapes[name]
        if picture.axis(shape) is None:
            sides = f"[1, {channels}, height, width] nor [1, height, width, {channels}]"
            what = f"the input has shape {list(shape)}, neither {sides}"
            raise UsageError("MMC116", where, what, fix="give it as an array")


def boundary_type(dtype: np.dtype[np.generic]) -> str:
    """Return the MIL type of a feature: arrays hold float32, float16 or int32."""
    if dtype.kind in "biu":
        return "int32"
    return "fp16" if dtype == np.float16 else "fp32"


def add_input(e: Emitter, value: Value, names: Names, picture: Picture | None) -> None:
    """Add an input feature, and its conversion to what is computed with."""
    name = value.name or ""
    try:
        kind, shape = e.type_of(value), shape_of(value)
        if len(shape) > MAX_RANK:
            raise Unsupported(f"it has rank {len(shape)}: Core ML has at most {MAX_RANK} axes")
    except Unsupported as reason:
        where, what = f"input {name!r}", "cannot be part of the signature"
        finding = Diagnostic("MMC201", Severity.ERROR, where, what, reason.why, reason.fix)
        raise LegalityError([finding]) from reason
    last = picture is not None and picture.axis(shape) == 3
    given = tuple(shape[i] for i in FIRST) if last else shape or (1,)
    outer = Var(names.take(name), boundary_type(dtype_of(value)), given)
    e.program.inputs.append(Feature(outer, name, str(dtype_of(value)), shape, picture))
    inner = e.cast(outer, kind) if kind == "bool" and value.uses() else outer
    if picture is not None:
        inner = pixels(e, e.cast(inner, e.float), picture)
    if last:
        take_first(e, value, inner)
    else:
        e.set(value, e.reshape(inner, shape))


def take_first(e: Emitter, value: Value, inner: Var) -> None:
    """Let an input (1, H, W, C) be a picture, which Core ML gives as (1, C, H, W).

    Readers that turn it so themselves get it as it comes; it is turned once for all others.
    """
    for use in value.uses():
        if use.node.op_type == "Transpose" and tuple(attrs(use.node).get("perm", ())) == FIRST:
            e.set(use.node.outputs[0], inner)
    e.defer(
        value, lambda: e.op("transpose", shape_of(value), inner.dtype, x=inner, perm=(0, 2, 3, 1))
    )


def pixels(e: Emitter, x: Var, picture: Picture) -> Var:
    """Return pixel * scale + bias."""
    if picture.scale != 1:
        x = e.like("mul", x, y=np.float32(picture.scale))
    if any(picture.bias):
        bias = np.array(picture.bias, np.float32).reshape(-1, 1, 1)
        x = e.like("add", x, y=bias)
    return x


def add_output(e: Emitter, value: Value, names: Names) -> None:
    """Add an output feature; one that is an input or a constant gets an operation of its own."""
    shape, kind = shape_of(value), boundary_type(dtype_of(value))
    e.origin(value.producer())
    inner = e.reshape(e.raw(value), shape or (1,))
    taken = {id(f.var) for f in (*e.program.inputs, *e.program.outputs)}
    outer = e.cast(inner, kind)
    if outer.is_constant or id(outer) in taken:
        outer = e.like("identity", outer)
    outer.name = names.take(value.name or "")
    e.program.outputs.append(Feature(outer, value.name or "", str(dtype_of(value)), shape))


def refused_output(value: Value, reason: Unsupported) -> LegalityError:
    """Return the error for an output that Core ML cannot have."""
    where, what = f"output {value.name!r}", "cannot be part of the signature"
    return LegalityError(
        [Diagnostic("MMC201", Severity.ERROR, where, what, reason.why, reason.fix)]
    )


def name_all(program: Program, names: Names) -> None:
    """Give every variable a name of its own: the IR's if it has one, else the operation's.

    Constants that only operations have are called as the first parameter that they are: several
    operations share them, and names of their results would be a good part of a small package.
    """
    named = {id(f.var) for f in (*program.inputs, *program.outputs)}
    made = [(var, op.code) for op in program.operations for var in op.outputs]
    given = [
        (var, parameter)
        for op in program.operations
        for parameter, group in op.inputs.items()
        for var in group
        if var.is_constant
    ]
    for var, word in (*made, *given):
        if id(var) not in named:
            named.add(id(var))
            var.name = names.take(var.name or word)
