"""Compressed weights of packages that coremltools wrote: what the evaluator unpacks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, draw, save
from mmc.backends.coreml.run import run
from mmc.ir import Array

mb = builder()


def packed(kind: str, *values: int) -> Array:
    """Return values in coremltools' own type of fewer than 8 bits."""
    from coremltools.converters.mil.mil import types

    found: Array = np.array(values).astype(types.nptype_from_builtin(getattr(types, kind)))
    return found


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_tables_of_every_width(tmp_path: Path, bits: int) -> None:
    indices = np.random.default_rng(bits).integers(0, 2**bits, (6, 11))
    lut = draw(2, 1, 2**bits, 1, seed=bits)

    def body(x: Any) -> Any:
        kept = packed(f"uint{bits}", *indices.reshape(-1)).reshape(indices.shape)
        return mb.mul(x=x, y=mb.constexpr_lut_to_dense(indices=kept, lut=lut), name="y")

    x = draw(6, 11)
    wanted = np.concatenate([lut[0, 0, indices[:3], 0], lut[1, 0, indices[3:], 0]])
    np.testing.assert_array_equal(run(save(tmp_path, {"x": x}, body), {"x": x})["y"], x * wanted)


@pytest.mark.parametrize("kind", ["int4", "uint4", "int8", "uint8"])
def test_shift_scale_by_blocks(tmp_path: Path, kind: str) -> None:
    low, high = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255)}[kind]
    data = np.random.default_rng(1).integers(low, high + 1, (4, 9))
    scale, offset = draw(4, 3), np.arange(12).reshape(4, 3) % 8

    def body(x: Any) -> Any:
        kept = packed(kind, *data.reshape(-1)).reshape(data.shape)
        shift = packed(kind, *offset.reshape(-1)).reshape(offset.shape)
        w = mb.constexpr_blockwise_shift_scale(data=kept, scale=scale, offset=shift)
        return mb.mul(x=x, y=w, name="y")

    x = draw(4, 9)
    wanted = np.repeat(scale, 3, 1) * (data - np.repeat(offset, 3, 1)).astype(np.float32)
    np.testing.assert_array_equal(run(save(tmp_path, {"x": x}, body), {"x": x})["y"], x * wanted)


def test_sparse_and_older_forms(tmp_path: Path) -> None:
    mask = (np.arange(24).reshape(4, 6) % 3 == 0).astype(np.uint8)
    data = draw(int(mask.sum()))

    def new(x: Any) -> Any:
        kept = packed("uint1", *mask.reshape(-1)).reshape(mask.shape)
        return mb.mul(x=x, y=mb.constexpr_sparse_to_dense(nonzero_data=data, mask=kept), name="y")

    def old(x: Any) -> Any:
        bits = np.packbits(mask.reshape(-1), bitorder="little")
        shape = np.array(mask.shape, np.uint32)
        dense = mb.constexpr_sparse_to_dense(nonzero_data=data, mask=bits, shape=shape)
        return mb.mul(x=x, y=dense, name="y")

    x, wanted = draw(4, 6), np.zeros((4, 6), np.float32)
    wanted[mask != 0] = data
    for body, opset in ((new, "iOS18"), (old, "iOS16")):
        found = run(save(tmp_path, {"x": x}, body, opset), {"x": x})["y"]
        np.testing.assert_array_equal(found, x * wanted)
        shutil.rmtree(tmp_path / "model.mlpackage")
