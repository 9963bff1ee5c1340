"""DATA of the command line: samples for calibration and evaluation, one at a time.

An .npz (key = input name, axis 0 = sample, other keys are labels), a folder of such, or a
`module:function` that yields (feeds, labels).
"""

from __future__ import annotations

import math
import traceback
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from mmc.diagnostics import MmcError, RecipeError
from mmc.files import telling_of_npz
from mmc.user_code import is_function_name, load_function, working_directory_first
from mmc.verification.casting import Array

Sample = tuple[dict[str, Array], dict[str, Array]]
"""The inputs of one run by name, and the labels that come with them."""

Shapes = Mapping[str, tuple[int, ...]]


def read_samples(data: str, shapes: Shapes, most: int) -> Iterator[Sample]:
    """Yield at most `most` samples whose inputs have the given shapes (a batch of one is added).

    Raises:
        RecipeError: MMC300 if there is no such data or it raises, MMC301 if it lacks an input or an
            input has another shape or NaN, MMC302 if there are no samples.
        UsageError: MMC007 for a damaged .npz.
    """
    count = 0
    for feeds, labels in islice(_raw(data, shapes), most):
        count += 1
        if missing := sorted(shapes.keys() - feeds.keys()):
            has = f"it has: {', '.join(sorted(feeds)) or 'nothing'}"
            raise RecipeError("MMC301", data, f"lacks the inputs {', '.join(missing)}", fix=has)
        yield {name: _fit(data, name, feeds[name], shapes[name]) for name in shapes}, labels
    if not count:
        raise RecipeError("MMC302", data, "holds no samples")


def _raw(data: str, shapes: Shapes) -> Iterator[Sample]:
    path = Path(data)
    if path.is_dir():
        for file in sorted(path.glob("*.npz")):
            yield from _rows(str(file), shapes)
    elif path.suffix == ".npz" or path.exists():
        yield from _rows(data, shapes)
    elif is_function_name(data):
        yield from _called(data)
    else:
        fix = "give an .npz, a folder of them, or module:function"
        raise RecipeError("MMC300", data, "there is no such data", fix=fix)


def _rows(path: str, shapes: Shapes) -> Iterator[Sample]:
    """Yield the rows of an .npz, one at a time in memory; arrays that are no inputs are labels."""
    with telling_of_npz(path), ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(path))
        arrays = {
            name.removesuffix(".npy"): Stored(stack.enter_context(archive.open(name)))
            for name in archive.namelist()
        }
        counts = {a.count for a in arrays.values()}
        if len(counts) > 1:
            what = f"its arrays have {sorted(counts)} samples, not one count"
            raise RecipeError("MMC301", path, what)
        for index in range(max(counts, default=0)):
            row = {name: array.entry(index) for name, array in arrays.items()}
            yield row, {name: value for name, value in row.items() if name not in shapes}


class Stored:
    """An array in an .npy stream whose entries along axis 0 are read in order, one at a time.

    What is stored in Fortran order is read as a whole.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        form = np.lib.format
        old = form.read_magic(stream) == (1, 0)
        shape, columns_first, dtype = (
            form.read_array_header_1_0 if old else form.read_array_header_2_0
        )(stream)
        if dtype.hasobject:
            raise ValueError("an array holds Python objects")
        self.count, self.shape, self.dtype = shape[0] if shape else 0, shape[1:], dtype
        self.stream, self.whole = stream, None
        if columns_first:
            self.whole = self._read(shape[::-1]).T

    def entry(self, index: int) -> Array:
        """Return the entry; `index` counts up."""
        return self._read(self.shape) if self.whole is None else self.whole[index]

    def _read(self, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape) * self.dtype.itemsize
        return np.frombuffer(bytearray(self.stream.read(size)), self.dtype).reshape(shape)


def _called(data: str) -> Iterator[Sample]:
    """Yield what `module:function` yields; modules of the working directory are found."""
    try:
        with working_directory_first():
            made: Iterable[Sample] = load_function(data)()
            for feeds, labels in made:
                yield dict(feeds), dict(labels or {})
    except (MmcError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # the user's code
        last = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"
        fix = "the function takes nothing and yields (feeds, labels), two dicts"
        raise RecipeError("MMC300", data, "does not yield samples", why=why, fix=fix) from error


def _fit(data: str, name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """Return the value in the input's shape: equal, or without its leading 1."""
    value = np.asarray(value)
    if value.shape not in (shape, shape[1:] if shape[:1] == (1,) else shape):
        what = f"{name!r} has shape {list(value.shape)}, the model takes {list(shape)}"
        raise RecipeError("MMC301", data, what)
    if value.dtype.kind == "f" and np.isnan(value).any():
        fix = "leave that sample out, or mend it"
        raise RecipeError("MMC301", data, f"{name!r} has NaN in a sample", fix=fix)
    return value.reshape(shape)


def digests(samples: Iterable[Sample]) -> Iterator[str]:
    """Yield a hash of the inputs of each sample: to tell whether two data sets overlap."""
    for feeds, _ in samples:
        state = blake2b(digest_size=16)
        for name in sorted(feeds):
            state.update(name.encode() + np.ascontiguousarray(feeds[name]).tobytes())
        yield state.hexdigest()
