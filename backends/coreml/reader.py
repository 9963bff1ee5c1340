"""Package -> program, as far as it can be looked at: weights stay in their file, mapped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmc.diagnostics import ModelError
from mmc.options import Picture

from . import protos
from .blob import stored
from .mil import Blob
from .package import chosen, to_declared, to_type
from .program import NUMPY_TYPES, Feature, Operation, Program, Var
from .spec import MIL_TYPES, SIGNATURE, SOURCES
from .writer import MODEL

NEEDED = {
    **dict.fromkeys(("conv", "conv_transpose", "linear"), ("x", "weight")),
    "matmul": ("x", "y"),
    "scaled_dot_product_attention": ("query", "key", "value"),
}
"""Operands of which the cost of an operator is computed."""
TYPES = {name: kind for kind, name in MIL_TYPES.items()}


def read(path: Path) -> Program:
    """Return the program in a package of any origin; constants in the weight file have no data.

    Raises:
        ModelError: MMC120 if it is no package with an ML Program.
        EmitError: MMC421 if the weight file does not hold what the program says.
    """
    try:
        spec = protos.model().Model.FromString(model_file(path).read_bytes())
    except Exception as error:  # protobuf raises types of its own, the folder OSError and others
        raise no_package(path, str(error) or type(error).__name__) from error
    if spec.WhichOneof("Type") != "mlProgram":
        raise no_package(
            path, f"it holds {spec.WhichOneof('Type') or 'nothing'}, not an ML Program"
        )
    try:
        return Reader(spec, model_file(path).parent).program()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise no_package(path, f"its program is damaged: {error}") from error


def model_file(path: Path) -> Path:
    """Return the model of a package, as its manifest names it."""
    manifest = json.loads((path / "Manifest.json").read_text())
    item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
    found: Path = path / "Data" / item.get("path", MODEL)
    return found


def no_package(path: Path, why: str) -> ModelError:
    """Return the error for what cannot be read."""
    fix = "give a folder NAME.mlpackage with an ML Program"
    return ModelError("MMC120", str(path), "is no readable Core ML package", why=why, fix=fix)


class Reader:
    """Turns one spec into a program."""

    def __init__(self, spec: Any, folder: Path) -> None:
        self.spec = spec
        self.folder = folder
        self.vars: dict[str, Var] = {}
        defined = spec.description.metadata.userDefined
        self.signature: Mapping[str, Any] = json.loads(defined.get(SIGNATURE, "{}"))
        self.sources: Mapping[str, str] = json.loads(defined.get(SOURCES, "{}"))

    def program(self) -> Program:
        """Return the program."""
        function, interface = chosen(self.spec)
        if function.opset not in function.block_specializations:
            raise ValueError(f"it has no operations for opset {function.opset!r}")
        block = function.block_specializations[function.opset]
        version = self.spec.specificationVersion
        program = Program(opset=function.opset, version=version, was_read=True)
        program.metadata.update(self.spec.description.metadata.userDefined)
        about = self.spec.description.metadata
        program.about = {
            "author": about.author,
            "license": about.license,
            "version": about.versionString,
            "description": about.shortDescription,
        }
        for given in function.inputs:
            self.vars[given.name] = self.variable(given)
        for op in block.operations:
            if op.type == "const":
                self.constant(op)
            else:
                program.operations.append(self.operation(op))
        program.inputs = [self.feature(f, "inputs") for f in interface.input]
        program.outputs = [self.feature(f, "outputs") for f in interface.output]
        return program

    def variable(self, named: Any) -> Var:
        """Return a variable for a named type; open dimensions are -1."""
        if named.type.WhichOneof("type") == "dictionaryType":
            return Var(named.name, "dictionary", ())
        kept = named.type.WhichOneof("type") == "stateType"
        tensor = (named.type.stateType.wrappedType if kept else named.type).tensorType
        sizes = [
            d.constant.size if d.WhichOneof("dimension") == "constant" else -1
            for d in tensor.dimensions
        ]
        kind = protos.mil().DataType.Name(tensor.dataType)
        return Var(named.name, TYPES.get(kind, kind.lower()), tuple(sizes))

    def constant(self, op: Any) -> None:
        """Remember a constant."""
        var = self.variable(op.outputs[0])
        var.data = self.data(var, op.attributes["val"])
        self.vars[var.name] = var

    def data(self, var: Var, value: Any) -> Any:
        """Return a value's data: text, an array, or a placeholder for what lies in the file."""
        tensor = value.immediateValue.tensor
        if value.WhichOneof("value") == "blobFileValue":
            place = value.blobFileValue
            stored(self.folder, Blob(place.fileName, place.offset, to_type(value.type)))
            return np.broadcast_to(np.zeros((), NUMPY_TYPES.get(var.dtype, "uint8")), var.shape)
        field = tensor.WhichOneof("value")
        if field == "strings":
            return tensor.strings.values[0] if tensor.strings.values else ""
        if field == "bytes":
            kind = np.dtype(NUMPY_TYPES.get(var.dtype, "uint8"))
            return np.frombuffer(tensor.bytes.values, kind)
        kind = np.dtype(NUMPY_TYPES.get(var.dtype, "int64"))
        return np.array(getattr(tensor, field).values, kind).reshape(var.shape)

    def operation(self, op: Any) -> Operation:
        """Return an operation; its operands are defined before it."""
        inputs = {
            name: [self.operand(name, binding) for binding in argument.arguments]
            for name, argument in sorted(op.inputs.items())
        }
        for name in NEEDED.get(op.type, ()):
            if not inputs.get(name):
                raise ValueError(f"{op.type} has no {name}")
        if op.type.startswith("constexpr_"):
            for name, value in sorted(op.attributes.items()):
                if name != "name":
                    inputs[name] = [self.literal(name, value)]
        outputs = [self.variable(made) for made in op.outputs]
        self.vars.update((var.name, var) for var in outputs)
        origin = self.sources.get(outputs[0].name, "") if outputs else ""
        return Operation(op.type, inputs, outputs, tuple(origin.split("\n")) if origin else ())

    def operand(self, name: str, binding: Any) -> Var:
        """Return the variable of a binding."""
        if binding.WhichOneof("binding") == "value":
            return self.literal(name, binding.value)
        if binding.name not in self.vars:
            raise ValueError(f"it reads {binding.name!r}, which is not defined")
        return self.vars[binding.name]

    def literal(self, name: str, value: Any) -> Var:
        """Return a variable for a value that is bound in place."""
        var = self.variable(protos.mil().NamedValueType(name=name, type=value.type))
        var.data = self.data(var, value) if value.type.WhichOneof("type") == "tensorType" else ""
        return var

    def picture(self, name: str, given: Any) -> Picture | None:
        """Return how an input is a picture; what was done to its pixels is only in mmc's own."""
        if given.type.WhichOneof("Type") != "imageType":
            return None
        form = self.signature.get("pictures", {}).get(name)
        if form:
            return Picture(form["color"], form["scale"], tuple(form["bias"]))
        color = protos.features().ImageFeatureType.ColorSpace.Name(given.type.imageType.colorSpace)
        return Picture({"GRAYSCALE": "G"}.get(color, color))

    def feature(self, given: Any, side: str) -> Feature:
        """Return an input or output under its ONNX name, if the package says that."""
        name = self.signature.get(side, {}).get(given.name, given.name)
        var = self.vars.get(given.name) or Var(given.name, "fp32", ())
        shapes, dtypes = self.signature.get("shapes", {}), self.signature.get("dtypes", {})
        picture = self.picture(name, given)
        shape = tuple(shapes.get(name, var.shape))
        made = Feature(var, name, dtypes.get(name, var.dtype), shape, picture)
        if declared := to_declared(given.type):
            made.ranged = declared.ranged
            made.shapes = tuple(widest(shape, var.shape) for shape in declared.listed)
        return made


def widest(shape: tuple[int, ...], whole: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array; a picture's says height and width only."""
    return (*whole[: len(whole) - len(shape)], *shape)
