"""Bring a model of any opset to the working opset, keeping the names of the user's nodes.

ONNX's converter does the work, on a model without its large weights (they are inputs meanwhile). It
forgets node names and metadata, and three of its conversions are wrong; both are put right here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx_ir as ir
from onnx import defs, version_converter

from mmc.diagnostics import ModelError
from mmc.frontend.weights import FLOATS
from mmc.inference import infer
from mmc.values import OPSET, SOURCES, attrs, constant, every_node, operand, schema_of

OLDEST, NEWEST = 7, 28
SIGNED = 13
"""From this opset on, an operator that changed has another signature."""


@dataclass(frozen=True)
class Origin:
    """What a value's producer was before the conversion."""

    name: str
    op_type: str
    sources: str


def to_working_opset(model: ir.Model) -> ir.Model:
    """Return the model in opset 25, with unique node names and their sources recorded.

    Raises:
        ModelError: MMC104 for an opset outside 1..28, MMC113 for a node that cannot be converted.
    """
    opset = model.graph.opset_imports.get("", OPSET)
    if not 1 <= opset <= NEWEST:
        fix = f"export the model with opset {OLDEST} to {NEWEST} (17 or later is best)"
        raise ModelError("MMC104", "model", f"uses opset {opset}", fix=fix)
    if opset == OPSET:
        return model
    if opset > OPSET:
        _downgrade(model, opset)
        return model
    if _means_the_same(model, opset):
        model.graph.opset_imports[""] = OPSET
        return model
    origins = {
        v.name: Origin(n.name or "", n.op_type, n.metadata_props.get(SOURCES, ""))
        for n in every_node(model.graph)
        for v in n.outputs
    }
    converted = _convert(model, opset)
    for node in list(every_node(converted.graph)):
        _repair(node, origins.get(node.outputs[0].name), opset)
    _restore_names(converted, origins)
    return converted


def _means_the_same(model: ir.Model, opset: int) -> bool:
    """Say whether no operator of the model has changed since its opset: nothing to convert."""
    if model.functions:
        return False
    return all(n.domain != "" or _is_kept(n.op_type, opset) for n in every_node(model.graph))


@cache
def _is_kept(op_type: str, opset: int) -> bool:
    """Say whether an operator of this opset means the same in the working one.

    It does if it is the same version, or if later ones have only more element types: since opset 13
    every change of meaning shows in the signature.
    """
    if not defs.has(op_type, opset):
        return not defs.has(op_type, OPSET)
    new, old = defs.get_schema(op_type, OPSET, ""), defs.get_schema(op_type, opset, "")
    if opset < SIGNED:
        return bool(new.since_version == old.since_version)
    while new.since_version > old.since_version:
        before = defs.get_schema(op_type, new.since_version - 1, "")
        if _signature(before) != _signature(new):
            return False
        new = before
    return True


def _signature(schema: defs.OpSchema) -> tuple[object, ...]:
    attributes = {
        name: (a.type, a.required, a.default_value.SerializeToString())
        for name, a in schema.attributes.items()
    }
    formals = [(p.name, p.option) for p in (*schema.inputs, *schema.outputs)]
    return attributes, formals, len(schema.inputs), schema.deprecated


def _downgrade(model: ir.Model, opset: int) -> None:
    """Take a newer opset back to 25, where every node must mean the same (MMC113 where not).

    Since then there are new operators, attributes and element types, and Mod of floats without
    fmod. An attribute that has its default value can go.
    """
    model.graph.opset_imports[""] = OPSET
    for node in every_node(model.graph):
        if node.domain != "":
            continue
        old = schema_of("", node.op_type)
        if old is None:
            raise _too_new(node, opset, f"{node.op_type} is new in opset {opset}")
        defaults = defs.get_schema(node.op_type, opset, "").attributes
        for name in [n for n in node.attributes if n not in old.attributes]:
            default = defaults[name].default_value if name in defaults else None
            if default is None or node.attributes[name] != ir.from_proto(default):
                raise _too_new(node, opset, f"attribute {name!r} is new in opset {opset}")
            node.attributes.pop(name)
    infer(model)
    for node in every_node(model.graph):
        _check_element_types(node, opset)


def _check_element_types(node: ir.Node, opset: int) -> None:
    schema = schema_of(node.domain, node.op_type)
    dtypes = [v.dtype for v in node.inputs if v is not None]
    if schema is None or node.domain != "":
        return
    if node.op_type == "Mod" and not attrs(node)["fmod"] and any(d in FLOATS for d in dtypes):
        raise _too_new(node, opset, "Mod of floats without fmod=1")
    allowed = {c.type_param_str: set(c.allowed_type_strs) for c in schema.type_constraints}
    for formal, value in zip(schema.inputs, node.inputs, strict=False):
        known = allowed.get(formal.type_str)
        if known and value is not None and isinstance(value.type, ir.TensorType):
            name = value.type.dtype.name.lower()
            if f"tensor({name})" not in known:
                raise _too_new(node, opset, f"input {formal.name!r} of type {name}")


def _too_new(node: ir.Node, opset: int, what: str) -> ModelError:
    fix = f"export the model with opset {OPSET} or earlier"
    where = f"{node.op_type} {node.name!r}"
    why = f"the model has opset {opset}, mmc works in opset {OPSET}"
    return ModelError("MMC113", where, f"{what}: opset {OPSET} has no equal", why=why, fix=fix)


def _convert(model: ir.Model, opset: int) -> ir.Model:
    """Run ONNX's converter with the large weights as inputs, then give them their data back."""
    graph = model.graph
    if opset == 8 and (scans := [n for n in every_node(graph) if n.op_type == "Scan"]):
        raise _refusal(model, opset, f"{scans[0].op_type} of opset 8 has a batch dimension")
    weights = {
        name: value.const_value
        for name, value in graph.initializers.items()
        if isinstance(value.const_value, ir.ExternalTensor)
    }
    inputs = list(graph.inputs)
    graph.inputs.extend(graph.initializers.pop(name) for name in weights)
    types = [(v.type, v.shape) for v in graph.outputs]
    try:
        proto = version_converter.convert_version(ir.to_proto(model), OPSET)
    except (RuntimeError, ValueError) as error:
        raise _refusal(model, opset, str(error)) from error
    converted = ir.from_proto(proto)
    converted.graph.metadata_props.update(graph.metadata_props)
    restored = {v.name: v for v in converted.graph.inputs}
    for name, tensor in weights.items():
        value = restored[name]
        value.const_value = tensor
    del converted.graph.inputs[:]
    converted.graph.inputs.extend(restored[v.name] for v in inputs)
    for name in weights:
        converted.graph.register_initializer(restored[name])
    for value, (kind, shape) in zip(converted.graph.outputs, types, strict=True):
        value.type, value.shape = kind, shape
    return converted


def _refusal(model: ir.Model, opset: int, message: str) -> ModelError:
    """Return the error for a failed conversion, with the nodes whose operator it mentions."""
    reason = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    names = [f"{n.op_type} {n.name!r}" for n in every_node(model.graph) if n.op_type in reason]
    where = ", ".join(names[:5]) or "model"
    what = f"cannot be brought from opset {opset} to {OPSET}"
    return ModelError("MMC113", where, what, why=reason, fix="export the model with opset 17")


def _restore_names(model: ir.Model, origins: dict[str | None, Origin]) -> None:
    """Name nodes as before; what the converter put in belongs to the node it serves."""
    for node in every_node(model.graph):
        origin = next((o for o in _origins(node, origins)), None)
        if origin is not None:
            node.metadata_props[SOURCES] = origin.sources
            if origins.get(node.outputs[0].name) is origin:
                node.name = origin.name


def _origins(node: ir.Node, origins: dict[str | None, Origin], depth: int = 4) -> Iterator[Origin]:
    for value in node.outputs:
        if value.name in origins:
            yield origins[value.name]
    if depth:
        for value in node.outputs:
            for user in value.consumers():
                yield from _origins(user, origins, depth - 1)


def _repair(node: ir.Node, origin: Origin | None, opset: int) -> None:
    """Apply the repair, if this operator needs one at all."""
    if origin is None:
        return
    for op_type, until, repair in REPAIRS:
        if origin.op_type == op_type and opset < until and node.domain == "":
            repair(node)


def _resize(node: ir.Node) -> None:
    """Resize-10 and Upsample sample at y / scale, and take the pixel below (above, shrinking)."""
    node.attributes.add(ir.AttrString("coordinate_transformation_mode", "asymmetric"))
    if attrs(node)["mode"] != "nearest":
        return
    scales = constant(operand(node, 2))
    modes = {"floor" if s > 1 else "ceil" for s in (() if scales is None else scales) if s != 1}
    if scales is None or len(modes) > 1:
        what = "Resize of opset 10 with computed or mixed scales has no equal in later opsets"
        fix = "export the model with opset 11 or later"
        raise ModelError("MMC113", f"Resize {node.name!r}", what, fix=fix)
    node.attributes.add(ir.AttrString("nearest_mode", modes.pop() if modes else "floor"))


def _upsample(node: ir.Node) -> None:
    """Upsample only grows, so its rounding is known whatever its scales."""
    node.attributes.add(ir.AttrString("coordinate_transformation_mode", "asymmetric"))
    if attrs(node)["mode"] == "nearest":
        node.attributes.add(ir.AttrString("nearest_mode", "floor"))


def _hardmax(node: ir.Node) -> None:
    """Hardmax of opset < 13 takes all axes from `axis` (default 1) on as one."""
    axis = node.attributes.pop("axis", None)
    data, result = node.inputs[0], node.outputs[0]
    assert data is not None
    shape = ir.node("Shape", [data])
    flat = ir.node("Flatten", [data], {"axis": 1 if axis is None else axis.as_int()})
    back = ir.node("Reshape", [result, shape.outputs[0]])
    _insert(node, [shape, flat], [back])
    node.replace_input_with(0, flat.outputs[0])


def _insert(node: ir.Node, before: list[ir.Node], after: list[ir.Node]) -> None:
    """Put nodes around `node`; the last one's result takes over the name and the users."""
    graph, old, new = node.graph, node.outputs[0], after[-1].outputs[0]
    assert graph is not None
    graph.insert_before(node, before)
    graph.insert_after(node, after)
    users = [(u.node, u.idx) for u in old.uses() if u.node not in after]
    for user, index in users:
        user.replace_input_with(index, new)
    new.type, new.shape = old.type, old.shape
    if old.is_graph_output():
        graph.outputs[list(graph.outputs).index(old)] = new
    name, old.name = old.name, f"{old.name} inner"
    new.name = name


def _group_norm(node: ir.Node) -> None:
    """GroupNormalization of opset 18 has one scale and bias per group, since 21 one per channel."""
    graph, data = node.graph, node.inputs[0]
    assert graph is not None
    assert data is not None
    groups = attrs(node)["num_groups"]
    channels = data.shape[1] if data.shape is not None and len(data.shape) > 1 else None
    if not isinstance(channels, int):
        what = "GroupNormalization of opset 18 needs a known number of channels"
        fix = "export the model with opset 21 or later"
        raise ModelError("MMC113", f"GroupNormalization {node.name!r}", what, fix=fix)
    for index in (1, 2):
        flat = np.repeat(np.arange(groups), channels // groups)
        indices = ir.node("Constant", [], {"value": ir.tensor(flat)})
        spread = ir.node("Gather", [node.inputs[index], indices.outputs[0]])
        graph.insert_before(node, [indices, spread])
        node.replace_input_with(index, spread.outputs[0])


REPAIRS: tuple[tuple[str, int, Callable[[ir.Node], None]], ...] = (
    ("Resize", 11, _resize),
    ("Upsample", 10, _upsample),
    ("Hardmax", 13, _hardmax),
    ("GroupNormalization", 21, _group_norm),
)
