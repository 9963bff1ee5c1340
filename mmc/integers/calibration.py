"""Run a model over data, once, in a child process, and keep statistics of its inner values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from mmc.dataset import read_samples
from mmc.diagnostics import RecipeError
from mmc.integers.layers import base_of
from mmc.ir import Array, Model, Node, attrs, save, shape_of
from mmc.quant.statistics import Extents, Histogram, Means, Moments
from mmc.remembered import key_of_run, remembered
from mmc.staging import working_folder
from mmc.verification.casting import cast_exactly

JOB = "mmc.integers.calibration:job"
WIDEST = 6144
"""Layers with more inputs get no Hessian: it would be larger than 150 MB."""
ROWS = 2048
"""Most rows that one sample adds to a Hessian; images have many more, and they are alike."""
NUMBERS = 1 << 18
"""Most numbers that one sample adds to the Hessians of a layer's groups."""
MEAN_SAMPLES = 32
"""Samples after which means are not kept."""
HESSIAN_SAMPLES = 256
"""Samples after which Hessians do not grow: more change nothing (measured)."""


@dataclass(frozen=True)
class Data:
    """What to calibrate with: DATA of the command line, and how many samples of it."""

    source: str
    samples: int


@dataclass(frozen=True)
class Inputs:
    """How the rows that a layer multiplies are taken from its input value.

    kernel is empty for matrices; else rows are the windows of an image, channels last or first.
    Where outputs see `groups` parts of the channels, a row of `width` entries is of one part.
    Layers that share a weight have their inputs together: of the first, and `also` of the others.
    """

    value: str
    width: int
    last: bool = True
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = (1, 1)
    dilations: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    groups: int = 1
    also: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All values that are read so."""
        return (self.value, *self.also)

    @property
    def most(self) -> int:
        """Rows that a sample adds, at most."""
        return (
            ROWS if self.groups == 1 else min(ROWS, max(1, NUMBERS // (self.width * self.groups)))
        )

    def rows(self, x: Array) -> Array:
        """Return some rows (N, width), or (N, groups, width), in the order of the weight's own."""
        if self.kernel:
            return self._windows(x)
        found = x.reshape(-1, self.width)
        return found[:: -(-len(found) // self.most)]

    def _windows(self, x: Array) -> Array:
        x = x if self.last else x.transpose(0, 2, 3, 1)
        top, left, bottom, right = self.pads
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        reach = tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        seen = np.lib.stride_tricks.sliding_window_view(x, reach, (1, 2))
        rows, columns = self.strides
        seen = seen[:, ::rows, ::columns, :, :: self.dilations[0], :: self.dilations[1]]
        count = int(np.prod(seen.shape[:3]))
        places = np.unravel_index(np.arange(0, count, -(-count // self.most)), seen.shape[:3])
        some = seen[places]  # (N, channels, *kernel)
        if self.groups > 1:
            some = some.reshape(len(some), self.groups, -1, *self.kernel)
        order = (*range(some.ndim - 3), -2, -1, -3) if self.last else range(some.ndim)
        shape = (
            (len(some), self.width) if self.groups == 1 else (len(some), self.groups, self.width)
        )
        return np.ascontiguousarray(some.transpose(tuple(order))).reshape(shape)


def inputs_of(node: Node) -> Inputs | None:
    """Return how a layer's inputs are read; None where GPTQ has nothing to say."""
    op, given = base_of(node)[1], attrs(node)
    source, weight = node.inputs[0], shape_of(node.inputs[1])
    name = "" if source is None else source.name or ""
    if op == "Linear" or (op == "MatMul" and len(weight) == 2):
        return Inputs(name, weight[1] if op == "Linear" else weight[0])
    if op == "Gemm" and not given["transA"]:
        return Inputs(name, weight[1] if given["transB"] else weight[0])
    plain = given.get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    if op not in ("Conv", "Conv2d", "DepthwiseConv2d") or len(weight) != 4 or not plain:
        return None
    kernel = weight[2:] if op == "Conv" else weight[1:3]
    channels = {"Conv": weight[1], "Conv2d": weight[3], "DepthwiseConv2d": 1}[op]
    return Inputs(
        name,
        int(np.prod(kernel)) * channels,
        op != "Conv",
        kernel,
        tuple(given.get("strides") or (1, 1)),
        tuple(given.get("dilations") or (1, 1)),
        tuple(given.get("pads") or (0, 0, 0, 0)),
        given.get("group", 1),
    )


@dataclass
class Statistics:
    """What was seen: moments by how inputs are read (`Moments`); the others by value."""

    moments: dict[Inputs, Array] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    extents: dict[str, Array] = field(default_factory=dict)
    means: dict[str, Array] = field(default_factory=dict)
    """Of every channel, by sample: (N, C), MEAN_SAMPLES at most."""
    samples: int = 0


def calibrate(
    model: Model,
    data: Data,
    inputs: Sequence[Inputs] = (),
    ranges: Sequence[str] = (),
    channels: Mapping[str, int] = MappingProxyType({}),
    means: Mapping[str, int] = MappingProxyType({}),
    *,
    counted: bool = True,
) -> Statistics:
    """Run the model as it is over the data and return statistics of the values asked for.

    What was asked before of the same model and data is remembered (`mmc.remembered`).

    Args:
        channels: the axis of channels, of values whose channels' ends are asked for.
        means: the same of those whose channels' means are.
        counted: whether histograms count values; else they have the range only, which is faster.
    Raises:
        MmcError: what is wrong with the data (MMC300 to MMC302), or the run.
    """
    from mmc.verification.execute import execute

    wanted = list(dict.fromkeys(h for h in inputs if h.width <= WIDEST))
    with working_folder() as folder:
        path = folder / "model.onnx"
        save(model, path)
        asked: dict[str, Any] = {
            "samples": data.samples,
            "inputs": signature(model),
            "moments": [asdict(h) for h in wanted],
            "ranges": list(ranges),
            "channels": dict(channels),
            "means": dict(means),
            "counted": counted,
        }
        found = remembered(
            key_of_run(folder, data.source, asked),
            lambda: execute(JOB, path, {}, data=data.source, **asked).outputs,
        )
    moments = {h: found[f"moments {i}"] for i, h in enumerate(wanted)}
    for h, sums in moments.items():
        check_held(h, sums, data)
    return Statistics(
        moments,
        {name: unpack(found, name) for name in ranges},
        {name: found[f"extents {name}"] for name in channels},
        {name: found[f"means {name}"] for name in means},
        int(found["samples"]),
    )


def check_held(inputs: Inputs, sums: Array, data: Data) -> None:
    """Refuse data of which a layer reads more than float32 holds (RecipeError MMC301)."""
    if not np.isfinite(sums).all():
        what = f"makes numbers at {inputs.value!r} whose squares float32 does not hold"
        fix = "give inputs as the model expects them: scaled, normalized"
        raise RecipeError("MMC301", data.source, what, fix=fix)


def signature(model: Model) -> list[list[Any]]:
    """Return (name, shape as the data has it, type, permutation or None) of every input."""
    import json

    from mmc.passes.to_nhwc import IO_LAYOUT

    perms = json.loads(model.metadata_props.get(IO_LAYOUT, "{}"))
    found = []
    for value in model.graph.inputs:
        shape, perm = list(shape_of(value)), perms.get(value.name)
        if perm:
            shape = [shape[perm.index(axis)] for axis in range(len(shape))]
        found.append([value.name, shape, str(value.dtype and value.dtype.numpy()), perm])
    return found


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[Any]],
    moments: list[dict[str, Any]],
    ranges: list[str],
    channels: dict[str, int],
    means: dict[str, int],
    counted: bool,
) -> dict[str, Array]:
    """Be the child of `calibrate`."""
    from mmc.verification.reference import open_quick, ran

    readers = [Inputs(**{k: to_tuple(v) for k, v in h.items()}) for h in moments]
    sums = [Moments.of_width(r.width, r.groups) for r in readers]
    seen = {name: Histogram() for name in ranges}
    extents = {name: Extents(axis) for name, axis in channels.items()}
    middles = {name: Means(MEAN_SAMPLES, axis) for name, axis in means.items()}
    adders: list[tuple[str, Callable[[Array], None]]] = [
        *((name, partial(each.add, counted=counted)) for name, each in seen.items()),
        *((name, each.add) for some in (extents, middles) for name, each in some.items()),
    ]
    given = {name for name, *_ in inputs}
    inner = sorted({*(v for r in readers for v in r.values), *ranges, *channels, *means} - given)
    session = open_quick(path, inner)
    outputs = {o.name for o in session.get_outputs()}
    count = 0
    for fed in prepared_samples(data, samples, inputs):
        wanted = [name for name in inner if name in outputs]
        made = ran(session, wanted, fed, f"{data}, sample {count}") if wanted else []
        values = fed | dict(zip(wanted, made, strict=True))
        if count < HESSIAN_SAMPLES:
            for reader, total in zip(readers, sums, strict=True):
                for name in reader.values:
                    total.add(reader.rows(values[name]))
        for name, add in adders:
            add(values[name])
        count += 1
    found = {f"moments {i}": total.total for i, total in enumerate(sums)}
    found |= {f"extents {name}": extent.ends for name, extent in extents.items()}
    found |= {f"means {name}": np.stack(each.rows) for name, each in middles.items()}
    return found | packed(seen) | {"samples": np.array(count)}


def prepared_samples(
    data: str, samples: int, inputs: Sequence[Sequence[Any]]
) -> Iterator[dict[str, Array]]:
    """Yield at most so many samples as a model takes them; `inputs`: see `signature`."""
    shapes = {name: tuple(shape) for name, shape, *_ in inputs}
    for raw, _ in islice(read_samples(data, shapes, samples), samples):
        yield {name: prepared(name, raw[name], kind, perm) for name, _, kind, perm in inputs}


def to_tuple(value: Any) -> Any:
    """Return JSON's lists as the tuples that they were."""
    return tuple(value) if isinstance(value, list) else value


def prepared(name: str, value: Array, kind: str, perm: list[int] | None) -> Array:
    """Return an input in the model's type and axis order."""
    cast = cast_exactly(name, value, np.dtype(kind))
    return cast if perm is None else np.ascontiguousarray(cast.transpose(perm))


def packed(seen: Mapping[str, Histogram]) -> dict[str, Array]:
    """Return histograms as arrays."""
    found: dict[str, Array] = {}
    for name, h in seen.items():
        found[f"counts {name}"] = h.counts
        found[f"range {name}"] = np.array([h.low, h.high, h.least, h.most, h.least_top, h.endless])
    return found


def unpack(found: Mapping[str, Array], name: str) -> Histogram:
    """Return one histogram of the child's answer."""
    low, high, least, most, top, endless = (float(v) for v in found[f"range {name}"])
    return Histogram(low, high, least, most, top, bool(endless), found[f"counts {name}"])
