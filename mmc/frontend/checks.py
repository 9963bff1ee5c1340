"""What can be wrong with a model file before anything is done with it: one precise error each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

import onnx

from mmc.diagnostics import ModelError
from mmc.frontend.conversion import NEWEST, OLDEST
from mmc.frontend.known_operators import check_operators
from mmc.frontend.protobuf import WireError
from mmc.frontend.protos import all_nodes
from mmc.frontend.weights import tensors

NEWEST_IR = 14
EXPORT = "export the model to ONNX first (see docs/exporting/README.md)"

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer: the model itself was not downloaded"),
    (4, b"TFL3", "a TFLite model"),
    (0, b"\x89HDF", "an HDF5 file (Keras)"),
    (0, b"PK\x03\x04", "a zip archive (PyTorch, Keras or Core ML)"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x80\x02", "a Python pickle"),
    (0, b"ORTM", "an ORT-format model"),
    (4, b"ORTM", "an ORT-format model"),
)


def check_file(path: Path) -> None:
    """Refuse what is not a readable, non-empty file (MMC101, MMC102)."""
    try:
        exists, folder, plain = path.exists(), path.is_dir(), path.is_file()
        size = path.stat().st_size if plain else 0
    except (OSError, ValueError) as error:
        raise ModelError("MMC101", str(path), "cannot be read", why=str(error)) from error
    if not exists:
        raise ModelError("MMC101", str(path), "does not exist", fix="check the path")
    if folder:
        raise ModelError("MMC101", str(path), "is a folder, not an ONNX file", fix=EXPORT)
    if not plain:
        raise ModelError("MMC101", str(path), "is not a plain file", fix="give a file")
    if size == 0:
        raise ModelError("MMC102", str(path), "is empty", fix="copy or export the model again")


def check_format(path: Path, data: mmap) -> None:
    """Refuse other formats that are known by their first bytes, and text (MMC103)."""
    head = bytes(data[:512])
    for offset, magic, name in MAGIC:
        if head[offset : offset + len(magic)] == magic:
            raise ModelError("MMC103", str(path), f"is no ONNX model but {name}", fix=EXPORT)
    text = all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head) and _decodes(head)
    if text:
        what = "is a text file, not an ONNX model"
        raise ModelError("MMC103", str(path), what, fix="give the binary .onnx file")


def _decodes(head: bytes) -> bool:
    try:
        head[:-4].decode()
    except UnicodeDecodeError:
        return False
    return True


def damaged(path: Path, error: Exception) -> ModelError:
    """Return the error for bytes that do not parse: a cut file (MMC102), or no ONNX (MMC103)."""
    with open(path, "rb") as file:
        head = file.read(64)
    fix = "copy or export the model again"
    # every exporter writes ir_version (field 1, a number below 128) first
    if isinstance(error, WireError) and error.at_end and head[:1] == b"\x08":
        return ModelError("MMC102", str(path), "is truncated", why=str(error), fix=fix)
    return ModelError("MMC103", str(path), "is not an ONNX model", why=str(error), fix=fix)


def check_model(proto: onnx.ModelProto, *, whole: bool = True) -> None:
    """Refuse models that ONNX does not allow; unsorted nodes are sorted on the way.

    Args:
        whole: not only a part of it is wanted, which may have inputs and outputs of other types.

    Raises:
        ModelError: MMC103 no model, MMC104 version, MMC105 invalid, MMC106 cycle, MMC110 unknown
            operator, MMC111 names, MMC112 types.
    """
    if not proto.HasField("graph") or not (proto.graph.node or proto.graph.output):
        raise ModelError("MMC103", "file", "has no ONNX graph", fix="export the model again")
    _check_versions(proto)
    check_operators(proto)
    _check_names(proto.graph)
    _sort(proto.graph)
    if whole:
        check_types(proto.graph)
    try:
        onnx.checker.check_model(checkable(proto))
    except onnx.checker.ValidationError as error:
        reason = str(error).split("==>")[0].strip()
        raise ModelError("MMC105", "model", "is not valid ONNX", why=reason) from error


def _check_versions(proto: onnx.ModelProto) -> None:
    for entry in proto.opset_import:
        entry.domain = "" if entry.domain == "ai.onnx" else entry.domain
    opsets = {o.domain: o.version for o in proto.opset_import}
    if not 1 <= proto.ir_version <= NEWEST_IR:
        fix = f"export the model with an onnx package whose IR version is at most {NEWEST_IR}"
        raise ModelError("MMC104", "model", f"has IR version {proto.ir_version}", fix=fix)
    if not opsets and proto.ir_version < 3:
        proto.opset_import.add(version=1)
        opsets = {"": 1}
    if "" not in opsets:
        proto.opset_import.add(version=OLDEST if proto.ir_version < 10 else 21)
        opsets[""] = OLDEST
    if not 1 <= opsets[""] <= NEWEST:
        fix = f"export the model with opset {OLDEST} to {NEWEST} (17 or later is best)"
        raise ModelError("MMC104", "model", f"uses opset {opsets['']}", fix=fix)


def _check_names(graph: onnx.GraphProto) -> None:
    """Refuse names defined twice, or used and never defined, in the main graph (MMC111)."""
    inputs = [v.name for v in graph.input]
    results = [name for node in graph.node for name in node.output if name]
    weights = [t.name for t in graph.initializer] + [
        t.values.name for t in graph.sparse_initializer
    ]
    extra = set(inputs) & set(results) | set(weights) & set(results)
    for kind, names in (("input", inputs), ("value", results), ("weight", weights)):
        twice = [n for n, count in Counter(names).items() if count > 1 or n in extra]
        if twice:
            fix = "give every value a name of its own"
            raise ModelError("MMC111", f"{kind} {twice[0]!r}", "is defined twice", fix=fix)
    outputs = [v.name for v in graph.output]
    if repeated := [n for n, count in Counter(outputs).items() if count > 1]:
        raise ModelError("MMC111", f"output {repeated[0]!r}", "is listed twice")
    defined = {*inputs, *results, *weights}
    for name in outputs:
        if name not in defined:
            raise ModelError("MMC111", f"output {name!r}", "is computed by no node")
    _check_reads(graph, set())


def _check_reads(graph: onnx.GraphProto, outer: set[str]) -> None:
    """Refuse a read of a name that neither this graph nor one around it defines (MMC111)."""
    defined = outer | {v.name for v in graph.input} | {t.name for t in graph.initializer}
    defined |= {t.values.name for t in graph.sparse_initializer}
    defined |= {name for node in graph.node for name in node.output}
    for node in graph.node:
        for name in node.input:
            if name and name not in defined:
                where = f"{node.op_type} {node.name or (node.output or ['?'])[0]!r}"
                what = f"reads {name!r}, which nothing defines"
                raise ModelError("MMC111", where, what, fix="export the model again")
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
                _check_reads(inner, defined)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names a node reads, its subgraphs included (their own names do no harm)."""
    yield from node.input
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
            for inner in graph.node:
                yield from _reads(inner)
            yield from (v.name for v in graph.output)


def _sort(graph: onnx.GraphProto) -> None:
    """Bring nodes into an order where every value is computed before its use; MMC106 on a cycle."""
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = [{maker[n] for n in _reads(node) if n in maker} for node in graph.node]
    if all(need < index for index, all_needed in enumerate(needs) for need in all_needed):
        return
    order, placed = [], set[int]()
    users: dict[int, list[int]] = {}
    for index, needed in enumerate(needs):
        for need in needed:
            users.setdefault(need, []).append(index)
    waiting = [len(needed) for needed in needs]
    ready = [i for i, count in enumerate(waiting) if count == 0]
    for index in ready:
        order.append(index)
        placed.add(index)
        for user in users.get(index, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    if len(order) < len(needs):
        raise _cycle(graph, {i: n - placed for i, n in enumerate(needs) if i not in placed})
    nodes = [onnx.NodeProto.FromString(graph.node[i].SerializeToString()) for i in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _cycle(graph: onnx.GraphProto, needs: dict[int, set[int]]) -> ModelError:
    """Return the error that names the nodes of one cycle, found by walking back from any node."""
    at, seen = next(iter(needs)), dict[int, None]()
    while at not in seen:
        seen[at] = None
        at = min(needs[at])
    path = list(seen)
    names = [graph.node[i].name or graph.node[i].output[0] for i in path[path.index(at) :][::-1]]
    what = f"its nodes form a cycle: {' -> '.join(repr(n) for n in [*names[:8], names[0]])}"
    return ModelError(
        "MMC106", "model", what, fix="export the model again; use Loop for recurrence"
    )


def check_types(graph: onnx.GraphProto) -> None:
    """Refuse inputs and outputs that are no tensors of numbers (MMC112)."""
    refused = {onnx.TensorProto.STRING, onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128}
    for kind, values in (("input", graph.input), ("output", graph.output)):
        for value in values:
            what = value.type.WhichOneof("value") or ("no type" if kind == "input" else "")
            element = value.type.tensor_type.elem_type
            if what == "tensor_type" and element in refused:
                what = f"a tensor of {onnx.TensorProto.DataType.Name(element)}".lower()
            elif kind == "input" and what == "tensor_type" and not element:
                what = "a tensor of no type"
            elif what in ("tensor_type", ""):
                continue
            why = "mobile runtimes take tensors of numbers only"
            fix = f"cut it off: mmc extract MODEL --{'from' if kind == 'input' else 'to'} TENSOR"
            if what == "sequence_type":
                fix += ", or export without (skl2onnx: options={'zipmap': False})"
            name = what.removesuffix("_type")
            where = f"{kind} {value.name!r}"
            raise ModelError("MMC112", where, f"is {name}", why=why, fix=fix)


def checkable(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy for the checker, which would look for data files: those tensors are empty.

    It also asks for the shape of outputs, which exporters leave out and nobody needs, and for
    initializers among the inputs of old models, which ONNX Runtime does not need either.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    copy.ir_version = 4 if copy.ir_version == 3 else copy.ir_version
    for _, tensor in tensors(copy):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
            tensor.dims[:] = [0]
    for node in all_nodes(copy.graph):
        if node.op_type == "GroupNormalization":  # opset 18's is deprecated, but models have it
            node.op_type = "InstanceNormalization"
            kept = [a for a in node.attribute if a.name == "epsilon"]
            node.ClearField("attribute")
            node.attribute.extend(kept)
    for value in copy.graph.output:
        if not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.elem_type = value.type.tensor_type.elem_type or 1
            value.type.tensor_type.shape.SetInParent()
    return copy
