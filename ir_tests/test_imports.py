"""What a compile that runs nothing does not import: each costs up to tenths of a second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import golden_models

SPARED = (
    *("onnxruntime", "coremltools", "networkx", "multiprocessing", "tensorflow", "asyncio"),
    "mmc.auto.automatic",
)


@pytest.mark.parametrize(
    ("target", "suffix"), [("hexagon_v73", "tflite"), ("ane_ios18", "mlpackage")]
)
def test_a_compile_without_verification(target: str, suffix: str, tmp_path: Path) -> None:
    model = str(golden_models.path("mtcnn_pnet"))
    words = ["compile", model, "--target", target, "--input-shape", "x:1,3,12,12", "--no-verify"]
    words += ["--quiet", "-o", str(tmp_path / f"m.{suffix}")]
    code = (
        f"import sys; from mmc.cli import main; assert main({words!r}) == 0;"
        f" assert not {{*{SPARED!r}}} & {{*sys.modules}}, {{*{SPARED!r}}} & {{*sys.modules}}"
    )
    environment = {**os.environ, "MMC_NO_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
