"""Other quantizers, each in the interpreter of its own environment, on a benchmark's own samples.

All get the same float model with fixed shapes and the same calibration file: those for ONNX the
ONNX file, litert-quantizer the float32 .tflite that mmc writes, so that graphs are no difference.
Settings are the ones each documents for static quantization with weights per channel.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from optimizers import fixed, session

import golden_models as golden
import mmc
from mmc.values import Array

SECONDS = 900
"""A quantizer that takes longer has failed."""
HEAD = """import sys
import numpy as np
source, data, target, bits = sys.argv[1:]
with np.load(data) as file:
    arrays = {name: file[name] for name in file.files}
count = len(next(iter(arrays.values())))
samples = [{name: array[i] for name, array in arrays.items()} for i in range(count)]
"""
ONNXRUNTIME = """
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

class Reader(CalibrationDataReader):
    def __init__(self):
        self.samples = iter(samples)
    def get_next(self):
        return next(self.samples, None)

quant_pre_process(source, target, skip_symbolic_shape=True)
quantize_static(target, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
    weight_type=QuantType.QInt8,
    activation_type=QuantType.QInt8 if bits == "int8" else QuantType.QInt16)
"""
NNCF = """
import nncf, onnx
if bits != "int8":
    sys.exit("nncf has no 16-bit activations")
model = nncf.quantize(onnx.load(source), nncf.Dataset(samples), subset_size=count)
onnx.save(model, target)
"""
LITERT = """
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe
recipes = {"int8": recipe.static_wi8_ai8, "int16": recipe.static_wi8_ai16}
runner = Interpreter(source).get_signature_runner()
def feeds(sample):
    found = {}
    for name, detail in runner.get_input_details().items():
        alike = (k for k, v in sample.items() if tuple(v.shape) == tuple(detail["shape"]))
        key = name if name in sample else next(alike)
        found[name] = sample[key].astype(detail["dtype"])
    return found
work = quantizer.Quantizer(source, recipes[bits]())
ranges = work.calibrate({"serving_default": [feeds(s) for s in samples]}, num_threads=1)
work.quantize(ranges).export_model(target)
"""
SCRIPTS = {"onnxruntime": ONNXRUNTIME, "nncf": NNCF, "litert-quantizer": LITERT}


class QuantizerError(Exception):
    """A quantizer made no file; the message is the last line that it printed."""


def source_of(name: str, peer: str, folder: Path) -> Path:
    """Return the float model that a quantizer starts from."""
    if peer == "litert-quantizer":
        shapes = {k: tuple(v) for k, v in golden.find(name).shapes.items()}
        path = folder / f"{name}.float.tflite"
        if not path.exists():
            mmc.compile(
                golden.path(name), target="cpu", output=path, input_shape=shapes, verify=False
            )
        return path
    return fixed(name, folder)[0]


def quantized(name: str, peer: str, python: str, data: Path, activations: str) -> Path:
    """Return the file that a quantizer makes beside the calibration data.

    Raises:
        QuantizerError: where there is none.
    """
    folder = data.parent
    target = folder / f"{name}.{peer}.{activations}"
    source = source_of(name, peer, folder)
    command = [python, "-c", HEAD + SCRIPTS[peer], *map(str, (source, data, target)), activations]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise QuantizerError(f"over {SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise QuantizerError(lines[-1][:100]) from error
    return target.rename(target.with_name(target.name + source.suffix))


def outputs(path: Path, feeds: Sequence[dict[str, Array]]) -> list[dict[str, Array]]:
    """Run a file that a quantizer made: ONNX in ONNX Runtime without its optimizer, or LiteRT.

    Raises:
        QuantizerError: where it cannot be run.
    """
    try:
        if path.suffix != ".onnx":
            return [mmc.run(path, given) for given in feeds]
        runner = session(path, plain=True)
        names = [output.name for output in runner.get_outputs()]
        return [dict(zip(names, runner.run(names, given), strict=True)) for given in feeds]
    except Exception as error:
        raise QuantizerError(str(error).splitlines()[0][:100]) from error
