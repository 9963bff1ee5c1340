"""Models between grids of their own, compiled, and how far their artifacts are off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from mmc.backends.tflite.backend import TfliteBackend
from mmc.ir import Array, parse, save
from mmc.result import CompileResult

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'
KINDS = {"uint8": np.uint8, "int8": np.int8, "int16": np.int16}
ZEROS = {"uint8": 131, "int8": 3, "int16": 0}
BITS = {"uint8": 8, "int8": 8, "int16": 16}


def grid(name: str, source: str, scale: str, zero: str = "z") -> str:
    """Return the text of a pair that makes `name` of `source`."""
    given = f"{scale}, {zero}"
    return (
        f"{name}q = QuantizeLinear({source}, {given}) {name} = DequantizeLinear({name}q, {given})"
    )


def weight(rows: int, *rest: int, seed: int = 0) -> dict[str, Array]:
    """Return codes of a weight and their scales, one an output channel in front."""
    codes = np.clip(np.rint(normal(rows, *rest, seed=seed) * 40), -127, 127).astype(np.int8)
    codes.reshape(rows, -1)[:, 0] = 127
    return {"w": codes, "ws": (np.arange(1, rows + 1) / (rows * 100)).astype(np.float32)}


WEIGHT = "k = DequantizeLinear<axis = 0>(w, ws)"
BODIES: dict[str, tuple[str, str, str, dict[str, Array]]] = {
    "conv": (
        "1,4,8,8",
        "1,6,8,8",
        f"{WEIGHT} y0 = Conv<pads = [1,1,1,1]>(a, k)",
        weight(6, 4, 3, 3),
    ),
    "depthwise": (
        "1,4,8,8",
        "1,4,8,8",
        f"{WEIGHT} y0 = Conv<pads = [1,1,1,1], group = 4>(a, k)",
        weight(4, 1, 3, 3),
    ),
    "gemm": ("3,16", "3,8", f"{WEIGHT} y0 = Gemm<transB = 1>(a, k)", weight(8, 16)),
    "matmul": (
        "2,5,16",
        "2,5,5",
        f"t = Transpose<perm = [0,2,1]>(x) {grid('b', 't', 's')} y0 = MatMul(a, b)",
        {},
    ),
    "add": ("1,4,8,8", "1,4,8,8", f"{grid('b', 'x', 'r')} y0 = Add(a, b)", {}),
    "mul": ("1,4,8,8", "1,4,8,8", f"{grid('b', 'x', 'r')} y0 = Mul(a, b)", {}),
    "concat": ("1,4,8,8", "1,8,8,8", f"{grid('b', 'x', 'r')} y0 = Concat<axis = 1>(a, b)", {}),
    "max_pool": ("1,4,8,8", "1,4,4,4", "y0 = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)", {}),
    "mean": ("1,4,8,8", "1,4,1,1", "y0 = GlobalAveragePool(a)", {}),
    "reshape": ("2,4,8", "2,32", "y0 = Flatten(a)", {}),
}


def model_of(body: str, kind: str) -> tuple[Any, str]:
    """Return a model of one operator between grids, and its result's scale."""
    taken, made, text, arrays = BODIES[body]
    step = 2.0 ** -(BITS[kind] - 3)
    ends = f"{grid('a', 'x', 's')} {text} {grid('y', 'y0', 'o')}"
    numbers = {"s": step, "r": step * 1.5, "o": step * 2}
    scales = {k: np.float32(v) for k, v in numbers.items()} | {"z": KINDS[kind](ZEROS[kind])}
    whole = f"{HEAD}g (float[{taken}] x) => (float[{made}] y) {{ {ends} }}"
    used = {k: v for k, v in (arrays | scales).items() if f"{k}," in whole or f"{k})" in whole}
    return parse(whole, **used), "o"


def compiled(model: Any, folder: Path, target: str = "cpu", **options: Any) -> CompileResult:
    """Compile; what is verified there is the original in ONNX Runtime."""
    save(model, folder / "m.onnx")
    return mmc.compile(folder / "m.onnx", target=target, output=folder / "m.tflite", **options)


def types_of(result: CompileResult) -> set[tuple[str, str]]:
    """Return the operators and the types that they make."""
    program = TfliteBackend.read(result.artifact)
    return {(op.code, program.tensors[op.outputs[0]].dtype) for op in program.operators}


def steps_off(model: Any, result: CompileResult, step: float) -> float:
    """Return by how many steps the artifact is off the original."""
    feeds = {"x": normal(*(int(d) for d in model.graph.inputs[0].shape), seed=5)}
    expected, actual = oracle(model, feeds)["y"], mmc.run(result.artifact, feeds)["y"]
    return float(np.abs(expected - actual).max() / step)
