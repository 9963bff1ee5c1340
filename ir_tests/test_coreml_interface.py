"""Pictures, labels and the app's side of a package, by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import mmc
from ir_tests.coreml_oracle import coremltools, spec_of
from mmc import ir
from mmc.backends.coreml.reader import read
from mmc.backends.coreml.run import run
from mmc.cli import main
from mmc.diagnostics import EmitError
from mmc.options import Picture
from mmc.verification.pictures import pixels_of, seen

RNG = np.random.default_rng(0)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """Return a model of a picture (1, 3, 6, 8) and a number; a name Swift lacks."""
    weight = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["" : 17]>
        g (float[1,3,6,8] image, int64[1] n) => (float[1,4] scores, int64[1] m) {
            c = Conv<pads=[1,1,1,1]>(image, w)
            r = Relu(c)
            p = GlobalAveragePool(r)
            scores = Flatten(p)
            m = Add(n, n)
        }"""
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    for node in model.graph.node:
        node.output[:] = ["in:scores/0" if n == "scores" else n for n in node.output]
    model.graph.output[0].name = "in:scores/0"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


def compiled(model: Path, *more: str) -> Path:
    """Compile for iOS 18 with a picture and return the package."""
    out = model.with_name("net.mlpackage")
    words = ["compile", str(model), "--target", "ane_ios18", "-o", str(out), "--quiet", *more]
    assert main([*words, "--image-input", "image:BGR,scale=1/127.5,bias=-1;-0.9;-0.8"]) == 0
    return out


def test_a_picture_is_verified_by_its_pixels(classifier: Path) -> None:
    path = compiled(classifier, "--precision", "float32")
    picture = Picture("BGR", 1 / 127.5, (-1.0, -0.9, -0.8))
    pixels = RNG.integers(0, 256, (1, 3, 6, 8), np.uint8)
    n = np.array([3])
    found = run(path, {"image": pixels, "n": n})
    shown = pixels / 127.5 + np.array([-1, -0.9, -0.8]).reshape(3, 1, 1)
    wanted = mmc.run(classifier, {"image": shown.astype(np.float32), "n": n})
    np.testing.assert_allclose(found["in:scores/0"], wanted["in:scores/0"], atol=1e-5)
    np.testing.assert_array_equal(pixels_of("image", seen(pixels, picture), picture), pixels)
    last = pixels[0].transpose(1, 2, 0)
    again = run(path, {"image": last, "n": n})
    np.testing.assert_array_equal(again["in:scores/0"], found["in:scores/0"])


LAST = """<ir_version: 9, opset_import: ["" : 17]>
g (float[1,6,8,3] image) => (float[1,4,4,6] y, float[1,6,8,3] z) {
    z = Mul(image, each)
    t = Transpose<perm = [0,3,1,2]>(TURNED)
    y = Conv(t, w)
}"""


@pytest.mark.parametrize("turned", ["image", "z"])
def test_a_picture_of_channels_last_is_taken_as_core_ml_gives_it(
    turned: str, tmp_path: Path
) -> None:
    """As TensorFlow's models have it: turned at once, or after arithmetic of its own."""
    weight = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
    each = np.array([1, 2, 3], np.float32)
    ir.save(ir.parse(LAST.replace("TURNED", turned), w=weight, each=each), tmp_path / "net.onnx")
    path = compiled(tmp_path / "net.onnx", "--precision", "float32")
    pixels = RNG.integers(0, 256, (1, 6, 8, 3), np.uint8)
    found = run(path, {"image": pixels})
    shown = (pixels / 127.5 + np.array([-1, -0.9, -0.8])).astype(np.float32)
    wanted = mmc.run(tmp_path / "net.onnx", {"image": shown})
    np.testing.assert_allclose(found["y"], wanted["y"], atol=1e-4)
    np.testing.assert_allclose(found["z"], wanted["z"], atol=1e-5)
    program = read(path)
    assert program.inputs[0].var.shape == (1, 3, 6, 8)
    codes = [op.code for op in program.computing()]
    assert codes.count("transpose") == (1 if turned == "image" else 2)


@pytest.mark.parametrize("as_pixels", [True, False])
def test_real_pictures_are_given_in_either_form(classifier: Path, as_pixels: bool) -> None:
    pixels = RNG.integers(0, 256, (1, 3, 6, 8), np.uint8)
    shown = pixels / 127.5 + np.array([-1, -0.9, -0.8]).reshape(3, 1, 1)
    image = pixels if as_pixels else shown.astype(np.float32)
    np.savez(classifier.with_name("x.npz"), image=image, n=np.array([3]))
    compiled(classifier, "--inputs", str(classifier.with_name("x.npz")))


@pytest.mark.parametrize("values", [0.123, 3.0, np.nan])
def test_values_of_no_picture_are_refused(values: float) -> None:
    with pytest.raises(EmitError, match="MMC403"):
        pixels_of("x", np.full((1, 1, 2, 2), values), Picture("G", 1 / 127.5, (-1.0,)))


def test_what_an_app_needs(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = classifier.with_name("labels.txt")
    labels.write_text("cat\ndog\nbird\nfish\n")
    about = ["--about", "author=A", "--about", "license=L", "--about", f"labels={labels}"]
    path = compiled(classifier, *about)
    capsys.readouterr()
    assert main(["show", str(path), "--deploy"]) == 0
    swift, brace, data = capsys.readouterr().out.partition("{\n")
    found = json.loads(brace + data)
    spec = spec_of(path).description
    assert [f.name for f in spec.input] == [f["name"] for f in found["inputs"]]
    assert found["inputs"][0] | {"preprocessing": None} == {
        "name": "image",
        "onnx_name": "image",
        "type": "image",
        "color": "BGR",
        "width": 8,
        "height": 6,
        "preprocessing": None,
    }
    done = found["inputs"][0]["preprocessing"]
    assert done == {"scale": 1 / 127.5, "bias": [-1, -0.9, -0.8], "done_by": "the model"}
    assert found["inputs"][1] == {"name": "n", "onnx_name": "n", "type": "int32", "shape": [1]}
    assert found["outputs"][0]["onnx_name"] == "in:scores/0"
    assert found["outputs"][0]["name"] == spec.output[0].name == "in_scores_0"
    assert found["classes"] == ["cat", "dog", "bird", "fish"]
    assert (found["compute_units"], found["minimum"]) == ("CPU_AND_NE", "iOS 18, macOS 15")
    assert (found["author"], found["license"]) == ("A", "L")
    assert found["mmc.digest"] == spec.metadata.userDefined["mmc.digest"]
    for words in (
        "computeUnits = .cpuAndNeuralEngine",
        "cgImage: image, pixelsWide: 8, pixelsHigh: 6",
        '"n": MLMultiArray(shape: [1], dataType: .int32),',
        'let in_scores_0 = outputs.featureValue(for: "in_scores_0")!',
    ):
        assert words in swift


def test_a_model_with_labels_is_a_classifier(
    classifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, classes = classifier.with_name("labels.txt"), ["cat", "dog", "bird", "fish"]
    labels.write_text("\n".join(classes))
    path = compiled(classifier, "--about", f"labels={labels}")
    spec = spec_of(path)
    kinds = {f.name: f.type.WhichOneof("Type") for f in spec.description.output}
    assert kinds == {
        "in_scores_0": "multiArrayType",
        "m": "multiArrayType",
        "classLabel": "stringType",
        "classLabel_probs": "dictionaryType",
    }
    assert spec.description.predictedFeatureName == "classLabel"
    assert spec.description.predictedProbabilitiesName == "classLabel_probs"
    pixels = RNG.integers(0, 256, (1, 3, 6, 8), np.uint8)
    found = run(path, {"image": pixels, "n": np.array([3])})
    assert found["classLabel"] == classes[int(found["in:scores/0"].argmax())]
    np.testing.assert_array_equal(found["classLabel_probs"], found["in:scores/0"].reshape(-1))
    capsys.readouterr()
    assert main(["show", str(path), "--deploy"]) == 0
    swift = capsys.readouterr().out
    assert 'let classLabel = outputs.featureValue(for: "classLabel")!.stringValue  //' in swift
    assert "classLabel_probs" in swift


def test_a_classifier_is_what_coremltools_makes_of_the_same_labels(classifier: Path) -> None:
    ct = coremltools()
    from coremltools.converters.mil import Builder

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 4))], opset_version=ct.target.iOS18)
    def plain(x: Any) -> Any:
        return Builder.relu(x=x)

    config = ct.ClassifierConfig(["a", "b", "c", "d"])
    wanted = ct.convert(
        plain,
        classifier_config=config,
        skip_model_load=True,
        minimum_deployment_target=ct.target.iOS18,
    ).get_spec()
    labels = classifier.with_name("labels.txt")
    labels.write_text("a\nb\nc\nd\n")
    found = spec_of(compiled(classifier, "--about", f"labels={labels}"))
    theirs, ours = (classify_of(spec) for spec in (wanted, found))
    for op in (theirs, ours):
        op.inputs["probabilities"].Clear()
        op.attributes["name"].Clear()
    assert ours == theirs


def classify_of(spec: Any) -> Any:
    """Return the operation that names the class."""
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    return next(op for op in block.operations if op.type == "classify")


def test_labels_that_repeat_stay_in_the_metadata(classifier: Path) -> None:
    labels = classifier.with_name("labels.txt")
    labels.write_text("crane\ndog\ncrane\nfish\n")
    spec = spec_of(compiled(classifier, "--about", f"labels={labels}"))
    assert len(spec.description.output) == 2
    assert json.loads(spec.description.metadata.userDefined["classes"])[2] == "crane"


@pytest.mark.parametrize(("lines", "code"), [("a\nb\n", "MMC016"), (None, "MMC007")])
def test_labels_that_do_not_fit(
    classifier: Path, lines: Any, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = classifier.with_name("labels.txt")
    if lines:
        labels.write_text(lines)
    words = ["compile", str(classifier), "--target", "ane_ios18", "--about", f"labels={labels}"]
    assert main([*words, "-o", str(classifier.with_name("n.mlpackage"))]) == 2
    assert code in capsys.readouterr().err


def test_other_files_have_no_app(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(classifier), "--deploy"]) == 2
    assert "MMC015" in capsys.readouterr().err
