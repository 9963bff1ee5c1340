"""Open an .mlpackage: its manifest, the program and the types of its inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmc.diagnostics import EmitError

from . import protos
from .blob import unpack
from .mil import STORED, Array, Blob, Block, Function, Literal, Named, Operation, Reference, Type

SIGNATURE = "mmc.signature"


@dataclass(frozen=True)
class Picture:
    """An input that is an image: its colors and size."""

    color: str
    height: int
    width: int


@dataclass(frozen=True)
class Declared:
    """The shapes that an input may have: those listed, or all between two (the second may be -1).

    A picture's are its heights and widths.
    """

    listed: tuple[tuple[int, ...], ...]
    ranged: bool = False

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Say whether an array of `shape` may be given."""
        shape = shape[-len(self.listed[0]) :]
        if not self.ranged:
            return shape in self.listed
        low, high = self.listed
        return len(shape) == len(low) and all(
            a <= d and (b < 0 or d <= b) for a, d, b in zip(low, shape, high, strict=True)
        )

    def __str__(self) -> str:
        """Return it for messages."""
        join = " to " if self.ranged else " or "
        return join.join(str(list(shape)) for shape in self.listed[:8])


@dataclass(frozen=True)
class Package:
    """A program, where its weights lie, and what its description says."""

    path: Path
    function: Function
    pictures: Mapping[str, Picture]
    outputs: tuple[str, ...]
    declared: Mapping[str, Declared]
    signature: Mapping[str, Any]
    classifier: tuple[str, ...] = ()
    """The outputs that name the likeliest class and give the scores by name."""
    states: frozenset[str] = frozenset()
    """The inputs that stay from call to call, and begin as zeros."""

    @property
    def folder(self) -> Path:
        """Return the folder that `@model_path` stands for."""
        return model_file(self.path).parent


def open_package(path: Path) -> Package:
    """Return what a package says; raises EmitError MMC420 if it is no sound ML Program."""
    file = model_file(path)
    try:
        spec = protos.model().Model.FromString(file.read_bytes())
    except Exception as error:  # protobuf raises types of its own, the file system OSError
        raise unreadable(path, f"{file.name} is no Core ML model: {error}") from error
    found = spec.WhichOneof("Type")
    if found != "mlProgram":
        raise unreadable(path, f"it holds {found or 'nothing'}, not an ML Program")
    try:
        return to_package(path, spec)
    except (KeyError, ValueError, IndexError) as error:
        raise unreadable(path, f"its program is damaged: {error}") from error


def unreadable(path: Path, why: str) -> EmitError:
    """Return the error for a package that cannot be evaluated."""
    fix = "give a folder NAME.mlpackage with an ML Program (iOS 15 or later)"
    return EmitError("MMC420", str(path), "is no readable Core ML package", why=why, fix=fix)


def model_file(path: Path) -> Path:
    """Return the file of the model, as the manifest names it."""
    try:
        manifest = json.loads((path / "Manifest.json").read_text())
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        return path / "Data" / str(item["path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(path, f"Manifest.json: {error}") from error


def to_package(path: Path, spec: Any) -> Package:
    """Return the parts of a Model message."""
    function, about = chosen(spec)
    pictures = {f.name: to_picture(f.type.imageType) for f in about.input if is_image(f)}
    return Package(
        path,
        to_function(function),
        pictures,
        tuple(f.name for f in about.output),
        {f.name: found for f in about.input if (found := to_declared(f.type))},
        json.loads(spec.description.metadata.userDefined.get(SIGNATURE, "{}")),
        (about.predictedFeatureName, about.predictedProbabilitiesName),
        frozenset(i.name for i in function.inputs if i.type.WhichOneof("type") == "stateType"),
    )


def chosen(spec: Any) -> tuple[Any, Any]:
    """Return the function that runs unless another one is asked for, and its interface.

    Raises:
        ValueError: if there is none.
    """
    name, about = spec.description.defaultFunctionName or "main", spec.description
    if name not in spec.mlProgram.functions:
        raise ValueError(f"it has no function {name!r}")
    named = {f.name: f for f in about.functions}
    return spec.mlProgram.functions[name], named.get(name, about)


def is_image(feature: Any) -> bool:
    """Say whether an input is an image."""
    return bool(feature.type.WhichOneof("Type") == "imageType")


def to_declared(kind: Any) -> Declared | None:
    """Return the shapes that an input may have; None where its one shape is in the program."""
    if kind.WhichOneof("Type") == "imageType":
        image = kind.imageType
        if image.HasField("enumeratedSizes"):
            return Declared(tuple((s.height, s.width) for s in image.enumeratedSizes.sizes))
        sizes = image.imageSizeRange
        ranges = [sizes.heightRange, sizes.widthRange]
        return to_range(ranges) if image.HasField("imageSizeRange") else None
    array = kind.multiArrayType
    if array.HasField("enumeratedShapes"):
        return Declared(tuple(tuple(s.shape) for s in array.enumeratedShapes.shapes))
    return to_range(array.shapeRange.sizeRanges) if array.HasField("shapeRange") else None


def to_range(ranges: Iterable[Any]) -> Declared:
    """Return the shapes between lower and upper bounds."""
    low, high = zip(*((r.lowerBound, r.upperBound) for r in ranges), strict=True)
    return Declared((low, high), ranged=True)


def to_picture(image: Any) -> Picture:
    """Return an image's type."""
    color = protos.features().ImageFeatureType.ColorSpace.Name(image.colorSpace)
    return Picture(color, image.height, image.width)


def to_function(function: Any) -> Function:
    """Return a function; the opset "CoreML7" has number 7."""
    if function.opset not in function.block_specializations:
        raise ValueError(f"it has no operations for opset {function.opset!r}")
    block = function.block_specializations[function.opset]
    number = int(function.opset.removeprefix("CoreML"))
    return Function(tuple(map(to_named, function.inputs)), number, to_block(block))


def to_block(block: Any) -> Block:
    """Return a block."""
    operations = tuple(map(to_operation, block.operations))
    return Block(tuple(map(to_named, block.inputs)), operations, tuple(block.outputs))


def to_operation(op: Any) -> Operation:
    """Return an operation."""
    inputs = {
        name: tuple(
            Reference(b.name) if b.WhichOneof("binding") == "name" else to_literal(b.value)
            for b in argument.arguments
        )
        for name, argument in op.inputs.items()
    }
    return Operation(
        op.type,
        inputs,
        {name: to_literal(value) for name, value in op.attributes.items()},
        tuple(map(to_named, op.outputs)),
        tuple(map(to_block, op.blocks)),
    )


def to_named(named: Any) -> Named:
    """Return a definition."""
    return Named(named.name, to_type(named.type))


def to_type(given: Any) -> Type:
    """Return a type; what is no tensor has the kind of value as its name."""
    if given.WhichOneof("type") == "stateType":
        given = given.stateType.wrappedType
    if given.WhichOneof("type") != "tensorType":
        return Type((given.WhichOneof("type") or "nothing").removesuffix("Type").upper())
    sizes = [
        d.constant.size if d.WhichOneof("dimension") == "constant" else -1
        for d in given.tensorType.dimensions
    ]
    return Type(protos.mil().DataType.Name(given.tensorType.dataType), tuple(sizes))


def to_literal(value: Any) -> Literal:
    """Return a value that is written in place, or where it lies in the weight file."""
    kind = to_type(value.type)
    if value.WhichOneof("value") == "blobFileValue":
        return Blob(value.blobFileValue.fileName, value.blobFileValue.offset, kind)
    immediate = value.immediateValue
    if immediate.WhichOneof("value") == "list":
        return tuple(to_literal(item) for item in immediate.list.values)
    return to_array(immediate.tensor, kind)


def to_array(tensor: Any, kind: Type) -> Array | str | tuple[Any, ...]:
    """Return a tensor written in place."""
    field = tensor.WhichOneof("value")
    if kind.kind == "STRING":
        strings = tuple(tensor.strings.values)
        return strings if kind.shape else strings[0]
    if field is None:
        return np.zeros(kind.shape, STORED[kind.kind])
    values = getattr(tensor, field).values
    if field == "bytes":
        return unpack(np.frombuffer(values, np.uint8), kind)
    return np.array(values, STORED[kind.kind]).reshape(kind.shape)
