"""Hostile model files: small valid models, damaged or made dangerous in every way we know of.

`case(number)` returns the same files for the same number on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import Message  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper, parser

from benchmarks.hostile_texts import BOMBS, SEEDS

CONSTANTS = {"cw": (4, 3, 3, 3), "v4": (4,), "mw": (8, 8), "v8": (8,)}


@dataclass
class Case:
    """A model file, and what lies beside it."""

    name: str
    content: bytes
    beside: dict[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write everything; return the model's path."""
        for name, content in self.beside.items():
            (folder / name).write_bytes(content)
        path = folder / "model.onnx"
        path.write_bytes(self.content)
        return path


@cache
def seeds() -> dict[str, bytes]:
    """Return the valid models that all others are made from, serialized."""
    rng, made = np.random.default_rng(1), {}
    for name, text in SEEDS.items():
        model = parser.parse_model(text)
        for weight, shape in CONSTANTS.items():
            if any(weight in node.input for node in model.graph.node):
                array = np.abs(rng.standard_normal(shape)).astype(np.float32)
                model.graph.initializer.append(numpy_helper.from_array(array, weight))
        onnx.checker.check_model(model)
        made[name] = model.SerializeToString(deterministic=True)
    return made


Mutation = Callable[[random.Random, bytes], Case]
MUTATIONS: dict[str, Mutation] = {}


def mutation(f: Mutation) -> Mutation:
    """Register a kind of damage under its function's name."""
    MUTATIONS[f.__name__] = f
    return f


def edits(change: Callable[[random.Random, onnx.ModelProto], None]) -> Mutation:
    """Register a kind of damage that edits the parsed model."""

    def mutate(rng: random.Random, content: bytes) -> Case:
        model = onnx.ModelProto.FromString(content)
        change(rng, model)
        return Case(change.__name__, model.SerializeToString())

    MUTATIONS[change.__name__] = mutate
    return mutate


def case(number: int) -> Case:
    """Return the case of this number: kinds of damage in turn, models at random."""
    rng = random.Random(number)
    kinds = list(MUTATIONS)
    kind, seed = kinds[number % len(kinds)], rng.choice(list(SEEDS))
    made = MUTATIONS[kind](rng, seeds()[seed])
    made.name = f"{number} {kind} of {seed}"
    return made


@mutation
def bit_flips(rng: random.Random, content: bytes) -> Case:
    """One to eight bits are wrong."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(damaged) * 8)
        damaged[place // 8] ^= 1 << place % 8
    return Case("", bytes(damaged))


@mutation
def truncation(rng: random.Random, content: bytes) -> Case:
    """The file ends early."""
    return Case("", content[: rng.randrange(len(content))])


@mutation
def splice(rng: random.Random, content: bytes) -> Case:
    """A piece is left out, doubled, or taken from another model."""
    other = rng.choice(list(seeds().values()))
    start, stop = sorted(rng.randrange(len(content)) for _ in range(2))
    begin, end = sorted(rng.randrange(len(other)) for _ in range(2))
    return Case("", content[:start] + other[begin:end] * rng.randint(0, 2) + content[stop:])


NUMBERS = (0, 1, -1, 2, 3, 7, 127, 255, 2**31 - 1, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63))
TEXTS = ("", "x", "y", "Conv", "Reshape", "\x1b[31m", "a" * 5000, "../x", "<b>", "ünï", "a\0b")


def messages(message: Message) -> Iterator[Message]:
    """Yield a message and all those within it."""
    yield message
    for field_, value in message.ListFields():
        if field_.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field_.is_repeated else [value]:
                yield from messages(inner)


@edits
def field_edits(rng: random.Random, model: onnx.ModelProto) -> None:
    """One to three fields of any message are cleared, doubled, or given a strange value."""
    for _ in range(rng.randint(1, 3)):
        message = rng.choice([m for m in messages(model) if m.ListFields()])
        chosen, value = rng.choice(message.ListFields())
        repeated = chosen.is_repeated
        if rng.random() < 0.25:
            message.ClearField(chosen.name)
        elif repeated and rng.random() < 0.5:
            copy = list(value)
            rng.shuffle(copy)
            message.ClearField(chosen.name)
            getattr(message, chosen.name).extend(copy[: rng.randint(0, len(copy))] + copy[:1])
        elif chosen.type != FieldDescriptor.TYPE_MESSAGE:
            set_strange(rng, message, chosen, repeated)


def set_strange(rng: random.Random, message: Any, chosen: Any, repeated: bool) -> None:
    """Give a field of numbers or text a value that nobody expects; what protobuf refuses stays."""
    kind = chosen.cpp_type
    value: Any = rng.choice(NUMBERS)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        value = rng.choice(TEXTS)
        value = value.encode() if chosen.type == FieldDescriptor.TYPE_BYTES else value
    elif kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        value = rng.choice([0.0, -1.0, 1e38, float("nan"), float("inf"), 1e-45])
    elif kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_ENUM):
        value = rng.choice([v for v in NUMBERS if abs(v) < 2**31])
    try:
        if repeated:
            values = getattr(message, chosen.name)
            values[rng.randrange(len(values))] = value
        else:
            setattr(message, chosen.name, value)
    except ValueError:
        pass


def hostile_size(rng: random.Random) -> int:
    return rng.choice([0, -1, 65536, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1])


@edits
def input_shapes(rng: random.Random, model: onnx.ModelProto) -> None:
    """Inputs have impossible or unbearable shapes."""
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        for dim in rng.sample(list(dims), rng.randint(1, len(dims))) if dims else []:
            dim.dim_value = hostile_size(rng)
        if rng.random() < 0.2:
            for _ in range(rng.choice([1, 4, 60])):
                dims.add(dim_value=rng.choice([1, 2, 1024]))


@edits
def weight_shapes(rng: random.Random, model: onnx.ModelProto) -> None:
    """A weight says that it is large; its data may be missing."""
    tensors = [m for m in messages(model) if isinstance(m, onnx.TensorProto)]
    if tensors:
        tensor = rng.choice(tensors)
        tensor.dims[:] = [hostile_size(rng) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.5:
            tensor.ClearField("raw_data")


@edits
def names(rng: random.Random, model: onnx.ModelProto) -> None:
    """Nodes read what is computed later, by themselves, twice, or by nothing."""
    nodes = list(model.graph.node)
    known = [n for node in nodes for n in (*node.input, *node.output)] + ["nobody", ""]
    for _ in range(rng.randint(1, 3)):
        node = rng.choice(nodes)
        side = node.input if node.input and rng.random() < 0.7 else node.output
        side[rng.randrange(len(side))] = rng.choice(known)


@edits
def rude_names(rng: random.Random, model: onnx.ModelProto) -> None:
    """Names that are paths, markup, terminal escapes, very long, or hardly text."""
    rude = ("../../etc/passwd", "/etc/x", "<script>alert(1)</script>", "\x1b]0;x\x07\x1b[2J")
    rude += ("a\nb", "%s%n", "{0}", "\u202eabc", "a" * 100_000, "\x00", "'\"`$(id)")
    old = rng.choice([v.name for v in (*model.graph.input, *model.graph.output)])
    new = rng.choice(rude)
    for value in (*model.graph.input, *model.graph.output):
        value.name = new if value.name == old else value.name
    for node in model.graph.node:
        node.name = rng.choice(rude)
        for side in (node.input, node.output):
            side[:] = [new if n == old else n for n in side]


@edits
def attributes(rng: random.Random, model: onnx.ModelProto) -> None:
    """Attributes are huge lists, of another type, unknown, or there twice."""
    node = rng.choice(model.graph.node)
    kind = rng.randrange(4)
    if kind == 0:
        name = rng.choice([a.name for a in node.attribute] or ["axes"])
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        values = [rng.choice(NUMBERS) for _ in range(rng.choice([1, 5, 200_000]))]
        node.attribute.extend([*kept, helper.make_attribute(name, values)])
    elif kind == 1:
        node.attribute.append(helper.make_attribute(rng.choice(TEXTS[1:]), rng.choice(NUMBERS)))
    elif node.attribute:
        attribute = rng.choice(node.attribute)
        if kind == 2:
            node.attribute.append(attribute)
        attribute.type = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        attribute.i, attribute.s = rng.choice(NUMBERS), b"\xff\xfe"


@edits
def operators(rng: random.Random, model: onnx.ModelProto) -> None:
    """A node is another operator than its operands and attributes are for."""
    schemas = sorted({s.name for s in onnx.defs.get_all_schemas()})
    rng.choice(model.graph.node).op_type = rng.choice(schemas)
    if rng.random() < 0.3:
        model.opset_import[0].version = rng.randint(1, 27)


PATHS = ("../secret", "/etc/passwd", "../../../../etc/passwd", "data", "./data", "model.onnx", "")
PATHS += ("no such file", "a\0b", "/dev/zero", "/dev/stdin", "/proc/self/mem", ".", "data/../../x")


@mutation
def external_data(rng: random.Random, content: bytes) -> Case:
    """A weight lies in a file that is outside, no file, too short, or at a strange place."""
    model = onnx.ModelProto.FromString(content)
    tensor = TensorProto(name="far", dims=[rng.choice([4, 1000, 2**31])], data_type=1)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=rng.choice(PATHS))
    for key in ("offset", "length"):
        if rng.random() < 0.5:
            value = rng.choice([*map(str, NUMBERS), "16", "x", "", "1e3"])
            tensor.external_data.add(key=key, value=value)
    model.graph.initializer.append(tensor)
    reader = model.graph.node[0].output[0]
    if rng.random() < 0.7:
        model.graph.node.add(op_type="Mul", input=[reader, "far"], output=["bomb"])
        model.graph.output.append(helper.make_tensor_value_info("bomb", 1, None))
    return Case("", model.SerializeToString(), {"data": bytes(16)})


@mutation
def bombs(rng: random.Random, content: bytes) -> Case:
    """A few bytes that stand for a constant of gigabytes, or for a loop without end."""
    sizes = rng.choice([(8, 8), (4096, 4096), (2**16, 2**16), (2**31, 2), (2**40, 2**40)])
    body = rng.choice(BOMBS)
    text = f"""<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[u, v] y) {{
        n = Constant<value=int64[2] {{{sizes[0]}, {sizes[1]}}}>() {body} y = Mul(x, b) }}"""
    model = parser.parse_model(text)
    if rng.random() < 0.3:
        sparse = model.graph.sparse_initializer.add(dims=sizes)
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "thin"))
        sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "places"))
    return Case("", model.SerializeToString())
