"""Inputs to verify on that are not drawn: the user's, or real ones from data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from mmc.dataset import Shapes, read_samples
from mmc.diagnostics import EmitError, MmcError
from mmc.generalizing import Case
from mmc.ir import Model, shape_of
from mmc.options import CompileOptions
from mmc.verification.casting import Array, cast_exactly, check_names

MOST_SAMPLES = 9
"""Samples that are looked at where the first leaves something open."""


@dataclass(frozen=True)
class MoreSamples:
    """The feeds of samples behind the first, read when looped over; none of data that are no good.

    Args:
        shapes: of the inputs in the data.
    """

    data: str
    shapes: Shapes

    def __iter__(self) -> Iterator[dict[str, Array]]:
        with suppress(MmcError):
            for feeds, _ in islice(read_samples(self.data, self.shapes, 1 + MOST_SAMPLES), 1, None):
                yield feeds


def more_samples(model: Model, options: CompileOptions) -> MoreSamples | tuple[()]:
    """Return what else there is to verify on."""
    data = options.evaluation or options.calibration
    return MoreSamples(data, shapes_of_data(model, options)) if data else ()


def with_inputs(case: Case) -> CompileOptions:
    """Return a case's options with the inputs that fit its size: given ones, else real ones."""
    shapes, options = shapes_of_data(case.model, case.options), case.options
    if options.inputs is None:
        return with_sample(options, shapes)
    if any(a.shape != shapes.get(n, a.shape) for n, a in options.inputs.items()):
        return replace(options, inputs=None)
    return options


def with_sample(options: CompileOptions, shapes: Shapes) -> CompileOptions:
    """Return options with the first sample of data that fit: it tells more than drawn inputs."""
    for data in filter(None, (options.evaluation, options.calibration)):
        with suppress(MmcError):  # data that are no good are told where they are used
            feeds, _ = next(iter(read_samples(data, shapes, 1)))
            return replace(options, inputs=feeds, inputs_from=f"the first sample of {data}")
    return options


def refuse_unfit(cases: Sequence[Case], options: CompileOptions) -> None:
    """Refuse inputs of the user's that are no inputs of the model, at any of its sizes.

    Raises:
        EmitError: MMC403.
    """
    if options.inputs is None:
        return
    model = cases[0].model
    check_names("--inputs", set(options.inputs) - set(options.constants), set(shapes_of(model)))
    for value in model.graph.inputs:
        name = str(value.name)
        array, seen = options.inputs[name], [shapes_of_data(c.model, options)[name] for c in cases]
        if array.shape not in seen:
            expected = " or ".join(str(shape) for shape in dict.fromkeys(seen))
            what = f"has shape {array.shape}, expected {expected}"
            raise EmitError("MMC403", f"input {name!r}", what)
        if value.dtype is not None and name not in options.pictures:
            cast_exactly(name, array, np.dtype(value.dtype.numpy()))


def shapes_of_data(model: Model, options: CompileOptions) -> Shapes:
    """Return the shapes that inputs have in data: the original model's, as options have them."""
    shapes = shapes_of(model)
    if options.io_layout != "nhwc":
        return shapes
    return {n: (s[0], s[3], s[1], s[2]) if len(s) == 4 else s for n, s in shapes.items()}


def shapes_of(model: Model) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's inputs."""
    return {str(v.name): shape_of(v) for v in model.graph.inputs}
