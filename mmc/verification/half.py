"""The rounding floor of float16: how far its constants alone, rounded, move a model's outputs.

A model that ends in an exponential, say, turns 1/2048 of a large score into many times that. No
float16 package of such a model can come nearer on these inputs; ONNX Runtime measures it, not the
evaluator that is being judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mmc.diagnostics import Severity
from mmc.ir import Array, Model, constant, load, save
from mmc.staging import working_folder
from mmc.verification.evaluate import compare
from mmc.verification.result import OutputResult, VerifyResult
from mmc.verification.trial import Subject, Trial


def excuse_half(trial: Trial, target_db: float, result: VerifyResult) -> None:
    """Judge the outputs that missed `target_db` once more, by their rounding floor in float16."""
    failed = [o for o in result.outputs if is_short(o, target_db)]
    if not failed:
        return
    floors = half_floors(trial.subject, trial.feeds, trial.final)
    for output in failed:
        floor = floors.get(output.name, output.floor_db)
        lowered = replace(output, floor_db=min(output.floor_db, floor))
        if is_short(lowered, target_db):
            continue
        result.outputs[result.outputs.index(output)] = lowered
        where = f"output {output.name!r}"
        result.diagnostics = [
            d for d in result.diagnostics if (d.code, d.where) != ("MMC410", where)
        ]
        result.add(
            "MMC419",
            Severity.NOTE,
            where,
            f"SQNR {output.emission.sqnr_db:.1f} dB: these inputs amplify what float16 rounds",
            why=f"constants rounded to float16 alone move it to {floor:.1f} dB in ONNX Runtime",
            fix="see what a real sample gives, --inputs X.npz, or use --precision float32",
        )


def is_short(output: OutputResult, target_db: float) -> bool:
    """Say whether floats of an output are too far from the final IR's."""
    found = output.emission
    if found.integer or not found.positions_match:
        return False
    return not found.passes(output.least(target_db))


def half_floors(
    subject: Subject, feeds: Mapping[str, Array], exact: Mapping[str, Array]
) -> dict[str, float]:
    """Return the SQNR in dB of float tensors of the final IR when its constants are rounded.

    Args:
        exact: tensors of the final IR by name, as they are without that.
    """
    model = load(subject.final)
    round_constants(model)
    with working_folder() as folder:
        path = folder / "rounded.onnx"
        save(model, path)
        found = replace(subject, final=path).run_final(feeds, list(exact)).outputs
    compared = [compare(name, exact[name], value) for name, value in found.items() if name in exact]
    return {c.name: c.level_db for c in compared if not c.integer}


def round_constants(model: Model) -> None:
    """Round every float32 constant to float16 and back; what is beyond its range stays."""
    for value in model.graph.initializers.values():
        array = constant(value)
        if array is None or array.dtype != np.float32 or not array.size:
            continue
        with np.errstate(over="ignore"):
            rounded = array.astype(np.float16).astype(np.float32)
        kept = np.where(np.isfinite(rounded), rounded, array)
        value.const_value = ir.tensor(kept, name=value.name)
