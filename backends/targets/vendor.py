"""Ask the vendor's compiler, through the installed wheels, what it takes; nothing of it is kept.

Needs `ai-edge-litert==2.3.0` and `onnxruntime-qnn==2.6.0` (`pip install --no-deps`), Linux x86-64.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOCS = {
    "v68": "SM8350",
    "v69": "SM8450",
    "v73": "SM8550",
    "v75": "SM8650",
    "v79": "SM8750",
    "v81": "SM8850",
}
SELECTED = re.compile(r"selected (\d+) ops, from a total of (\d+) ops")


@dataclass(frozen=True)
class Verdict:
    """How many operators the plugin selected, of how many, and whether they compiled."""

    selected: int
    total: int
    compiled: bool

    def __str__(self) -> str:
        """Return "yes", "no", or "no-compile" (selected, then refused by the compiler)."""
        if self.total == 0 or self.selected < self.total:
            return "no"
        return "yes" if self.compiled else "no-compile"


def package(name: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        ModuleNotFoundError: if it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed; see mmc.backends.targets.vendor")
    return Path(spec.submodule_search_locations[0])


def ask(model: Path, architecture: str, timeout: float = 120) -> Verdict:
    """Return the verdict on a .tflite file; a crash or a time-out counts as "no"."""
    libraries, litert = package("onnxruntime_qnn"), package("ai_edge_litert")
    with tempfile.TemporaryDirectory() as folder:
        # The plugin is linked against this library, which the wheel lacks and HTP never calls.
        (Path(folder) / "libQnnLpai.so").symlink_to(libraries / "libQnnSystem.so")
        result = Path(folder) / "out.tflite"
        command = [
            str(litert / "tools" / "apply_plugin_main"),
            "--cmd=apply",
            f"--model={model}",
            f"--o={result}",
            f"--libs={litert / 'vendors' / 'qualcomm' / 'compiler'}",
            "--soc_manufacturer=Qualcomm",
            f"--soc_model={SOCS[architecture]}",
            "--err=--",
            "--qualcomm_log_level=error",
        ]
        paths = {"LD_LIBRARY_PATH": f"{libraries}:{folder}:{litert}"}
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=timeout, env={**os.environ, **paths}
            )
        except subprocess.TimeoutExpired:
            return Verdict(0, 1, False)
        text = (done.stdout + done.stderr).decode(errors="replace")
        found = SELECTED.search(text)
        selected, total = map(int, found.groups()) if found else (0, 0)
        return Verdict(selected, total, done.returncode == 0 and result.exists())
