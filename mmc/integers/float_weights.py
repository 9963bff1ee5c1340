"""Which weights stay float where 8 bits ruin a model: the few that make most of the error.

8 bits are enough for nearly all weights. Filters in front of a logarithm are not such: what counts
there is the relative error of the smallest result, and codes of a filter are off by half a step of
its largest number. The model runs with all codes; only where those leave too little signal is it
run with the codes of each weight alone, and the costliest for their bytes become floats again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mmc.integers.calibration import Data, prepared_samples, signature
from mmc.integers.kept_float import FLOAT_WEIGHT
from mmc.integers.layers import Layer
from mmc.integers.weight_codes import BIAS, has_bias
from mmc.ir import Array, Model, Node, Value, operand
from mmc.joined_outputs import save_by_parts
from mmc.quant.metrics import error_of
from mmc.remembered import key_of_run, remembered

JOB = "mmc.integers.float_weights:job"
SAMPLES = 16
"""Samples that an error is measured on."""
MOST_OF_THEM = 0.75
"""The part of the samples whose error counts at most: a median says nothing of those where codes of
a weight are seen, and a mean is all that one sample near a threshold says."""
MOST_MORE = 0.1
"""How much larger floats may make all weights together,"""
SMALL = 128 << 10
"""and what more they may take in any case, in bytes."""
GAIN = 0.5
"""What floats must leave of the error where it stays above the bound: less is not worth bytes."""


@dataclass(frozen=True)
class Weight:
    """One weight, with what stood where codes and corrected biases stand now.

    bytes: what it takes as codes, and how many more as floats.
    """

    bytes: tuple[int, int]
    read: tuple[tuple[Node, int, Value | None], ...]

    @classmethod
    def of(cls, layers: Sequence[Layer], codes: int, floats: int) -> Weight:
        """Return the weight that layers share, as long as it is floats."""
        places = [(use.node, use.idx) for use in layers[0].value.uses()]
        places += [(layer.node, BIAS) for layer in layers if has_bias(layer)]
        read = ((node, i, operand(node, i)) for node, i in places)
        return cls((codes, floats - codes), tuple(read))

    def names(self) -> dict[str, str]:
        """Return what its readers read now -> what they read before ("": nothing)."""
        pairs = ((operand(node, i), was) for node, i, was in self.read)
        return {
            now.name or "": "" if was is None else was.name or ""
            for now, was in pairs
            if now is not None and now is not was
        }

    def release(self) -> None:
        """Let the readers read floats again."""
        for node, place, was in self.read:
            if was is not None:
                node.replace_input_with(place, was)
            else:
                node.resize_inputs(place)  # a bias is the last input of its layer
            node.metadata_props[FLOAT_WEIGHT] = "true"


def costly(
    floats: Path, model: Model, weights: Sequence[Weight], data: Data, least_db: float
) -> list[Weight]:
    """Return the weights that shall be floats again.

    Args:
        floats: the model before it got codes, in a folder of its own.
        model: the model with codes; `weights` are those that can be floats.
        least_db: signal to noise that all codes together must leave at the outputs.
    """
    from mmc.verification.execute import execute

    save_by_parts(model, floats.with_name("codes.onnx"))
    asked: dict[str, Any] = {
        "samples": min(SAMPLES, data.samples),
        "inputs": signature(model),
        "names": [weight.names() for weight in weights],
        "sizes": [weight.bytes for weight in weights],
        "least_db": least_db,
    }
    key = key_of_run(floats.parent, data.source, asked)
    found = remembered(key, lambda: execute(JOB, floats, {}, data=data.source, **asked).outputs)
    return [weights[i] for i in found["costly"]]


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[Any]],
    names: list[dict[str, str]],
    sizes: list[tuple[int, int]],
    least_db: float,
) -> dict[str, Array]:
    """Be the child of `costly`."""
    from mmc.verification.reference import open_quick

    fed = list(prepared_samples(data, samples, inputs))
    session = open_quick(path)
    expected = [session.run(None, one) for one in fed]
    mixed = Mixture(Path(path), names)

    def error(floats: Collection[int]) -> float:
        session = open_quick(mixed.write(floats))
        found = (session.run(None, one) for one in fed)
        errors = [error_of(e, a) for e, a in zip(expected, found, strict=True)]
        return float(np.quantile(errors, MOST_OF_THEM))

    return {"costly": np.array(chosen(error, sizes, 10 ** (-least_db / 10)), np.int64)}


class Mixture:
    """Models of two, in one folder: with codes, but for some weights that are floats."""

    def __init__(self, floats: Path, names: Sequence[Mapping[str, str]]) -> None:
        self.names, self.path = names, floats.with_name("mixed.onnx")
        self.codes = floats.with_name("codes.onnx")
        given = onnx.load(floats, load_external_data=False).graph.initializer
        self.tensors = {tensor.name: tensor for tensor in given}

    def write(self, floats: Collection[int]) -> Path:
        """Write the model whose weights at these places are floats; return its file."""
        model = onnx.load(self.codes, load_external_data=False)
        renamed = {now: was for i in floats for now, was in self.names[i].items()}
        for node in model.graph.node:
            node.input[:] = [renamed.get(name, name) for name in node.input]
        there = {tensor.name for tensor in model.graph.initializer}
        missing = {*renamed.values()} - there - {""}
        model.graph.initializer.extend(self.tensors[name] for name in sorted(missing))
        self.path.write_bytes(model.SerializeToString())
        return self.path


def chosen(
    error: Callable[[Collection[int]], float], sizes: Sequence[tuple[int, int]], most: float
) -> list[int]:
    """Return the places of the weights that stay float: none where all codes leave little error.

    Those come first whose codes alone make most of the error for the bytes that floats take more,
    if it is no less than the mean part; until the others together leave `most`.

    Args:
        error: the error at the outputs where the weights at some places are floats.
        sizes: bytes as codes, and how many more as floats.
    """
    places = range(len(sizes))
    if not sizes or (whole := error([])) <= most:
        return []
    alone = [error([i for i in places if i != place]) for place in places]
    costs = [alone[i] / max(sizes[i][1], 1) for i in places]
    room = max(SMALL, MOST_MORE * sum(codes for codes, _ in sizes))
    kept: list[int] = []
    left = whole
    for i in sorted(places, key=lambda i: -costs[i]):
        if alone[i] * len(sizes) < whole or sum(sizes[k][1] for k in (*kept, i)) > room:
            continue
        kept.append(i)
        left = error(kept)
        if left <= most:
            break
    return sorted(kept) if left <= max(most, GAIN * whole) else []
