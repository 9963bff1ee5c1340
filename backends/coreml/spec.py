"""A program as Core ML's protobuf; large constants go to the weight file on the way."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from . import protos
from .program import Array, Feature, Operation, Program, Var
from .weights import TYPE_CODES, WeightFile, pack

WEIGHTS = "@model_path/weights/weight.bin"
LEAST_IN_FILE = 10
"""Constants with fewer elements stand in the program itself, as Core ML's own tools have it."""
MIL_TYPES = {"fp16": "FLOAT16", "fp32": "FLOAT32", "bool": "BOOL", "string": "STRING"}
FEATURE_TYPES = {"fp32": "FLOAT32", "fp16": "FLOAT16", "int32": "INT32"}
OLD_FILE_TYPES = frozenset({"fp16", "fp32", "uint8", "int8"})
"""What the weight file may hold before CoreML8."""
SIGNATURE = "mmc.signature"
SOURCES = "mmc.sources"


def to_spec(program: Program, weights: WeightFile) -> Any:
    """Return the Model message of a finished program."""
    model = protos.model().Model(specificationVersion=program.version)
    describe(program, model.description)
    model.mlProgram.version = 1
    function = model.mlProgram.functions["main"]
    function.opset = program.opset
    for feature in program.inputs:
        function.inputs.add(name=feature.var.name, type=value_type(feature.var))
    block = function.block_specializations[program.opset]
    Writer(program, weights, block).run()
    block.outputs.extend(feature.var.name for feature in program.outputs)
    return model


class Writer:
    """Writes the operations of one block, each constant before its first use."""

    def __init__(self, program: Program, weights: WeightFile, block: Any) -> None:
        self.program = program
        self.weights = weights
        self.block = block
        self.mil = protos.mil()
        self._written: set[Var] = set()
        self._in_file = frozenset(TYPE_CODES) if program.version >= 9 else OLD_FILE_TYPES

    def run(self) -> None:
        """Write every operation."""
        for op in self.program.operations:
            if op.code.startswith("constexpr_"):
                self.constexpr(op)
            else:
                self.operation(op)

    def operation(self, op: Operation) -> None:
        """Write an operation and the constants that only now are needed."""
        for var in op.operands():
            if var.is_constant and var not in self._written:
                self._written.add(var)
                self.constant(var)
        made = self.block.operations.add(type=op.code)
        for name, group in op.inputs.items():
            arguments = made.inputs[name].arguments
            for var in group:
                arguments.add(name=var.name)
        self.finish(made, op)

    def constexpr(self, op: Operation) -> None:
        """Write a compressed constant: its parts are values, not operations of their own."""
        made = self.block.operations.add(type=op.code)
        for name, (var, *_) in op.inputs.items():
            if not var.is_constant:
                made.inputs[name].arguments.add(name=var.name)
            elif self.program.version >= 9:
                self.value(var, made.inputs[name].arguments.add().value)
            else:
                self.value(var, made.attributes[name])
        self.finish(made, op)

    def constant(self, var: Var) -> None:
        """Write a constant."""
        made = self.block.operations.add(type="const")
        self.value(var, made.attributes["val"])
        text(made.attributes["name"], var.name)
        made.outputs.add(name=var.name, type=value_type(var))

    def finish(self, made: Any, op: Operation) -> None:
        """Add the name and the results."""
        text(made.attributes["name"], op.output.name)
        for var in op.outputs:
            made.outputs.add(name=var.name, type=value_type(var))

    def value(self, var: Var, value: Any) -> None:
        """Fill in a value: in place, or a reference into the weight file."""
        assert var.data is not None
        value.type.CopyFrom(value_type(var))
        if isinstance(var.data, str):
            value.immediateValue.tensor.strings.values.append(var.data)
        elif var.data.size >= LEAST_IN_FILE and var.dtype in self._in_file:
            value.blobFileValue.fileName = WEIGHTS
            value.blobFileValue.offset = self.weights.add(var.dtype, var.data)
        else:
            immediate(value.immediateValue.tensor, var.dtype, var.data)


def immediate(tensor: Any, dtype: str, data: Array) -> None:
    """Fill in a tensor that stands in the program."""
    flat = data.reshape(-1)
    if dtype == "bool":
        tensor.bools.values.extend(flat.tolist())
    elif dtype in ("int32", "int16", "uint16"):
        tensor.ints.values.extend(flat.tolist())
    elif dtype == "fp32":
        tensor.floats.values.extend(flat.tolist())
    else:  # fp16, 8 bits and fewer, uint32
        tensor.bytes.values = np.ascontiguousarray(pack(dtype, flat)[0]).tobytes()


def text(value: Any, content: str) -> None:
    """Fill in a string."""
    value.type.tensorType.dataType = protos.mil().DataType.STRING
    value.immediateValue.tensor.strings.values.append(content)


def value_type(var: Var) -> Any:
    """Return the type message of a variable."""
    mil = protos.mil()
    made = mil.ValueType()
    tensor = made.tensorType
    tensor.dataType = mil.DataType.Value(MIL_TYPES.get(var.dtype, var.dtype.upper()))
    tensor.rank = len(var.shape)
    for size in var.shape:
        if size < 0:
            tensor.dimensions.add().unknown.variadic = False
        else:
            tensor.dimensions.add().constant.size = size
    return made


def describe(program: Program, description: Any) -> None:
    """Fill in the interface: features and metadata."""
    for feature in program.inputs:
        interface(feature, description.input.add(name=feature.var.name))
    for feature in program.outputs:
        interface(feature, description.output.add(name=feature.var.name))
    about = description.metadata
    about.author = program.about.get("author", "")
    about.license = program.about.get("license", "")
    about.versionString = program.about.get("version", "")
    about.shortDescription = program.about.get("description", "")
    for key, content in program.metadata.items():
        about.userDefined[key] = content
    about.userDefined[SIGNATURE] = json.dumps(signature(program), sort_keys=True)
    about.userDefined[SOURCES] = json.dumps(
        {op.output.name: "\n".join(op.sources) for op in program.operations if op.sources},
        sort_keys=True,
    )


def interface(feature: Feature, made: Any) -> None:
    """Fill in one feature's type: a picture or an array, and which shapes it may have."""
    made.shortDescription = feature.onnx_name
    shape = feature.shapes[0] if feature.shapes else feature.var.shape or (1,)
    if feature.picture is not None:
        picture = made.type.imageType
        picture.height, picture.width = shape[-2:]
        picture.colorSpace = protos.features().ImageFeatureType.ColorSpace.Value(
            {"G": "GRAYSCALE"}.get(feature.picture.color, feature.picture.color)
        )
        picture_sizes(feature, picture)
        return
    array = made.type.multiArrayType
    if -1 not in shape:  # results of open extents have none
        array.shape.extend(shape)
    array.dataType = protos.features().ArrayFeatureType.ArrayDataType.Value(
        FEATURE_TYPES[feature.var.dtype]
    )
    array_sizes(feature, array)


def array_sizes(feature: Feature, array: Any) -> None:
    """Say which shapes an array may have."""
    if feature.ranged:
        for low, high in zip(*feature.shapes, strict=True):
            array.shapeRange.sizeRanges.add(lowerBound=low, upperBound=high)
    else:
        for shape in feature.shapes:
            array.enumeratedShapes.shapes.add(shape=shape)


def picture_sizes(feature: Feature, picture: Any) -> None:
    """Say which sizes a picture may have."""
    sizes = [shape[-2:] for shape in feature.shapes]
    if feature.ranged:
        (low_height, low_width), (height, width) = sizes
        found = picture.imageSizeRange
        found.heightRange.lowerBound, found.heightRange.upperBound = low_height, height
        found.widthRange.lowerBound, found.widthRange.upperBound = low_width, width
    else:
        for height, width in sizes:
            picture.enumeratedSizes.sizes.add(height=height, width=width)


def signature(program: Program) -> dict[str, Any]:
    """Return the ONNX names, types and shapes behind the features, as the metadata has them."""
    both = [*program.inputs, *program.outputs]
    pictures = {f.onnx_name: asdict(f.picture) for f in program.inputs if f.picture}
    return {
        "inputs": {f.var.name: f.onnx_name for f in program.inputs},
        "outputs": {f.var.name: f.onnx_name for f in program.outputs},
        "dtypes": {f.onnx_name: f.dtype for f in both},
        "shapes": {f.onnx_name: list(f.shape) for f in both},
        **({"pictures": pictures} if pictures else {}),
    }
