"""Qualcomm's own validator and compiler, called through the installed wheels; nothing is kept.

Needs `pip install 'mmc[hexagon]'` (Linux x86-64): the pair in PINNED. They are C++ that can crash
or hang, so each question is a process group of its own with a time limit, and an answer says how it
ended instead of raising.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mmc.files import replace_with
from mmc.staging import working_folder

from .vendor_log import Refusal, context_bytes, failures, refusals, selection

PINNED = {"ai-edge-litert": "2.3.0", "onnxruntime-qnn": "2.6.0"}
INSTALL = "python -m pip install 'mmc[hexagon]' (Linux x86-64)"
LICENCE = "Qualcomm's licence holds for onnxruntime-qnn: LICENSE and Qualcomm_LICENSE.pdf in it"
SOCS = {
    "v68": "SM8350",
    "v69": "SM8450",
    "v73": "SM8550",
    "v75": "SM8650",
    "v79": "SM8750",
    "v81": "SM8850",
}
SOC_NUMBERS = {"v68": 30, "v69": 36, "v73": 43, "v75": 57, "v79": 69, "v81": 87}
"""The same chips as the emulator numbers them."""


@dataclass(frozen=True)
class Answer:
    """What the compiler says of one .tflite for one architecture.

    Attributes:
        ended: "compiled", "not compiled", "crashed" or "timed out".
        selected: operators that the validator takes, of `total`, in `partitions` parts.
        refusals: the others, with reasons; `errors` are those of the compilation.
        context_bytes: size of the compiled contexts, all partitions together.
    """

    architecture: str
    ended: str
    seconds: float = 0.0
    selected: int = 0
    total: int = 0
    partitions: int = 0
    context_bytes: int = 0
    refusals: tuple[Refusal, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def compiled(self) -> bool:
        """Whether everything selected was also compiled: selected alone is not enough."""
        return self.ended == "compiled"

    @property
    def reason(self) -> str:
        """Return the first reason of a bad answer; empty for a good one."""
        if self.compiled and self.selected == self.total:
            return ""
        said = [*(r.reason for r in self.refusals), *self.errors]
        return said[0] if said else self.ended

    def __str__(self) -> str:
        """Return "yes", "no", or "no-compile" (selected, then refused by the compiler)."""
        if self.total == 0 or self.selected < self.total:
            return "no"
        return "yes" if self.compiled else "no-compile"


@dataclass(frozen=True)
class Vendor:
    """Where the vendor's tool and libraries are."""

    tool: Path
    plugin: Path
    libraries: Path
    versions: str

    def command(self, model: Path, result: Path, architecture: str) -> list[str]:
        """Return the command that compiles a .tflite."""
        return [
            str(self.tool),
            "--cmd=apply",
            f"--model={model}",
            f"--o={result}",
            f"--libs={self.plugin}",
            "--soc_manufacturer=Qualcomm",
            f"--soc_model={SOCS[architecture]}",
            "--err=--",
            "--qualcomm_log_level=error",
        ]


def missing() -> str:
    """Return what keeps the vendor from being asked; empty if nothing does."""
    for name, wanted in PINNED.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            return f"{name} is not installed"
        if found != wanted:
            return f"{name} is {found}, and only {wanted} was measured"
    return "" if installed().tool.is_file() else "ai-edge-litert has no compiler tool here"


def installed() -> Vendor:
    """Return the vendor's tool in the installed wheels.

    Raises:
        ModuleNotFoundError: if they are not installed.
    """
    litert = package("ai_edge_litert")
    return Vendor(
        litert / "tools" / "apply_plugin_main",
        litert / "vendors" / "qualcomm" / "compiler",
        package("onnxruntime_qnn"),
        ", ".join(f"{name} {version}" for name, version in PINNED.items()),
    )


def package(name: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        ModuleNotFoundError: if it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed: {INSTALL}")
    return Path(spec.submodule_search_locations[0])


def ask(
    model: Path,
    architecture: str,
    timeout: float = 120,
    *,
    vendor: Vendor | None = None,
    keep: Path | None = None,
) -> Answer:
    """Return the answer on a .tflite file; crashes and time-outs are answers too.

    Args:
        timeout: seconds, after which the tool and all that it started are ended.
        keep: where the compiled .tflite goes, if there is one.
    """
    vendor = vendor or installed()
    with working_folder() as folder:
        result = folder / "out.tflite"
        # The plugin is linked against this library, which the wheel lacks and HTP never calls.
        (folder / "libQnnLpai.so").symlink_to(vendor.libraries / "libQnnSystem.so")
        paths = f"{vendor.libraries}:{folder}:{vendor.tool.parent.parent}"
        start = time.perf_counter()
        code, out, log = call(vendor.command(model, result, architecture), paths, timeout)
        seconds = time.perf_counter() - start
        made = code == 0 and result.exists()
        if made and keep:
            replace_with(keep, result)
    return answer(architecture, seconds, how_ended(code, made), out, log)


def call(command: list[str], paths: str, timeout: float) -> tuple[int | None, str, str]:
    """Run a command in a process group of its own; the exit code is None if time ran out."""
    tool = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LD_LIBRARY_PATH": paths},
        start_new_session=True,
    )
    late = False
    try:
        told = tool.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        with suppress(ProcessLookupError):
            os.killpg(tool.pid, signal.SIGKILL)
    told = tool.communicate() if late else told
    out, log = (part.decode(errors="replace") for part in told)
    return None if late else tool.returncode, out, log


def how_ended(code: int | None, made: bool) -> str:
    """Return the word for an exit code."""
    if code is None:
        return "timed out"
    return "crashed" if code < 0 else "compiled" if made else "not compiled"


def answer(architecture: str, seconds: float, ended: str, out: str, log: str) -> Answer:
    """Return what the tool's two streams say."""
    found = selection(log) or selection(out)
    if found is None and ended in ("compiled", "not compiled"):
        ended = "crashed"  # no verdict on any operator: the tool failed, not the model
    return Answer(
        architecture,
        ended,
        seconds,
        *(found or (0, 0, 0)),
        context_bytes=context_bytes(log),
        refusals=refusals(log),
        errors=() if ended == "compiled" else failures(out + log),
    )
