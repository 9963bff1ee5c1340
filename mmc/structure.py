"""What a model is made of, whatever its format: operators, what connects them, where they are from.

ONNX models, artifacts of every backend and text dumps become the same plain data, which is what
`mmc diff` aligns and what pages draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.diagnostics import ModelError

if TYPE_CHECKING:
    from mmc.ir import Model, Value


@dataclass(frozen=True, slots=True)
class Op:
    """One operator. `sources` are the user's nodes behind it; "" stands for an omitted input.

    `constants` are the types and digests of its constant operands, in order of the inputs.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: str = ""
    sources: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """What makes two operators equal but for what they are connected with."""
        return self.kind, self.attributes, self.constants


@dataclass
class Structure:
    """A model's operators in order; `named` says whether tensor names mean anything elsewhere.

    `codes` has the scale and zero point of tensors whose integers stand for other numbers.
    """

    ops: list[Op] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    named: bool = True
    codes: dict[str, tuple[float, int]] = field(default_factory=dict)

    def makers(self) -> dict[str, int]:
        """Return which operator makes each tensor."""
        return {name: i for i, op in enumerate(self.ops) for name in op.outputs if name}


def read_structure(path: Path) -> Structure:
    """Return the structure of a model, an artifact or a text dump.

    Raises:
        ModelError: when the file cannot be read.
    """
    from mmc.backends.base import backend_of

    if path.suffix == ".ir":
        return structure_of_text(path)
    backend = backend_of(path)
    if backend:
        return backend.structure(backend.read(path))
    from mmc.ir import load

    return structure_of(load(path))


def structure_of(model: Model) -> Structure:
    """Return the structure of a model in the IR."""
    from mmc.printing import attributes_text, type_text
    from mmc.values import sources, tensor_digest

    graph = model.graph
    found = Structure(
        inputs=[str(v.name) for v in graph.inputs if v.name not in graph.initializers],
        outputs=[str(v.name) for v in graph.outputs],
        types={str(v.name): type_text(v) for v in graph.inputs},
    )

    def constant(value: Value) -> str:
        name = str(value.name)
        if name not in found.constants:
            tensor = value.const_value
            content = "" if tensor is None else f" {tensor_digest(tensor)[:12]}"
            found.constants[name] = type_text(value) + content
        return found.constants[name]

    for node in graph:
        found.types.update({v.name: type_text(v) for v in node.outputs if v.name})
        found.ops.append(
            Op(
                f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
                node.name or "",
                tuple("" if v is None else str(v.name) for v in node.inputs),
                tuple(v.name or "" for v in node.outputs),
                significant(node.domain, node.op_type, attributes_text(node)),
                sources(node),
                tuple(constant(v) for v in node.inputs if v is not None and v.is_initializer()),
            )
        )
    return found


ATTRIBUTE = re.compile(r'(\w+)=("[^"]*"|\S+)')


def significant(domain: str, op_type: str, attributes: str) -> str:
    """Return the attributes without those that only say what the operator's default is."""
    from mmc.printing import default_texts

    plain, brace, graphs = attributes.partition("{")
    defaults = default_texts(domain, op_type)
    kept = [f"{n}={v}" for n, v in ATTRIBUTE.findall(plain) if defaults.get(n) != v]
    return " ".join(kept) + brace + graphs


VALUE = re.compile(r"(%\d+): ([^ ]+)")
LINE = re.compile(r"(?P<results>(?:_|%\d+: [^=]+?)(?:, (?:_|%\d+: [^=]+?))*) = (?P<rest>.*)")
CALL = re.compile(r"(?P<kind>[\w.]+)\((?P<inputs>[^)]*)\)(?P<attributes>.*?)(?:  # (?P<from>.*))?")
CONSTANT = re.compile(r"(@\d+): (\S+) = const ?(\S*)")


def structure_of_text(path: Path) -> Structure:
    """Return the structure in a dump of print_ir; raises ModelError (MMC101, MMC123)."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError("MMC101", str(path), "cannot be read", why=str(error)) from error
    found = Structure(named=False)
    for number, line in enumerate(lines, 1):
        if line.startswith(" "):  # a branch belongs to the operator above it
            last = found.ops.pop()
            found.ops.append(replace(last, attributes=last.attributes + line.strip()))
        elif not _read_line(line, found):
            what = f"line {number} is none of mmc's IR text"
            raise ModelError("MMC123", str(path), what, why=line[:80])
    return found


def _read_line(line: str, found: Structure) -> bool:
    if line.startswith("return "):
        found.outputs = [name for name in line.removeprefix("return ").split(", ") if name]
        return True
    if constant := CONSTANT.fullmatch(line):
        found.constants[constant[1]] = f"{constant[2]} {constant[3]}".strip()
        return True
    split = LINE.fullmatch(line)
    if split is None:
        return False
    results = list(_results(split["results"], found))
    if split["rest"] == "input":
        found.inputs += results
        return True
    call = CALL.fullmatch(split["rest"])
    if call is None:
        return False
    inputs = tuple("" if name == "_" else name for name in call["inputs"].split(", ") if name)
    constants = tuple(found.constants[name] for name in inputs if name in found.constants)
    origin = tuple(call["from"].split(", ")) if call["from"] else ()
    domain, _, op_type = call["kind"].rpartition(".")
    attributes = significant(domain, op_type, call["attributes"].strip())
    name = origin[0] if origin else results[0]
    found.ops.append(Op(call["kind"], name, inputs, tuple(results), attributes, origin, constants))
    return True


def _results(text: str, found: Structure) -> Iterator[str]:
    for part in re.split(r", (?=_|%\d+: )", text):
        value = VALUE.fullmatch(part)
        if value:
            found.types[value[1]] = value[2]
        yield value[1] if value else ""
