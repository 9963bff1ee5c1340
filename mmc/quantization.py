"""ONNX to ONNX with integer weights: what `mmc quantize` and `mmc.quantize` do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmc.optimizer import optimize
from mmc.options import CompileOptions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.quantize_weights import QuantizeWeights


@dataclass(frozen=True)
class Quantized:
    """How many weights are integers now, and the nodes of the model; it is in the file."""

    weights: int
    nodes: int


def quantize_file(source: str | Path, output: str | Path, options: CompileOptions) -> Quantized:
    """Clean, fuse and quantize the weights of `source` into `output`.

    Raises:
        MmcError: nothing is written then.
    """
    then = (QuantizeWeights.chosen_by(options), EliminateDeadCode())
    done = optimize(source, output, options=options, then=then)
    made = sum(r.changes for r in done.passes if r.name.startswith(QuantizeWeights.name))
    return Quantized(made, done.nodes)
