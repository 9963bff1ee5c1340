"""ONNX to ONNX with integer weights, and activations: what `mmc quantize` and `mmc.quantize` do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmc.integers.float_islands import GOOD_DB
from mmc.integers.kept_float import KeptFloat
from mmc.integers.needs import check_needs
from mmc.optimizer import optimize
from mmc.options import CompileOptions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.equalize_channels import equalizing
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.passes.recover_integers import RecoverIntegers
from mmc.passes.widen_floats import WidenFloats


@dataclass(frozen=True)
class Quantized:
    """How many weights are integers now, and the nodes of the model; it is in the file.

    Args:
        kept_float: the operators that stayed float under integer activations.
    """

    weights: int
    nodes: int
    kept_float: Sequence[KeptFloat]


def quantize_file(source: str | Path, output: str | Path, options: CompileOptions) -> Quantized:
    """Clean, fuse and quantize the weights of `source` into `output`, and activations if asked for.

    What computes in 16 bits computes in float32 then, as in every artifact; inputs and outputs keep
    their types.

    Raises:
        UsageError: MMC305 for integer activations without data.
        MmcError: nothing is written then.
    """
    codes = activation_codes(options)
    check_needs(options, stored=True)
    own = RecoverIntegers(symmetric=bool(codes), release=bool(codes))
    weights = (*equalizing(options), QuantizeWeights.chosen_by(options))
    then = (WidenFloats(), own, *weights, *codes, EliminateDeadCode())
    done = optimize(source, output, options=options, then=then)
    storing = (RecoverIntegers.name, QuantizeWeights.name)
    made = sum(r.changes for r in done.passes if r.name.startswith(storing))
    return Quantized(made, done.nodes, done.kept_float)


def activation_codes(options: CompileOptions) -> tuple[QuantizeActivations, ...]:
    """Return the pass for activations, if they are asked for.

    ONNX Runtime computes on a processor: the floats that codes ruin cost it little.
    """
    if not options.activation_bits:
        return ()
    asked = replace(QuantizeActivations.chosen_by(options), parts=True)
    return (replace(asked, last_float=True, islands=GOOD_DB) if asked.bits == 8 else asked,)
