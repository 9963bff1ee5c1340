"""What an app needs to use a package: a small JSON, and Swift that calls it.

`mmc show m.mlpackage --deploy` prints both. Types and methods of the Swift are those of Apple's
Core ML framework; names are the package's own, which are identifiers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmc.target import load_target, targets

from .program import Feature, Program

SCHEMA = "mmc.deploy/1"
ARRAYS = {"fp32": "float32", "fp16": "float16", "int32": "int32"}
UNITS = {
    "CPU_AND_NE": "cpuAndNeuralEngine",
    "CPU_AND_GPU": "cpuAndGPU",
    "CPU_ONLY": "cpuOnly",
    "ALL": "all",
}
"""Compute units by coremltools' words, and by Swift's."""
VALUES = {"string": "stringValue", "dictionary": "dictionaryValue"}
"""What a classifier's outputs are in Swift: the name of a class, the scores by name."""
PIXELS = {"G": "kCVPixelFormatType_OneComponent8"}
COLOR = "kCVPixelFormatType_32BGRA"
"""What Core ML takes colors from; it orders the channels itself."""


def deployment(program: Program, path: Path) -> dict[str, Any]:
    """Return what an app has to know, as JSON-ready data."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "model": path.name,
        "minimum": minimum(program),
        "compute_units": program.metadata.get("mmc.compute_units", "CPU_AND_NE"),
        "inputs": [entry(feature) for feature in program.inputs],
        "outputs": [entry(feature) for feature in program.outputs],
    }
    if classes := program.metadata.get("classes"):
        found["classes"] = json.loads(classes)
    about = {k: v for k, v in program.about.items() if v}
    made = {k: v for k, v in program.metadata.items() if k in ("mmc.version", "mmc.digest")}
    return found | about | made


def minimum(program: Program) -> str:
    """Return the oldest systems that load the package."""
    for name in targets():
        settings = load_target(name).settings if name.startswith("ane_") else {}
        if settings.get("version") == program.version:
            return str(settings["deployment"])
    return "iOS 15, macOS 12" if program.version == 6 else f"specification {program.version}"


def entry(feature: Feature) -> dict[str, Any]:
    """Return an input or output: both names, and its array or picture."""
    found: dict[str, Any] = {"name": feature.var.name, "onnx_name": feature.onnx_name}
    picture = feature.picture
    shape = list(feature.shapes[0] if feature.shapes else feature.var.shape)
    if feature.shapes:
        kind = "shapes_between" if feature.ranged else "shapes"
        found[kind] = [list(s) for s in feature.shapes]
    if feature.var.dtype in VALUES:
        return found | {"type": feature.var.dtype}
    if picture is None:
        return found | {"type": ARRAYS.get(feature.var.dtype, feature.var.dtype), "shape": shape}
    height, width = shape[-2:]
    found |= {"type": "image", "color": picture.color, "width": width, "height": height}
    done = {"scale": picture.scale, "bias": list(picture.bias)}
    return found | {"preprocessing": done | {"done_by": "the model"}}


def snippet(about: dict[str, Any]) -> Iterator[str]:
    """Yield Swift that loads the model, makes its inputs and reads its outputs."""
    units = UNITS.get(about["compute_units"], "all")
    stem = about["model"].removesuffix(".mlpackage")
    yield f"// {about['model']}: {about['minimum']} or later. Xcode compiles it to {stem}.mlmodelc."
    yield from (
        "import CoreML",
        "import CoreVideo",
        "",
        "let configuration = MLModelConfiguration()",
    )
    yield f"configuration.computeUnits = .{units}"
    place = f'Bundle.main.url(forResource: "{stem}", withExtension: "mlmodelc")!'
    yield f"let url = {place}"
    yield "let model = try MLModel(contentsOf: url, configuration: configuration)"
    yield from ("", "let inputs = try MLDictionaryFeatureProvider(dictionary: [")
    for given in about["inputs"]:
        yield f'    "{given["name"]}": {feature_value(given)},{note(given)}'
    yield from ("])", "let outputs = try model.prediction(from: inputs)")
    for made in about["outputs"]:
        kind = VALUES.get(made["type"], "multiArrayValue!")
        value = f'outputs.featureValue(for: "{made["name"]}")!.{kind}'
        yield f"let {swift_name(made['name'])} = {value}{note(made)}"
    if "classes" in about:
        yield from CLASSES


CLASSES = (
    "",
    "// The largest score's place is the class's; the names are in the package.",
    "let metadata = model.modelDescription.metadata[.creatorDefinedKey] as! [String: String]",
    'let classes = try JSONDecoder().decode([String].self, from: Data(metadata["classes"]!.utf8))',
)


def feature_value(given: dict[str, Any]) -> str:
    """Return the Swift that makes an input's value."""
    if given["type"] != "image":
        return f"MLMultiArray(shape: {given['shape']}, dataType: .{given['type']})"
    size = f"pixelsWide: {given['width']}, pixelsHigh: {given['height']}"
    kind = PIXELS.get(given["color"], COLOR)
    name = swift_name(given["name"])
    return f"MLFeatureValue(cgImage: {name}, {size}, pixelFormatType: {kind}, options: nil)"


def note(entry: dict[str, Any]) -> str:
    """Return a comment: the ONNX name where it differs, and a result's type."""
    other = entry["onnx_name"] if entry["onnx_name"] != entry["name"] else ""
    kind = f"{entry['type']} {entry['shape']}" if "shape" in entry else NOTES[entry["type"]]
    return f"  // {kind}{', ONNX ' if other else ''}{json.dumps(other) if other else ''}"


NOTES = {"string": "the likeliest class", "dictionary": "scores by class", "image": "a CGImage"}
"""What is said of values that are no arrays."""


def swift_name(name: str) -> str:
    """Return the name of a Swift constant: in backquotes if it is a word of the language."""
    taken = {"model", "url", "configuration", "inputs", "outputs", "metadata", "classes"}
    if name in taken:
        return f"{name}Value"
    return f"`{name}`" if name in WORDS else name


WORDS = frozenset(
    """associatedtype class deinit enum extension fileprivate func import init inout internal let
    open operator private protocol public rethrows static struct subscript typealias var break case
    continue default defer do else fallthrough for guard if in repeat return switch where while as
    catch false is nil super self throw throws true try""".split()
)
"""The reserved words of Swift."""
