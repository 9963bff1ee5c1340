"""Integer operators of an artifact, each compared alone with the final IR.

Rounding to codes adds up along a deep network, so the outputs of two right implementations differ
by many steps. What tells a wrong kernel from a right one is an operator alone: fed with the codes
of the final IR (QuantizeLinear, DequantizeLinear, in ONNX Runtime), its result must be the final
IR's own within its rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.backends.base import backend_of
from mmc.diagnostics import Severity
from mmc.ir import shape_of
from mmc.quant.ranges import Affine
from mmc.staging import working_folder
from mmc.values import ARRIVED_QUANTIZED
from mmc.verification.casting import Array
from mmc.verification.evaluate import FLOAT_KINDS, compare
from mmc.verification.execute import execute
from mmc.verification.result import VerifyResult
from mmc.verification.totals import judge_total, open_question
from mmc.verification.trial import Trial
from mmc.verification.unrounded import run_unrounded

if TYPE_CHECKING:
    from mmc.backends.base import Backend

STEPS = {8: 1, 16: 4}
"""Codes that one operator may be off, by bits. LiteRT's 16-bit kernels multiply by scales that are
rounded to 16 bits themselves and read exponentials off a table, so the last 2 bits are noise."""
MOVES = (
    "DequantizeLinear",
    "QuantizeLinear",
    "Transpose",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Identity",
)
"""What stands between the codes of an output and its floats."""
FLOAT_DB = 80.0
"""Least SQNR of results that are floats."""


@dataclass
class Piece:
    """A program of operators that are fed and compared, and what its inputs and outputs code.

    `operators` counts those behind an output: each may round once; `slack` is the codes that a
    kernel may be off beside. An output may be the floats that codes stand for.
    """

    program: Any
    inputs: dict[str, Affine | None] = field(default_factory=dict)
    outputs: dict[str, Affine | None] = field(default_factory=dict)
    operators: dict[str, int] = field(default_factory=dict)
    slack: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Off:
    """How far a result is off: steps of its codes by the steps allowed, or dB where it is float.

    `noise` is what the steps allowed are in numbers; 0 where it is float.
    """

    name: str
    steps: float
    allowed: int
    decibels: float = inf
    noise: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether the operator is right."""
        return self.steps <= self.allowed and self.decibels >= FLOAT_DB

    def __str__(self) -> str:
        if self.decibels < FLOAT_DB:
            return f"is off: SQNR {self.decibels:.1f} dB on the same inputs, needs {FLOAT_DB:g} dB"
        return f"is off by {self.steps:g} steps on the same inputs, {self.allowed} are allowed"


def compare_pieces(trial: Trial, model: Any) -> list[Off]:
    """Return the comparison of every result next to codes, in order of computation.

    Args:
        model: the final IR.
    """
    backend = backend_of(trial.subject.artifact)
    assert backend is not None
    values = [v for n in model.graph for v in n.outputs] + list(model.graph.inputs)
    known = {v.name: shape_of(v) for v in values if v.name and v.shape is not None}
    program = backend.read(trial.subject.artifact)
    found: list[Off] = []
    for piece in backend.pieces(program, known):
        found += compare_piece(trial, piece, backend)
    return found


def compare_piece(trial: Trial, piece: Piece, backend: type[Backend]) -> list[Off]:
    """Run the final IR for what the piece reads and makes, then the piece."""
    given = trial.subject.to_artifact(trial.feeds)
    wanted = sorted({*piece.inputs, *piece.outputs} - given.keys())
    values = trial.subject.run_final(trial.feeds, wanted).outputs | given
    feeds = {n: in_codes(values[n], q) for n, q in piece.inputs.items()}
    with working_folder() as folder:
        path = folder / f"piece{trial.subject.artifact.suffix}"
        backend.write(piece.program, path)
        made = execute(backend.job, path, feeds, limits=trial.subject.limits).outputs
    return [judged(n, values[n], made[n], piece) for n in piece.outputs]


def judged(name: str, expected: Array, actual: Array, piece: Piece) -> Off:
    """Compare one result."""
    q, operators = piece.outputs[name], piece.operators[name]
    if q is not None:
        codes, made = (in_codes(value, q).astype(np.int64) for value in (expected, actual))
        steps = np.abs(made - codes).max(initial=0)
        allowed = operators * STEPS[q.bits] + piece.slack.get(name, 0)
        return Off(name, float(steps), allowed, noise=allowed * q.scale)
    if expected.dtype.kind not in FLOAT_KINDS:
        return Off(name, 0, 0)  # indices: ties are for the comparison of outputs to judge
    return Off(name, 0, 0, compare(name, expected, actual).level_db)


def in_codes(value: Array, q: Affine | None) -> Array:
    """Return a value as the codes of a tensor; what is codes, or has none, as it is."""
    if q is None or value.dtype.kind not in FLOAT_KINDS:
        return value
    codes = np.rint(value.astype(np.float32) / np.float32(q.scale)) + q.zero
    clipped: Array = np.clip(codes, q.low, q.high)
    return clipped.astype(np.int8 if q.bits == 8 else np.int16)


def judge_integers(trial: Trial, model: Any, result: VerifyResult) -> None:
    """Add what is wrong with integer operators, or with all of them together."""
    found = compare_pieces(trial, model)
    result.inner = len(found)
    wrong = [off for off in found if not off.passes]
    if wrong:
        where, why = f"tensor {wrong[0].name!r}", f"{len(wrong)} of {len(found)} results are off"
        result.add("MMC417", Severity.ERROR, where, str(wrong[0]), why=why)
    plain: dict[str, Array] = {}
    if ARRIVED_QUANTIZED in model.metadata_props and any(map(open_question, result.outputs)):
        plain = run_unrounded(trial.subject, trial.feeds)
    own = own_noise(model, found)
    for output in result.outputs:
        judge_total(trial, output, result, plain.get(output.name), own.get(output.name, 0.0))


def own_noise(model: Any, found: Sequence[Off]) -> dict[str, float]:
    """Return how far the kernel that makes an output, as codes, may be off: output -> numbers."""
    noise = {off.name: off.noise for off in found}
    own = {}
    for value in model.graph.outputs:
        last = value
        while not noise.get(last.name) and (node := last.producer()) and node.op_type in MOVES:
            last = node.inputs[0]
        own[value.name] = noise.get(last.name, 0.0)
    return own
