"""Run a small model through the lowering (or the whole flow) and compare with ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from mmc import opset
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.lower import lower
from mmc.backends.tflite.run import run
from mmc.ir import SOURCES, Array, Model, dtype_of, parse, save, shape_of
from mmc.pattern import Builder
from mmc.shapes import infer
from mmc.verification import reference

Outputs = dict[str, Array]
FLOAT_DB = 80.0
"""DESIGN's bound for float32."""


def single(
    op_type: str, *inputs: Any, domain: str = "", outputs: int = 1, **attributes: Any
) -> Model:
    """Return a model of one node.

    A tuple, shape or (shape, dtype), is an input x0, x1, …; an array is a constant.
    """
    out = Builder(domain)
    lifted, given = [], []
    for item in inputs:
        if isinstance(item, tuple):
            shape, dtype = item if isinstance(item[0], tuple) else (item, np.float32)
            kind = ir.TensorType(ir.DataType.from_numpy(np.dtype(dtype)))
            item = ir.Value(name=f"x{len(given)}", shape=ir.Shape(shape), type=kind)
            given.append(item)
        lifted.append(item)
    made = out.node(op_type, lifted, outputs=outputs, **attributes)
    results = [made] if outputs == 1 else list(made)
    for index, value in enumerate(results):
        value.name = f"y{index}"
    nodes = out.tape.nodes
    graph = ir.Graph(given, results, nodes=nodes, name="g", opset_imports={"": opset.OPSET})
    for value in out.tape.initializers:
        graph.register_initializer(value)
    for node in nodes:
        node.name = node.op_type
        node.metadata_props[SOURCES] = node.op_type
    model = Model(graph, ir_version=13)
    if domain == opset.DOMAIN:
        opset.require(model, op_type)
    infer(model)
    return model


def feeds_for(model: Model, seed: int = 0, low: int = 0, high: int = 5) -> dict[str, Array]:
    """Return N(0, 1) floats, integers in [low, high) and random booleans for the model's inputs."""
    rng = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for value in model.graph.inputs:
        dtype, shape = dtype_of(value), shape_of(value)
        if dtype.kind == "f":
            feeds[value.name or ""] = rng.standard_normal(shape).astype(dtype)
        else:
            feeds[value.name or ""] = rng.integers(
                low, 2 if dtype.kind == "b" else high, shape
            ).astype(dtype)
    return feeds


def emit(
    model: Model, feeds: Mapping[str, Array], *, npu: bool = False
) -> tuple[Outputs, list[str]]:
    """Lower a model in its final form; returns LiteRT's outputs and the emitted op codes."""
    program = lower(model, npu=npu)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        write(program, path)
        return run(path, dict(feeds), threads=1), [op.code for op in program.operators]


def oracle(model: Model | onnx.ModelProto, feeds: Mapping[str, Array]) -> Outputs:
    """Run a model in ONNX Runtime with its optimizer off."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if isinstance(model, Model):
            save(model, path)
        else:
            onnx.save(model, path)
        return reference.run(path, dict(feeds), threads=1)


def sqnr(expected: Array, actual: Array) -> float:
    """Return the signal to noise ratio in dB; inf when equal."""
    noise = np.sum((expected.astype(np.float64) - actual) ** 2)
    return (
        float("inf")
        if noise == 0
        else float(10 * np.log10(np.sum(expected.astype(np.float64) ** 2) / noise))
    )


def compare(expected: Outputs, actual: Outputs, decibels: float = FLOAT_DB) -> None:
    """Assert equal names and shapes, equal NaN and inf, equal integers, floats to `decibels`."""
    assert expected.keys() == actual.keys()
    for name, want in expected.items():
        got = actual[name]
        assert got.shape == want.shape, f"{name}: {got.shape}, expected {want.shape}"
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want, name)
            continue
        finite = np.isfinite(want)
        np.testing.assert_array_equal(got[~finite], want[~finite], name)
        if not want[finite].any():
            np.testing.assert_allclose(got[finite], 0, atol=1e-6)
        else:
            assert sqnr(want[finite], got[finite]) >= decibels, name


def check_lowering(
    model: Model, feeds: Mapping[str, Array] | None = None, *, npu: bool = False
) -> list[str]:
    """Lower a model that is in its final form and compare it; returns the emitted op codes."""
    feeds = feeds_for(model) if feeds is None else feeds
    actual, codes = emit(model, feeds, npu=npu)
    compare(oracle(model, feeds), actual)
    return codes


def emit_flow(
    source: onnx.ModelProto | Model, feeds: Mapping[str, Array], target: str = "cpu"
) -> tuple[Outputs, list[str]]:
    """Compile a model and run the artifact; returns its outputs and the emitted op codes."""
    from mmc.compiler import compile_model
    from mmc.options import CompileOptions

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if isinstance(source, Model):
            save(source, path)
        else:
            onnx.save(source, path)
        options = CompileOptions(verify=False)
        result = compile_model(path, target, Path(folder) / "model.tflite", options)
        codes = [code for code, count in result.ops.items() for _ in range(count)]
        return run(result.artifact, dict(feeds), threads=1), codes


def run_both(
    source: str | onnx.ModelProto | Model,
    feeds: Mapping[str, Array] | None = None,
    target: str = "cpu",
    **constants: Array,
) -> list[str]:
    """Push a model (ONNX text, proto or Model) through the whole flow and compare.

    Returns the emitted op codes. `constants` are names in the text that nothing defines.
    """
    model = parse(source, **constants) if isinstance(source, str) else source
    signature = model if isinstance(model, Model) else ir.from_proto(model)
    feeds = feeds_for(signature) if feeds is None else feeds
    expected = oracle(model, feeds)
    actual, codes = emit_flow(model, feeds, target)
    compare(expected, actual)
    return codes


def counts(codes: Sequence[str]) -> dict[str, int]:
    """Count op codes."""
    return {code: codes.count(code) for code in sorted(set(codes))}
