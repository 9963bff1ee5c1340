"""Is everything there, and does it work? Each answer comes from trying, in a process of its own."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

SCHEMA = "mmc.doctor/1"
TIMEOUT_S = 120
EXTRAS = {
    "benchmarks": "what reads the pictures and texts that benchmarks judge artifacts by",
    "dev": "what the tests and the linters need",
    "docs": "the tools that build the documentation as a site: make docs",
    "hexagon": "Qualcomm's own validator, compiler and emulator: --vendor, --verify-on htp",
    "train": "TensorFlow, for what trains",
    "all": "every extra",
}
"""What each extra of pyproject.toml adds."""

ADD = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x) => (float[1,4] y) { y = Add(x, x) }"""

RUN = """
import numpy as np, onnx, onnxruntime as ort
model = onnx.parser.parse_model({model!r})
session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
assert (session.run(None, {{"x": np.ones((1, 4), np.float32)}})[0] == 2).all()
"""
COMPILE = """
import tempfile, pathlib, onnx, mmc
with tempfile.TemporaryDirectory() as folder:
    source = pathlib.Path(folder, "m.onnx")
    onnx.save(onnx.parser.parse_model({model!r}), source)
    done = mmc.compile(source, target={target!r}, output=pathlib.Path(folder, {output!r}))
    assert done.verification.passed
"""
TRIALS = {
    "ONNX Runtime runs a model": (RUN, {}),
    "a TFLite model is made, run and compared": (
        COMPILE,
        {"target": "cpu", "output": "m.tflite"},
    ),
    "a Core ML package is made, run and compared": (
        COMPILE,
        {"target": "ane_ios18", "output": "m.mlpackage"},
    ),
}
"""What -> a program that fails where it does not work, and what to fill in."""


@dataclass(frozen=True)
class Health:
    """One answer. `status` is ok, missing (an extra's), or broken (exit code 1)."""

    name: str
    status: str
    detail: str = ""
    fix: str = ""
    seconds: float = 0.0


NOT_INSTALLED = Health(
    "mmc", "missing", "run from its folder, not installed", "python -m pip install --editable ."
)


@dataclass(frozen=True)
class Extra:
    """An extra of the package: what it adds, and what of it is not here."""

    name: str
    adds: str
    installed: bool
    missing: list[str]


@dataclass(frozen=True)
class Checkup:
    """Everything that was looked at."""

    mmc: str
    python: str
    system: str
    packages: list[Health]
    extras: list[Extra]
    trials: list[Health]
    plugins: list[str]

    @property
    def well(self) -> bool:
        """Whether nothing that every user needs is missing or broken."""
        return all(h.status == "ok" for h in (*self.packages, *self.trials))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"schema": SCHEMA, "well": self.well, **asdict(self)}


def examine() -> Checkup:
    """Look at the packages, then try what they are for."""
    import mmc
    from mmc import plugins

    return Checkup(
        mmc.__version__,
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        [package(text) for text in requirements("")] or [NOT_INSTALLED],
        list(extras()),
        [trial(name, code, more) for name, (code, more) in TRIALS.items()],
        [f"{package}: {module} ({group})" for package, group, module in plugins.installed()],
    )


def requirements(extra: str) -> list[str]:
    """Return what mmc asks for, by itself ("") or with an extra: "onnx>=1.20".

    Nothing where it is not installed, but run from its folder.
    """
    found: list[str] = []
    wanted: list[str] = []
    with suppress(metadata.PackageNotFoundError):
        wanted = metadata.requires("mmc") or []
    for line in wanted:
        text, _, condition = line.partition(";")
        named = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", condition)
        if (named[1] if named else "") == extra:
            found.append(text.strip())
    return found


def package(text: str) -> Health:
    """Say whether a requirement is met."""
    name = re.split(r"[^\w.-]", text, maxsplit=1)[0]
    fix = f"python -m pip install '{text}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Health(name, "missing", f"not installed; wanted is {text}", fix)
    if not fits(version, text):
        return Health(name, "broken", f"{version} is not {text}", fix)
    return Health(name, "ok", version)


def fits(version: str, text: str) -> bool:
    """Say whether a version is in the range of a requirement such as "a>=1.2,<2"."""
    here = numbers(version)
    for sign, limit in re.findall(r"(>=|<=|==|<|>)\s*([\d.]+)", text):
        there = numbers(limit)
        width = max(len(here), len(there))
        a, b = ([*side, *[0] * (width - len(side))] for side in (here, there))
        kept = {">=": a >= b, "<=": a <= b, "==": a == b, "<": a < b, ">": a > b}
        if not kept[sign]:
            return False
    return True


def numbers(version: str) -> list[int]:
    """Return the release of a version: [1, 20, 0] of "1.20.0rc1"."""
    found = re.match(r"[\d.]+", version)
    return [int(part) for part in found[0].strip(".").split(".")] if found else []


def extras() -> Iterator[Extra]:
    """Yield the extras of the package that is installed."""
    names: list[str] = []
    with suppress(metadata.PackageNotFoundError):
        names = metadata.metadata("mmc").get_all("Provides-Extra") or []
    for name in names:
        found = [package(text) for text in requirements(name)]
        missing = [h.name for h in found if h.status != "ok"]
        yield Extra(name, EXTRAS.get(name, ""), not missing, missing)


def trial(name: str, code: str, more: dict[str, str]) -> Health:
    """Run a program; what it says last is the reason of a failure."""
    started = time.perf_counter()
    command = [sys.executable, "-c", code.format(model=ADD, **more)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Health(name, "broken", f"no answer in {TIMEOUT_S} s")
    took = time.perf_counter() - started
    if done.returncode == 0:
        return Health(name, "ok", seconds=took)
    said = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"]
    fix = "python -m pip install --force-reinstall mmc, or report this line"
    return Health(name, "broken", said[-1], fix, took)
