"""The weight file and compressed constants, as coremltools reads them."""

from __future__ import annotations

import io
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tests.coreml_oracle import coremltools, operations, reread
from mmc.backends.coreml import compressed
from mmc.backends.coreml.emitter import Emitter
from mmc.backends.coreml.half import LARGE, fits_half, to_half
from mmc.backends.coreml.identifiers import Names
from mmc.backends.coreml.lower import name_all
from mmc.backends.coreml.program import NUMPY_TYPES, Feature, Var
from mmc.backends.coreml.weights import BITS, PIECE, TYPE_CODES, WeightFile
from mmc.backends.coreml.writer import write
from mmc.backends.lowering import Unsupported
from mmc.ir import Array

READERS = {"fp16": "fp16", "fp32": "float"} | {k: k for k in TYPE_CODES if k[:2] != "fp"}
RNG = np.random.default_rng(0)


def codes(kind: str, size: int) -> Array:
    """Return random numbers of a type."""
    dtype = np.dtype(NUMPY_TYPES[kind])
    if dtype.kind == "f":
        return RNG.standard_normal(size).astype(dtype)
    bits = BITS.get(kind, 8 * dtype.itemsize)
    low = -(1 << bits - 1) if kind[0] == "i" else 0
    return RNG.integers(low, low + (1 << bits), size).astype(dtype)


@pytest.mark.parametrize("kind", TYPE_CODES)
def test_the_weight_file_is_what_core_ml_reads(kind: str, tmp_path: Path) -> None:
    coremltools()
    from coremltools.libmilstoragepython import _BlobStorageReader

    arrays = [codes(kind, size) for size in (1, 7, 64, 1001)]
    with open(tmp_path / "weight.bin", "w+b") as file:
        weights = WeightFile(file)
        offsets = [weights.add(kind, a) for a in arrays]
        assert weights.add(kind, arrays[2].copy()) == offsets[2], "equal constants are stored once"
        weights.close()
    blob = _BlobStorageReader(str(tmp_path / "weight.bin"))
    for offset, array in zip(offsets, arrays, strict=True):
        assert offset % 64 == 0
        found = getattr(blob, f"read_{READERS[kind]}_data")(offset)
        wanted = array.view(np.uint16) if kind == "fp16" else array
        assert np.array_equal(np.asarray(found).astype(wanted.dtype), wanted)


def test_constants_that_only_begin_alike_are_stored_twice() -> None:
    first = np.zeros(5000, np.float32)
    last = np.append(first[1:], np.float32(1))
    weights = WeightFile(io.BytesIO())
    offsets = [weights.add("fp32", a) for a in (first, last, first.copy(), last.copy())]
    assert offsets[0] != offsets[1]
    assert offsets[2:] == offsets[:2]


def test_a_constant_is_not_kept_once_it_is_written() -> None:
    weights = WeightFile(io.BytesIO())
    long = np.zeros(3 * PIECE + 5, np.uint8)
    held = weakref.ref(long)
    offset = weights.add("uint8", long)
    del long
    assert held() is None
    again, other = (np.zeros(3 * PIECE + 5, np.uint8) for _ in range(2))
    other[-1] = 1
    assert weights.add("uint8", again) == offset
    assert weights.add("uint8", other) > offset


def as_bits(array: Array) -> Array:
    """Return a float16 array's bits: NaN and the sign of 0 count."""
    return np.ascontiguousarray(array).view(np.uint16)


def test_halves_are_those_of_numpy() -> None:
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = np.nextafter(every, np.float32(1e9)), (every[:-1] + every[1:]) / 2
    wide = RNG.integers(0, 1 << 32, 1_000_000, dtype=np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        wide = wide[np.abs(wide) <= 65504]
    values = np.concatenate([every, *between, wide])
    values = np.concatenate([values, -values])
    values = values[np.abs(values) <= 65504]
    assert values.size > LARGE
    assert fits_half(values)
    made = to_half(values)
    assert np.array_equal(as_bits(made), as_bits(values.astype(np.float16)))


@pytest.mark.parametrize("size", [8, LARGE + 8])
@pytest.mark.parametrize("beyond", [65504.01, -1e30, np.inf, -np.inf, np.nan])
def test_what_halves_cannot_hold_is_said(size: int, beyond: float) -> None:
    for place in (0, size - 1):
        values = np.ones(size, np.float32)
        values[place] = np.nextafter(np.float32(beyond), np.float32(2 * beyond))
        assert not fits_half(values)
        assert not fits_half(values.reshape(-1, 8).T)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_transposed_halves_come_in_order(axes: tuple[int, ...]) -> None:
    array = RNG.standard_normal((3, 860, 700)).astype(np.float32)
    matrix = array[0].T
    for view in (array.transpose(axes), matrix):
        made = to_half(view)
        assert made.flags.c_contiguous
        assert np.array_equal(as_bits(made), as_bits(view.astype(np.float16)))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(BITS)), st.integers(1, 100))
def test_small_types_take_their_bits(kind: str, size: int) -> None:
    file = io.BytesIO()
    weights = WeightFile(file)
    weights.add(kind, codes(kind, size))
    assert len(file.getvalue()) == 128 + -(-size * BITS[kind] // 8)


def decompressed(e: Emitter, weight: Var, path: Path) -> Array:
    """Return a compressed constant as coremltools unpacks it, through a linear layer's weight."""
    x = Var("x", e.float, (1, weight.shape[1]))
    y = e.op("linear", (1, weight.shape[0]), e.float, x=x, weight=weight)
    y.name = "y"
    e.program.inputs = [Feature(x, "x", "float32", x.shape)]
    e.program.outputs = [Feature(y, "y", "float32", y.shape)]
    name_all(e.program, Names())
    write(e.program, path)
    *_, last, linear = operations(reread(path))
    assert linear.op_type == "linear"
    found: Array = last.materialized_val_inference()
    return found


WEIGHT = RNG.standard_normal((6, 32)).astype(np.float32)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int4", "uint4"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_shift_and_scale_by_blocks(kind: str, blocks: int, tmp_path: Path) -> None:
    data = codes(kind, 6 * 32).reshape(6, 32)
    scale = RNG.uniform(0.5, 1, (6, blocks)).astype(np.float16)
    offset = codes(kind, 6 * blocks).reshape(6, blocks) // 4
    e = Emitter("fp16", 9)
    found = decompressed(
        e, compressed.shift_scale(e, data, scale, kind, offset), tmp_path / "m.mlpackage"
    )
    repeat = 32 // blocks
    wide = [np.repeat(a.astype(np.float32), repeat, axis=1) for a in (offset, scale)]
    assert np.allclose(found, (data - wide[0]) * wide[1], rtol=2e-3)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("groups", [1, 3])
def test_tables_by_groups(bits: int, groups: int, tmp_path: Path) -> None:
    indices = RNG.integers(0, 1 << bits, (6, 32)).astype(np.uint8)
    table = RNG.standard_normal((groups, 1, 1 << bits, 1)).astype(np.float16)
    e = Emitter("fp16", 9)
    found = decompressed(e, compressed.palette(e, indices, table, bits), tmp_path / "m.mlpackage")
    rows = np.repeat(table[:, 0, :, 0], 6 // groups, axis=0)
    assert np.array_equal(found, np.take_along_axis(rows, indices.astype(int), axis=1))


def test_two_bits_are_a_table_times_a_scale(tmp_path: Path) -> None:
    data = RNG.integers(-2, 2, (6, 32)).astype(np.int8)
    scale = RNG.uniform(0.5, 1, (6, 2)).astype(np.float16)
    e = Emitter("fp16", 9)
    weight = compressed.two_bit(e, data, scale)
    assert [op.code for op in e.program.operations] == [
        "constexpr_lut_to_dense",
        "constexpr_blockwise_shift_scale",
    ]
    path = tmp_path / "m.mlpackage"
    decompressed(e, weight, path)
    table, product, _ = operations(reread(path))
    values = table.materialized_val_inference()
    assert np.array_equal(values, data), "codes are table entries"
    assert np.array_equal(product.scale.val, scale)


@pytest.mark.parametrize("version", [7, 9])
def test_sparse_weights(version: int, tmp_path: Path) -> None:
    dense = np.where(RNG.random((6, 32)) < 0.4, WEIGHT, 0).astype(np.float16)
    e = Emitter("fp16", version)
    found = decompressed(e, compressed.sparse(e, dense), tmp_path / "m.mlpackage")
    assert np.array_equal(found.reshape(6, 32), dense)


def test_the_forms_of_ios_16(tmp_path: Path) -> None:
    data, scale = codes("int8", 192).reshape(6, 32), RNG.uniform(0.5, 1, (6, 1)).astype(np.float16)
    e = Emitter("fp16", 7)
    found = decompressed(e, compressed.shift_scale(e, data, scale), tmp_path / "a.mlpackage")
    assert np.allclose(found, data * scale.astype(np.float32), rtol=2e-3)
    indices, table = RNG.integers(0, 16, (6, 32)).astype(np.uint8), codes("fp16", 16)
    e = Emitter("fp16", 7)
    weight = compressed.palette(e, indices, table.reshape(1, 1, 16, 1), 4)
    found = decompressed(e, weight, tmp_path / "b.mlpackage")
    assert np.array_equal(found.reshape(6, 32), table[indices])
    with pytest.raises(Unsupported, match="by blocks"):
        compressed.shift_scale(e, data, np.ones((6, 4), np.float16))
    with pytest.raises(Unsupported, match="each group"):
        compressed.palette(e, indices, np.ones((2, 1, 16, 1)), 4)
    with pytest.raises(Unsupported, match="scaled table"):
        compressed.scaled(e, weight, scale)
