"""Inputs that an artifact takes as pictures: its pixels, and what the model sees of them.

Verification feeds the artifact bytes and the reference `pixel * scale + bias`, computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mmc.diagnostics import EmitError
from mmc.options import Picture
from mmc.verification.casting import Array

NEAR = 0.01
"""How far from a whole number a pixel may be that is computed back from what the model sees."""


def seen(pixels: Array, picture: Picture) -> Array:
    """Return what the model sees of pixels, channels first or last as it has them: float32."""
    bias = bias_of(pixels, picture)
    return (pixels.astype(np.float64) * picture.scale + bias).astype(np.float32)


def pixels_of(name: str, values: Array, picture: Picture) -> Array:
    """Return the pixels, uint8, of which a model sees `values`.

    Raises:
        EmitError: MMC403 if there are none: the values are no picture's.
    """
    bias = bias_of(values, picture)
    exact = (values.astype(np.float64) - bias) / picture.scale
    whole = np.rint(exact)
    if not np.isfinite(exact).all() or whole.min(initial=0) < 0 or whole.max(initial=0) > 255:
        raise no_picture(name, "they are beyond what pixels of 0 to 255 give")
    if np.abs(exact - whole).max(initial=0) > NEAR:
        raise no_picture(name, "they lie between those of whole pixels")
    return whole.astype(np.uint8)


def bias_of(array: Array, picture: Picture) -> Array:
    """Return the bias a channel, along the axis of the channels."""
    bias = np.asarray(picture.bias, np.float64)
    return bias if picture.axis(array.shape) == 3 else bias.reshape(-1, 1, 1)


def no_picture(name: str, why: str) -> EmitError:
    """Return the error for values that no picture gives."""
    fix = "give the pixels as uint8, in the input's shape"
    what = "the values are no picture's"
    return EmitError("MMC403", f"input {name!r}", what, why=why, fix=fix)


def as_seen(feeds: Mapping[str, Array], pictures: Mapping[str, Picture]) -> dict[str, Array]:
    """Return feeds with the bytes of pictures as the model sees them."""
    return {
        name: seen(array, pictures[name]) if name in pictures and array.dtype == np.uint8 else array
        for name, array in feeds.items()
    }


def as_pixels(feeds: Mapping[str, Array], pictures: Mapping[str, Picture]) -> dict[str, Array]:
    """Return feeds with the pixels of pictures; raises EmitError MMC403."""
    return {
        name: pixels_of(name, array, pictures[name]) if name in pictures else array
        for name, array in feeds.items()
    }


def show_pictures(
    feeds: Mapping[str, Array], pictures: Mapping[str, Picture], seed: int, *, redraw: bool = True
) -> dict[str, Array]:
    """Return feeds with pictures as the model sees them: random ones, or (no `redraw`) theirs."""
    drawn = dict(draw_pictures(feeds, pictures, seed)) if redraw else {}
    return as_seen({**feeds, **drawn}, pictures)


def draw_pictures(
    feeds: Mapping[str, Array], pictures: Mapping[str, Picture], seed: int
) -> Iterator[tuple[str, Array]]:
    """Yield (name, pixels) of random pictures as large as the inputs in `feeds`."""
    rng = np.random.default_rng(seed)
    for name in sorted(pictures.keys() & feeds.keys()):
        yield name, rng.integers(0, 256, feeds[name].shape, np.uint8)
