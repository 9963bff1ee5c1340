"""Other converters, each in the interpreter of its own environment, on a benchmark's own model.

All get the same file with fixed shapes. A converter of torch modules gets what onnx2torch makes of
it. Settings are the ones each documents for a plain conversion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CPU_SECONDS = 300
"""A converter that takes more has failed."""
START = f"""import json, os, resource, subprocess, sys
limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, ({CPU_SECONDS}, {CPU_SECONDS}))
with open(sys.argv[1], "wb") as log:
    child = subprocess.Popen(sys.argv[2:], stdout=log, stderr=log, preexec_fn=limit)
    _, status, usage = os.wait4(child.pid, 0)
child.returncode = status
print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
"""
"""A small process starts a command: the system counts a child's memory from its parent's."""
TORCH = """import sys
import numpy as np, onnx, onnx2torch, torch
source, target = sys.argv[1:]
model = onnx.load(source)
module = onnx2torch.convert(model).eval()
weights = {value.name for value in model.graph.initializer}
given = [value for value in model.graph.input if value.name not in weights]
def sample(value):
    tensor = value.type.tensor_type
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return torch.from_numpy(np.zeros([d.dim_value for d in tensor.shape.dim], kind))
samples = tuple(map(sample, given))
"""
COREMLTOOLS = """
import coremltools as ct
kinds = {torch.float32: np.float32}
inputs = [ct.TensorType(v.name, tuple(s.shape), dtype=kinds.get(s.dtype, np.int32))
          for v, s in zip(given, samples)]
with torch.no_grad():
    traced = torch.jit.trace(module, samples)
float32 = onnx.TensorProto.FLOAT  # mmc's outputs are float32; left alone, these are float16
outputs = [ct.TensorType(dtype=np.float32 if v.type.tensor_type.elem_type == float32 else np.int32)
           for v in model.graph.output]
ct.convert(traced, inputs=inputs, outputs=outputs, skip_model_load=True,
           minimum_deployment_target=ct.target.iOS18).save(target)
"""
LITERT = """
import litert_torch
litert_torch.convert(module, samples).export(target)
"""


@dataclass(frozen=True)
class Converter:
    """A command, where it leaves what it makes, and how mmc makes the same.

    Attributes:
        command: its words; {source}, {out} and {bin}, the folder of its interpreter, are filled in.
        artifact: what it makes; {out} and {stem}, the name of the source, are filled in.
        target: mmc's of the same format.
        flags: mmc's, for inputs in the same layout.
        imports: CPU seconds of imports that do not count, on either side; coreai-onnx is little
            more than its imports.
    """

    command: tuple[str, ...]
    artifact: str
    target: str = "cpu"
    flags: tuple[str, ...] = ()
    imports: float = 0.8

    def words(self, python: str, source: Path, out: Path) -> list[str]:
        """Return the command that converts `source`; `out` has no suffix."""
        known = {"source": source, "out": out, "bin": Path(python).parent}
        return [word if "\n" in word else word.format(**known) for word in self.command]

    def made(self, source: Path, out: Path) -> Path:
        """Return what it makes."""
        return Path(self.artifact.format(out=out, stem=source.stem))


NHWC = ("--io-layout=nhwc",)
COREAI = ("--no-validate", "--no-verify")
ONNX2TF = ("{bin}/onnx2tf", "-i", "{source}", "-o", "{out}", "-n")
CONVERTERS = {
    "onnx2tf": Converter(ONNX2TF, "{out}/{stem}_float32.tflite", flags=NHWC),
    "onnx2tf tf_converter": Converter(
        (*ONNX2TF, "-tb", "tf_converter"), "{out}/{stem}_float32.tflite", flags=NHWC
    ),
    "litert-torch": Converter(
        ("{bin}/python", "-c", TORCH + LITERT, "{source}", "{out}.tflite"), "{out}.tflite"
    ),
    "onnx2coreml": Converter(
        ("{bin}/onnx2coreml", "convert", "{source}", "-o", "{out}.mlpackage", "--target", "iOS18"),
        "{out}.mlpackage",
        target="ane_ios18",
        imports=1.7,
    ),
    "coremltools": Converter(
        ("{bin}/python", "-c", TORCH + COREMLTOOLS, "{source}", "{out}.mlpackage"),
        "{out}.mlpackage",
        target="ane_ios18",
        imports=1.7,
    ),
    "coreai-onnx": Converter(
        ("{bin}/coreai-onnx", "convert", "{source}", "-o", "{out}.aimodel", *COREAI),
        "{out}.aimodel",
        target="ane_ios18",
        imports=0.0,
    ),
}


@dataclass(frozen=True)
class Cost:
    """What a process and its children took, and the largest memory of any of them."""

    cpu_seconds: float
    peak_bytes: int


def spend(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Cost | None:
    """Run a command to its end and return its cost; None if it failed."""
    starter = [sys.executable, "-I", "-S", "-c", START, str(log), *command]
    done = subprocess.run(starter, env=environment, stdout=subprocess.PIPE, check=True)
    status, seconds, peak = json.loads(done.stdout)
    return None if status else Cost(seconds, peak)


def environment(python: str, folder: Path) -> dict[str, str]:
    """Return the variables of both: bytecode is kept, and a peer finds what lies beside it."""
    variables = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables["PATH"] = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])
    return variables
