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

from mmc.backends.base import backend_of
from mmc.diagnostics import Severity
from mmc.ir import Array, Model, constant, load, save
from mmc.staging import working_folder
from mmc.verification.evaluate import compare
from mmc.verification.execute import execute
from mmc.verification.result import OutputResult, VerifyResult
from mmc.verification.trial import Subject, Trial

USABLE_DB = 20.0
"""Below it an output says little on these inputs."""
TINY = 2.0**-14
"""Below it float16 has fewer digits."""
OVERFLOWS = ("MMC410", "MMC412")
"""What a number beyond float16's range may be at the outputs."""
LARGEST = float(np.finfo(np.float16).max)


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
            Severity.NOTE if output.emission.sqnr_db >= USABLE_DB else Severity.WARNING,
            where,
            f"SQNR {output.emission.sqnr_db:.1f} dB: these inputs amplify what float16 rounds",
            why=f"constants rounded to float16 alone move it to {floor:.1f} dB in ONNX Runtime",
            fix="see what a real sample gives, --inputs X.npz, or use --precision float32",
        )


def blame_half(trial: Trial, target_db: float, result: VerifyResult) -> None:
    """Say that float16 makes outputs wrong that the same package gives right in float32."""
    failed = {f"output {o.name!r}": o for o in result.outputs if is_short(o, target_db)}
    if not failed or not trial.subject.rounding:
        return
    exact = replace(trial.subject, rounding="float32").run_artifact(trial.feeds).outputs
    for place, error in enumerate(result.diagnostics):
        output = failed.get(error.where)
        if output is None or error.code != "MMC410":
            continue
        found = compare(output.name, trial.final[output.name], exact[output.name])
        if not found.passes(output.least(target_db)):
            continue
        why = f"rounding to float16: computed in float32 the package gives {found.level_db:.1f} dB"
        fix = "--precision float32"
        largest = float(np.abs(trial.final[output.name].astype(np.float64)).max())
        if largest < TINY:
            why += f"; numbers up to {largest:.1e} are too small for it"
            fix += ", or scale what the model computes"
        result.diagnostics[place] = replace(error, why=why, fix=fix)


def blame_overflow(trial: Trial, result: VerifyResult) -> None:
    """Say which operator first leaves float16's range where outputs are infinite, NaN or wrong.

    Codes hide infinity, and so does a division by it.
    """
    places = [i for i, d in enumerate(result.diagnostics) if d.code in OVERFLOWS]
    job = getattr(backend_of(trial.subject.artifact), "overflow_job", "")
    if not places or not job:
        return
    feeds = trial.subject.as_artifact_takes(trial.feeds)
    found = execute(job, trial.subject.artifact, feeds, limits=trial.subject.limits).outputs
    for where, largest in found.items():
        why = f"{where} has numbers up to {largest:.1e}, float16 ends at {LARGEST:.0f}"
        fix = "--precision float32, or scale what the model computes"
        for place in places:
            result.diagnostics[place] = replace(result.diagnostics[place], why=why, fix=fix)


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
