"""How far a quantized model is from the original, without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .grids import Array


def sqnr_db(reference: Array, actual: Array) -> float:
    """Return 10 log10(sum ref² / sum err²) in dB; inf for equal arrays, -inf for a zero reference.

    Raises ValueError if the shapes differ.
    """
    if reference.shape != actual.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {actual.shape}")
    ref, act = reference.astype(np.float64), actual.astype(np.float64)
    signal, noise = float((ref**2).sum()), float(((act - ref) ** 2).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def cosine(reference: Array, actual: Array) -> float:
    """Return the cosine of the angle between two arrays taken as vectors; 1 between zeros."""
    ref, act = (a.astype(np.float64).reshape(-1) for a in (reference, actual))
    lengths = float(np.linalg.norm(ref)) * float(np.linalg.norm(act))
    return float(ref @ act) / lengths if lengths else float(not (ref.any() or act.any()))


def log_softmax(logits: Array) -> Array:
    """Return the log of softmax over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def kl_divergence(reference: Array, actual: Array) -> float:
    """Return the mean KL(softmax(reference) || softmax(actual)), in nats, over rows of logits."""
    p, q = log_softmax(reference), log_softmax(actual)
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())


def agreement(reference: Array, actual: Array) -> float:
    """Return the part of the rows whose largest entry is at the same place."""
    return float((reference.argmax(axis=-1) == actual.argmax(axis=-1)).mean())


def output_error(weight: Array, quantized: Array, hessian: Array) -> float:
    """Return tr(D H Dᵀ) / tr(W H Wᵀ), D = W - Q: the relative squared error of the layer's output.

    Args:
        weight, quantized: (O, K).
        hessian: (K, K), the sum of x xᵀ; (G, K, K) where every O / G rows have their own inputs.
    """
    difference = (weight - quantized).astype(np.float64)
    top = float((products(difference, hessian) * difference).sum())
    bottom = float((products(weight, hessian) * weight).sum(dtype=np.float64))
    return top / bottom if bottom > 0 else 0.0


def products(rows: Array, hessian: Array) -> Array:
    """Return (O, K) rows times the Hessian of their group."""
    h = hessian.reshape(-1, *hessian.shape[-2:])
    parts = rows.reshape(len(h), -1, rows.shape[1])
    return np.asarray((parts @ h).reshape(rows.shape))


def error_of(expected: Sequence[Array], actual: Sequence[Array]) -> float:
    """Return the mean over outputs of error energy by signal energy (integers: what differs)."""
    return float(np.mean([one_error(e, a) for e, a in zip(expected, actual, strict=True)]))


def one_error(expected: Array, actual: Array) -> float:
    """Return the error of one output; where the expected is not finite, nothing is compared."""
    if expected.dtype.kind != "f":
        return float((expected != actual).mean()) if expected.size else 0.0
    finite = np.isfinite(expected)
    right, got = expected[finite].astype(np.float64), actual[finite].astype(np.float64)
    signal, noise = float((right**2).sum()), float(((got - right) ** 2).sum())
    if not np.isfinite(noise):
        return 1.0
    return noise / signal if signal else float(noise > 0)
