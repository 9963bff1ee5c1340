"""The same model and options give the same bytes: another hash seed, folder and file name apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import golden_models

PNET = golden_models.path("mtcnn_pnet")
CASES = {
    "tflite": ("hexagon_v73", ".tflite", ()),
    "tflite quantized": ("hexagon_v73", ".tflite", ("--weights", "int8", "--activations", "int8")),
    "coreml": ("ane_ios18", ".mlpackage", ()),
    "coreml quantized": ("ane_ios18", ".mlpackage", ("--weights", "int4")),
}


def compiled(case: str, folder: Path, hash_seed: str) -> dict[str, bytes]:
    """Compile in a process of its own; return the artifact's files."""
    target, suffix, options = CASES[case]
    folder.mkdir()
    model, data, out = folder / "m.onnx", folder / "data.npz", folder / f"m{suffix}"
    model.write_bytes(PNET.read_bytes())
    x = np.random.default_rng(0).standard_normal((8, 3, 24, 24)).astype(np.float32)
    np.savez(data, x=x)
    calibration = ("--calibration", str(data)) if options else ()
    command = [sys.executable, "-m", "mmc", "compile", str(model), "--target", target]
    command += ["-o", str(out), "--quiet", "--no-verify", "--input-shape", "x:1,3,24,24"]
    surroundings = {**os.environ, "PYTHONHASHSEED": hash_seed, "TMPDIR": str(folder)}
    subprocess.run([*command, *options, *calibration], env=surroundings, check=True)
    files = [out] if out.is_file() else [f for f in sorted(out.rglob("*")) if f.is_file()]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


@pytest.mark.parametrize("case", CASES)
def test_compiled_twice(case: str, tmp_path: Path) -> None:
    first = compiled(case, tmp_path / "a", "1")
    again = compiled(case, tmp_path / "another folder", "2")
    assert first == again
