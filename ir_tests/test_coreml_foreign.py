"""Packages of other makers, damaged ones, and operators that the evaluator does not know."""

from __future__ import annotations

import functools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

import golden_models as golden
from golden_models import wheels
from ir_tests.coreml_packages import builder, draw, save, tools
from mmc.backends.coreml.run import run
from mmc.cli import main
from mmc.diagnostics import EmitError
from mmc.ir import Array

mb = builder()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Core ML package in the wheel of basic_pitch."""
    folder = tmp_path_factory.mktemp("wheel")
    model = golden.find("basic_pitch")
    inside = model.member.replace("nmp.onnx", "nmp.mlpackage")
    with zipfile.ZipFile(wheels.download(model.wheel, folder)) as archive:
        for name in archive.namelist():
            if name.startswith(inside):
                archive.extract(name, folder)
    return folder / inside


@pytest.mark.slow
def test_a_package_of_other_makers(foreign: Path) -> None:
    (x,) = golden.sample("basic_pitch").values()
    found = run(foreign, {"input_2": x})
    session = ort.InferenceSession(golden.path("basic_pitch"))
    (given,) = session.get_inputs()
    outputs = [o.name for o in session.get_outputs()]
    wanted = dict(zip(outputs, map(np.asarray, session.run(None, {given.name: x})), strict=True))
    for index, name in enumerate(("Identity", "Identity_1", "Identity_2")):
        same = wanted[f"StatefulPartitionedCall:{index}"]
        assert float(np.square(same - found[name]).sum() / np.square(same).sum()) < 1e-8  # 80 dB


def relu(folder: Path) -> Path:
    """Return a package with a weight in the file."""
    w = draw(4, 4)
    return save(folder, {"x": draw(4)}, lambda x: mb.relu(x=mb.matmul(x=x, y=w), name="y"))


def refused(path: Path, feeds: dict[str, Array], code: str) -> None:
    """Check that a run ends with an error of this code."""
    with pytest.raises(EmitError) as caught:
        run(path, feeds)
    assert caught.value.diagnostics[0].code == code


def test_damaged_packages_are_refused(tmp_path: Path) -> None:
    x = {"x": draw(4)}
    refused(tmp_path / "none.mlpackage", x, "MMC420")
    path = relu(tmp_path)
    refused(path, {}, "MMC403")
    refused(path, {"x": draw(5)}, "MMC403")
    weights = next(path.rglob("weight.bin"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    refused(path, x, "MMC421")
    weights.write_bytes(whole[:64] + b"\0" * 64 + whole[128:])
    refused(path, x, "MMC421")
    manifest = json.loads((path / "Manifest.json").read_text())
    model = path / "Data" / manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    refused(path, x, "MMC420")
    model.write_bytes(tools().proto.Model_pb2.Model(specificationVersion=4).SerializeToString())
    refused(path, x, "MMC420")


def test_a_program_that_a_bit_made_another_is_refused(tmp_path: Path) -> None:
    path = relu(tmp_path)
    model = next(path.rglob("model.mlmodel"))
    spec = tools().proto.Model_pb2.Model.FromString(model.read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    block.operations[-1].outputs.add().CopyFrom(block.operations[-1].outputs[0])
    model.write_bytes(spec.SerializeToString())
    refused(path, {"x": draw(4)}, "MMC423")
    model.write_bytes(spec.SerializeToString().replace(b"weight.bin", b"weigh\0.bin"))
    refused(path, {"x": draw(4)}, "MMC421")


def test_unknown_operators_are_named(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        return mb.random_normal(shape=np.array([2], np.int32), name="noise"), mb.relu(x=x)

    path = save(tmp_path, {"x": draw(2)}, body)
    with pytest.raises(EmitError, match=r"MMC422.*random_normal 'noise'"):
        run(path, {"x": draw(2)})


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = draw(4)
    np.savez(tmp_path / "x.npz", x=x)
    path, inputs, out = relu(tmp_path), str(tmp_path / "x.npz"), str(tmp_path / "y.npz")
    words = ["run", str(path), "--inputs", inputs, "-o", out, "--precision", "float16"]
    assert main(words) == 0
    np.testing.assert_array_equal(np.load(out)["y"], run(path, {"x": x}, precision="float16")["y"])
    onnx = ["run", "m.onnx", *words[2:]]
    assert main(onnx) == 2
    assert "MMC012" in capsys.readouterr().err


def test_states_begin_as_zeros_and_are_written(tmp_path: Path) -> None:
    ct, types = tools(), tools().converters.mil.mil.types
    specs = [mb.TensorSpec((4,), types.fp16), mb.StateTensorSpec((4,), types.fp16)]

    @mb.program(input_specs=specs, opset_version=ct.target.iOS18)  # type: ignore[untyped-decorator]
    def program(x: Any, held: Any) -> Any:
        before = mb.read_state(input=held)
        after = mb.coreml_update_state(state=held, value=mb.add(x=before, y=x))
        return mb.mul(x=after, y=np.float16(2), name="y")

    made = ct.convert(program, minimum_deployment_target=ct.target.iOS18, skip_model_load=True)
    path = tmp_path / "m.mlpackage"
    made.save(str(path))
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(run(path, {"x": x})["y"], 2 * x)
    np.testing.assert_array_equal(run(path, {"x": x, "held": x + 1})["y"], 4 * x + 2)
    model = next(path.rglob("model.mlmodel"))
    spec = tools().proto.Model_pb2.Model.FromString(model.read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    del next(op for op in block.operations if op.type == "write_state").inputs["data"]
    model.write_bytes(spec.SerializeToString())
    refused(path, {"x": x}, "MMC423")


def test_of_several_functions_the_default_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ct, path = tools(), tmp_path / "both.mlpackage"
    functions = ct.utils.MultiFunctionDescriptor()
    for name, factor in (("twice", 2), ("thrice", 3)):
        body = functools.partial(mb.mul, y=np.float16(factor), name="y")
        (tmp_path / name).mkdir()
        one = save(tmp_path / name, {"x": draw(4)}, lambda x, body=body: body(x=x), half=True)
        functions.add_function(str(one), "main", name)
    functions.default_function_name = "thrice"
    ct.utils.save_multifunction(functions, str(path))
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(run(path, {"x": x})["y"], 3 * x)
    assert main(["show", str(path)]) == 0
    assert "y=[3.0]" in capsys.readouterr().out
    assert main(["check", str(path), "--target", "ane_ios18"]) == 0
