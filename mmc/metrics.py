"""Metrics by name for `--metric`: higher is better, 1 is perfect; axis 0 counts samples.

Against labels: accuracy, characters. Against the original model's own outputs, where there are no
labels: agreement, cosine, kl, sqnr. Those are proxies: they say how alike the numbers are, not
whether the model still does its job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mmc.quant import metrics
from mmc.values import Array

Arrays = Mapping[str, Array]


def accuracy(outputs: Arrays, labels: Arrays) -> float:
    """Return the part of the samples whose largest entry is at the label's place."""
    scores, right = only(outputs, labels)
    found = scores.reshape(len(scores), -1, scores.shape[-1]).argmax(axis=-1)
    return float((found == right.reshape(len(scores), -1)).all(axis=1).mean())


def characters(outputs: Arrays, labels: Arrays) -> float:
    """Return 1 - edits / characters: scores (N, T, C) by CTC with blank 0, labels (N, L) of ids.

    Labels are filled up with 0 or negative numbers.
    """
    scores, right = only(outputs, labels)
    edits = length = 0
    for best, label in zip(scores.argmax(axis=-1), right, strict=True):
        wanted = [int(c) for c in np.ravel(label) if c > 0]
        edits += distance(greedy(np.ravel(best)), wanted)
        length += len(wanted)
    return 1 - edits / length


def only(outputs: Arrays, labels: Arrays) -> tuple[Array, Array]:
    """Return the output and the label that belong together: of one name, or the only ones.

    Raises:
        ValueError: if they are not clear.
    """
    both = [name for name in outputs if name in labels]
    if len(both) == 1:
        return outputs[both[0]], labels[both[0]]
    if len(outputs) != 1 or len(labels) != 1:
        has = f"outputs {', '.join(outputs)}; labels {', '.join(labels) or 'none'}"
        raise ValueError(f"which output has which label is not clear: {has}")
    return next(iter(outputs.values())), next(iter(labels.values()))


def greedy(best: Array) -> list[int]:
    """Return what a CTC head says: repeats are one, 0 is between characters."""
    return [int(c) for i, c in enumerate(best) if c and (i == 0 or c != best[i - 1])]


def distance(a: list[int], b: list[int]) -> int:
    """Return the least number of insertions, deletions and substitutions from `a` to `b`."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def agreement(outputs: Arrays, originals: Arrays) -> float:
    """Return the part of the rows whose largest entry is at the same place."""
    found = [metrics.agreement(o, a) for a, o in pairs(outputs, originals)]
    return float(np.mean(found))


def cosine(outputs: Arrays, originals: Arrays) -> float:
    """Return the mean cosine of the samples."""
    return float(np.mean([cosines(a, o).mean() for a, o in pairs(outputs, originals)]))


def cosines(actual: Array, expected: Array) -> Array:
    """Return (N,) cosines; 1 between zeros."""
    top = (actual * expected).sum(axis=1)
    bottom = np.linalg.norm(actual, axis=1) * np.linalg.norm(expected, axis=1)
    return np.where(bottom > 0, top / np.maximum(bottom, 1e-300), 1.0)


def kl(outputs: Arrays, originals: Arrays) -> float:
    """Return exp(-KL(original || artifact)) of the softmax over the last axis: 1 % is 0.01 nats."""
    found = [metrics.kl_divergence(o, a) for a, o in pairs(outputs, originals, flat=False)]
    return float(np.exp(-np.mean(found)))


def sqnr(outputs: Arrays, originals: Arrays) -> float:
    """Return 1 - error energy / signal energy: a drop of 1 % is 20 dB."""
    found = []
    for a, o in pairs(outputs, originals):
        noise, signal = ((a - o) ** 2).sum(axis=1), (o**2).sum(axis=1)
        found.append(float(np.divide(noise, signal, out=noise * 0, where=signal > 0).mean()))
    return 1 - float(np.mean(found))


def pairs(outputs: Arrays, originals: Arrays, *, flat: bool = True) -> list[tuple[Array, Array]]:
    """Return the float outputs with the originals, float64; flat: (N, everything else)."""
    found = []
    for name, value in outputs.items():
        if value.dtype.kind == "f":
            both = (value.astype(np.float64), originals[name].astype(np.float64))
            found.append(tuple(x.reshape(len(x), -1) for x in both) if flat else both)
    if not found:
        raise ValueError("no output holds floats")
    return found  # type: ignore[return-value]


LABELLED: Mapping[str, Callable[[Arrays, Arrays], float]] = {
    "accuracy": accuracy,
    "characters": characters,
}
PROXIES: Mapping[str, Callable[[Arrays, Arrays], float]] = {
    "agreement": agreement,
    "cosine": cosine,
    "kl": kl,
    "sqnr": sqnr,
}
BY_PARTS = frozenset({"cosine", "sqnr"})
"""To these proxies each part of an output that is joined of several is an output; the others
compare rows, which may run over the parts."""
DEFAULT = "cosine"
"""The metric where none is named."""


def bootstrap(
    value: Callable[[Any], float], count: int, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of `value(indices)` over samples drawn with replacement.

    Args:
        value: of the samples at these places; NaN where it has none for a draw.
        count: how many samples there are.
    Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979 (percentile interval).
    """
    rng = np.random.default_rng(seed)
    found = np.array([value(rng.integers(0, count, count)) for _ in range(draws)])
    found = found[np.isfinite(found)]
    if not found.size:
        return float("nan"), float("nan")
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
