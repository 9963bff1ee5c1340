"""Compare arrays, and run a model in memory; the figures are those of the verification report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mmc.staging import working_folder
from mmc.verification.casting import Array

LEAST_NORMAL = float(np.finfo(np.float32).tiny)
FLOAT_KINDS = "fV"  # V: the 16-bit floats numpy does not know


@dataclass(frozen=True)
class Comparison:
    """How one array differs from its reference; the figures are over the finite entries.

    sqnr_db is 10 log10(sum ref² / sum err²), inf for equal arrays; relative is the largest error by
    the reference's RMS; `mismatches` counts entries of integers and bools that differ;
    `positions_match` says whether NaN and signed infinities are in the same places.
    """

    name: str
    integer: bool
    sqnr_db: float
    max_abs_error: float
    relative: float
    cosine: float
    mismatches: int = 0
    positions_match: bool = True
    zero_reference: bool = False

    @property
    def level_db(self) -> float:
        """How far the error is below the signal; an all-zero reference is given a signal of 1."""
        if not self.zero_reference:
            return self.sqnr_db
        return sqnr(1.0, self.max_abs_error**2)

    def passes(self, least_db: float) -> bool:
        """Say whether floats are near enough, and integers equal."""
        if self.integer:
            return self.mismatches == 0
        return self.positions_match and self.level_db >= least_db

    def to_json(self) -> dict[str, Any]:
        """Return the fields; infinite figures become None, as JSON has none."""
        fields = asdict(self)
        finite = {k: v for k, v in fields.items() if not isinstance(v, float) or math.isfinite(v)}
        return dict.fromkeys(fields) | finite


def from_db(decibels: float) -> float:
    """Return the amplitude of an error so far below a signal of RMS 1."""
    return float(10 ** (-decibels / 20))


def compare(name: str, reference: Array, actual: Array) -> Comparison:
    """Compare by value: the element types may differ, as artifacts narrow int64 and double.

    Numbers below the least normal float32 are 0: processors flush them, runtimes ask them to.

    Raises:
        ValueError: if the shapes differ.
    """
    if reference.shape != actual.shape:
        raise ValueError(f"{name!r} has shape {actual.shape}, expected {reference.shape}")
    if same_bits(reference, actual):
        integer = reference.dtype.kind not in FLOAT_KINDS
        zero = not np.asarray(reference, np.bool_).any()
        return Comparison(name, integer, math.inf, 0.0, 0.0, 1.0, zero_reference=zero)
    if reference.dtype.kind not in FLOAT_KINDS and actual.dtype.kind not in FLOAT_KINDS:
        return compare_integers(name, reference, actual)
    ref, act = (flushed(a.astype(np.float64)) for a in (reference, actual))
    finite = np.isfinite(ref) & np.isfinite(act)
    same = np.array_equal(ref[~finite], act[~finite], equal_nan=True)
    return figures(name, ref[finite], act[finite], same)


def flushed(array: Array) -> Array:
    """Return float64 numbers with 0 for those below the least normal float32, in place."""
    array[np.abs(array) < LEAST_NORMAL] = 0
    return array


def same_bits(a: Array, b: Array) -> bool:
    """Say whether the arrays are equal to the last bit: cheap, and true of most inner tensors."""
    if a.dtype != b.dtype or a.dtype.kind not in "biufV":
        return False
    bits = np.dtype(f"u{a.dtype.itemsize}")
    return np.array_equal(a.view(bits), b.view(bits))


def figures(name: str, ref: Array, act: Array, positions_match: bool) -> Comparison:
    """Return the comparison of finite float64 arrays."""
    error = act - ref
    signal, noise = float(ref @ ref), float(error @ error)
    worst = float(np.abs(error).max(initial=0))
    rms = math.sqrt(signal / max(ref.size, 1))
    return Comparison(
        name,
        False,
        sqnr(signal, noise),
        worst,
        worst / rms if rms else (math.inf if worst else 0.0),
        cosine(ref, act),
        positions_match=positions_match,
        zero_reference=signal == 0,
    )


def compare_integers(name: str, reference: Array, actual: Array) -> Comparison:
    """Return the comparison of integers or bools."""
    wrong = int(np.count_nonzero(reference != actual))
    ref, act = (a.astype(np.float64).reshape(-1) for a in (reference, actual))
    exact = figures(name, ref, act, True)
    return Comparison(
        name, True, exact.sqnr_db, exact.max_abs_error, exact.relative, exact.cosine, wrong
    )


def sqnr(signal: float, noise: float) -> float:
    """Return the signal-to-noise ratio of two energies in dB."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def cosine(a: Array, b: Array) -> float:
    """Return the cosine of the angle between two vectors; 1 between two zeros."""
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else float(not (a.any() or b.any()))


def indices_agree(
    reference: Array, actual: Array, scores: Array, axis: int, tolerance: float
) -> bool:
    """Say whether indices (of ArgMax, TopK) differ only where their scores differ by less.

    Args:
        reference, actual: indices into `axis` of `scores`, of any shape with the right size.
        tolerance: largest difference of two scores that count as equal.
    """
    shape = list(scores.shape)
    shape[axis] = -1
    ref, act = (i.astype(np.int64).reshape(shape) for i in (reference, actual))
    if act.size and not (act.min() >= 0 and act.max() < scores.shape[axis]):
        return False
    chosen, taken = (np.take_along_axis(scores, i, axis).astype(np.float64) for i in (ref, act))
    return bool(np.all((ref == act) | (np.abs(chosen - taken) < tolerance)))


def run_model(model: Any, feeds: Mapping[str, Array], *, perturbed: int = 0) -> dict[str, Array]:
    """Return the outputs of an IR model in ONNX Runtime, in this process."""
    from mmc.ir import save
    from mmc.verification.reference import run

    with working_folder() as folder:
        path = folder / "model.onnx"
        save(model, path)
        return run(path, feeds, perturbed=perturbed)


def allowance(dtype: np.dtype[Any], reduction: int, floor: float) -> float:
    """Return how far a reordered computation may move a tensor, relative to its RMS."""
    return max(tolerance(dtype, reduction), 4 * floor)


def near(found: Comparison, largest: float) -> bool:
    """Say whether the largest error, relative to the reference's RMS, is within `largest`."""
    if found.integer or not found.positions_match:
        return found.passes(math.inf)
    error = found.max_abs_error if found.zero_reference else found.relative
    return error <= largest


def tolerance(dtype: np.dtype[Any], reduction: int) -> float:
    """Return the tolerance, relative to the RMS, for a reordered sum of `reduction` products.

    Random-walk rounding model: eps * sqrt(reduction), with a factor 8 for the worst of many outputs
    (Higham, "Accuracy and Stability of Numerical Algorithms", section 4.2).
    """
    eps = float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float32).eps)
    return 8 * eps * math.sqrt(max(reduction, 1))


def sums(model: Any) -> dict[str, int]:
    """Return, for every tensor, a bound on the products summed along the deepest path to it.

    A node sums at most `size / smallest extent` products of a constant operand, and at least one.
    """
    depth: dict[Any, int] = {}
    for node in model.graph:
        before = max((depth.get(value, 0) for value in node.inputs), default=0)
        own = max((products(value) for value in node.inputs), default=1)
        depth.update(dict.fromkeys(node.outputs, before + own))
    return {value.name: length for value, length in depth.items() if value.name}


def products(value: Any) -> int:
    """Return how many products at most one output element sums over a constant operand."""
    if value is None or value.const_value is None:
        return 1
    shape = tuple(value.const_value.shape.numpy())
    return max(1, math.prod(shape) // max(1, min(shape))) if len(shape) > 1 else 1
