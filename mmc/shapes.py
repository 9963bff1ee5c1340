"""Fix the open dimensions of a model's inputs, from what the user says on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import prod

import numpy as np
import onnx_ir as ir

from mmc.counting import counted
from mmc.diagnostics import ModelError
from mmc.frontend.operands import check_operands
from mmc.inference import infer, infer_node
from mmc.values import Array

__all__ = ["fix_shapes", "infer", "infer_node", "open_dimensions"]

ANONYMOUS = ("", "?", "-1")
MOST_ELEMENTS = 2**31 - 1
"""What the 32-bit sizes of the artifacts can count."""

Dims = list[int | str | None]


def fix_shapes(
    model: ir.Model,
    input_shapes: Mapping[str, Sequence[int]],
    dims: Mapping[str, int],
    constants: Mapping[str, Array],
) -> bool:
    """Give every input a static shape, and infer all others anew if that changed anything.

    Args:
        input_shapes: `--input-shape NAME:1,3,224,224`; its numbers also bind the input's symbols.
        dims: `--dim SYMBOL=VALUE`, for every input that has the symbol.
        constants: `--const NAME=VALUE`: the input becomes this constant.
    Raises:
        ModelError: MMC109 empty dimension, MMC114 operands of two types, MMC115 open dimensions,
            MMC116 contradiction, MMC117 unknown name, MMC118 constant of another type.
    """
    inputs = {v.name or "": v for v in model.graph.inputs}
    asked = {**input_shapes, **{name: np.shape(c) for name, c in constants.items()}}
    for name in asked:
        if name not in inputs:
            raise _unknown("input", name, list(inputs))
    shapes = {name: _dims(value) for name, value in inputs.items()}
    bound = _bind(shapes, asked, dims, constants)
    changed = bool(constants)
    for name, value in inputs.items():
        wanted = [bound.get(d, d) if isinstance(d, str) else d for d in shapes[name] or ()]
        wanted = list(asked.get(name, wanted))
        known = name in asked or shapes[name] is not None
        if known and (value.shape is None or wanted != list(value.shape.dims)):
            value.shape = ir.Shape(wanted)
            changed = True
    for name, array in constants.items():
        _make_constant(model.graph, inputs[name], array)
    _refuse_open(model)
    if changed:
        _forget_shapes(model)
        infer(model)
        _refuse_too_small(model)
    check_operands(model)
    _check_outputs(model)
    return changed


def _refuse_too_small(model: ir.Model) -> None:
    """Refuse inputs from which a window, say, leaves fewer than no elements (MMC109)."""
    for node in model.graph:
        for value in node.outputs:
            dims = list(value.shape.dims) if value.shape is not None else []
            if any(isinstance(d, int) and d < 0 for d in dims):
                sizes = ", ".join(map(str, dims))
                where, what = f"{node.op_type} {node.name!r}", f"has a result of shape [{sizes}]"
                why = "its operands are too small for it"
                raise ModelError("MMC109", where, what, why=why, fix="larger inputs")


def _check_outputs(model: ir.Model) -> None:
    """Infer again what makes an output: the shape that its file declares may hide a contradiction.

    Raises:
        ModelError: MMC114 when the inputs of a node do not go together.
    """
    for node in model.graph:
        if any(value.is_graph_output() for value in node.outputs):
            infer_node(node)


def _dims(value: ir.Value) -> Dims | None:
    """Return an input's dimensions: a number, a symbol, or None where it has neither."""
    if value.shape is None:
        return None
    found: Dims = []
    for dim in value.shape.dims:
        if isinstance(dim, int):
            found.append(dim if dim >= 0 else None)
        else:
            found.append(None if dim.value is None or dim.value in ANONYMOUS else dim.value)
    return found


def _bind(
    shapes: Mapping[str, Dims | None],
    asked: Mapping[str, Sequence[int]],
    dims: Mapping[str, int],
    constants: Iterable[str],
) -> dict[str, int]:
    """Return the value of every symbol, from `dims` and from the asked shapes of inputs.

    Only constants may be empty: a list of no axes says something.
    """
    symbols = {d for shape in shapes.values() for d in shape or () if isinstance(d, str)}
    bound: dict[str, int] = {}
    for symbol, size in dims.items():
        if symbol not in symbols:
            raise _unknown("dimension", symbol, sorted(symbols))
        bound[symbol] = _positive(f"--dim {symbol}", size)
    for name, wanted in asked.items():
        known = shapes[name]
        if known is None:
            continue
        if len(known) != len(wanted):
            what = f"has {counted(len(known), 'dimension')} {_show(known)}, not {len(wanted)}"
            raise ModelError("MMC116", f"input {name!r}", what, fix=_shape_flag(name, known))
        for axis, (dim, size) in enumerate(zip(known, wanted, strict=True)):
            if name not in constants:
                _positive(f"input {name!r}", size)
            _agree(name, axis, dim, int(size), bound)
    return bound


def _agree(name: str, axis: int, dim: int | str | None, size: int, bound: dict[str, int]) -> None:
    """Bind a symbol to `size`, or refuse what the model or another flag contradicts (MMC116)."""
    if isinstance(dim, str):
        other = bound.setdefault(dim, size)
        why = f"{dim!r} is {other} by another input or --dim"
    else:
        other = dim or size  # 0 means "not known" to some exporters: the user may say what it is
        why = "the model fixes it"
    if other != size:
        what = f"dimension {axis} is {other}, not {size}"
        raise ModelError("MMC116", f"input {name!r}", what, why=why, fix=f"ask for {other} there")


def _positive(where: str, size: int) -> int:
    if int(size) != size or size <= 0:
        raise ModelError(
            "MMC109", where, f"has a dimension of size {size}", fix="sizes are 1 or more"
        )
    return int(size)


def _unknown(kind: str, name: str, known: list[str]) -> ModelError:
    close = get_close_matches(name, known, n=1)
    what = f"the model has no {kind} of this name"
    fix = f"did you mean {close[0]!r}?" if close else f"its {kind}s: {', '.join(known) or 'none'}"
    return ModelError("MMC117", f"{kind} {name!r}", what, fix=fix)


def _make_constant(graph: ir.Graph, value: ir.Value, array: Array) -> None:
    """Turn an input into an initializer; its numbers must fit the input's type exactly (MMC118)."""
    dtype = value.dtype
    data = np.asarray(array)
    if dtype is not None:
        with np.errstate(invalid="ignore"):
            cast = data.astype(dtype.numpy())
        rounded = data.dtype.kind == "f" and dtype.is_floating_point()
        if not rounded and not np.array_equal(cast.astype(data.dtype), data):
            what = f"cannot be bound to {data.dtype} values: it is {dtype}"
            raise ModelError("MMC118", f"input {value.name!r}", what, fix=f"give {dtype} values")
        data = cast
    graph.inputs.remove(value)
    value.const_value = ir.Tensor(data, name=value.name)
    value.type, value.shape = (
        ir.TensorType(ir.DataType.from_numpy(data.dtype)),
        ir.Shape(data.shape),
    )
    graph.register_initializer(value)


def open_dimensions(model: ir.Model) -> Iterator[tuple[str, int, str | None]]:
    """Yield (input, axis, symbol or None) of every dimension without a number; axis -1: no rank."""
    for value in model.graph.inputs:
        dims = _dims(value)
        if dims is None:
            yield value.name or "", -1, None
        for axis, dim in enumerate(dims or ()):
            if not isinstance(dim, int):
                yield value.name or "", axis, dim


def _refuse_open(model: ir.Model) -> None:
    """Refuse open (MMC115), empty or huge (MMC109) inputs, naming the flags that help."""
    found = list(open_dimensions(model))
    lines = [
        f"input {name!r} "
        + (f"dimension {axis} is {symbol or '?'}" if axis >= 0 else "has no rank")
        for name, axis, symbol in found
    ]
    flags = [f"--dim {s}=1" for s in dict.fromkeys(s for _, _, s in found if s)]
    shapes = {v.name or "": _dims(v) for v in model.graph.inputs}
    flags += [_shape_flag(n, shapes[n]) for n in dict.fromkeys(n for n, _, s in found if s is None)]
    if found:
        what = f"{counted(len(found), 'open dimension')} in the inputs: " + "; ".join(lines)
        why = "the model's other shapes are computed from these, so all must be numbers"
        fix = " ".join(flags)
        if any(axis != 0 for _, axis, _ in found):  # axis 0 is the batch of most models
            fix += " with the sizes it is to run at: 1 stands for any"
        raise ModelError("MMC115", "model", what, why=why, fix=fix)
    for name, dims in shapes.items():
        _refuse_size(name, dims or [])


def _refuse_size(name: str, dims: Dims) -> None:
    """Refuse an input without elements, or with more than 32-bit sizes can count (MMC109)."""
    what = f"has shape {_show(dims)}: "
    if 0 in dims:
        fix = _shape_flag(name, [d or None for d in dims])
        raise ModelError("MMC109", f"input {name!r}", what + "a dimension of size 0", fix=fix)
    if prod(d for d in dims if isinstance(d, int)) > MOST_ELEMENTS:
        what += f"more than {MOST_ELEMENTS} elements"
        raise ModelError("MMC109", f"input {name!r}", what, fix="export with smaller sizes")


def _shape_flag(name: str, dims: Dims | None) -> str:
    sizes = ",".join(str(d) if isinstance(d, int) else "1" for d in dims or (None,))
    return f"--input-shape {name}:{sizes}"


def _show(dims: Dims) -> str:
    return "[" + ", ".join("?" if d is None else str(d) for d in dims) + "]"


def _forget_shapes(model: ir.Model) -> None:
    """Drop recorded shapes that the old dimensions may have shaped; element types stay.

    A Loop's counter and condition are one number each: ONNX Runtime does not run it otherwise.
    """
    loops = [n for graph in model.graphs() for n in graph if n.op_type == "Loop"]
    single = {v for n in loops for v in n.attributes["body"].as_graph().inputs[:2]}
    for graph in model.graphs():
        for node in graph:
            for value in node.outputs:
                value.shape = None
        for value in graph.inputs if graph is not model.graph else ():
            value.shape = value.shape if value in single else None
