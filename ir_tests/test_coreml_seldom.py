"""Operators that mmc does not write: packages of coremltools against ONNX Runtime and numpy.

The last test finds an operator of the evaluator that no test names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, close, draw, runtime, save
from mmc.backends.coreml.operator import OPERATORS
from mmc.backends.coreml.run import run
from mmc.ir import Array

mb = builder()
X = draw(2, 8, 4, 6)


def evaluated(folder: Path, body: Any, opset: str = "iOS17", **feeds: Array) -> dict[str, Array]:
    """Return the outputs of a package of `body`."""
    return run(save(folder, feeds, body, opset), feeds)


def test_depth_and_space(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        return (
            mb.depth_to_space(x=x, block_size=2, name="to_space"),
            mb.space_to_depth(x=x, block_size=2, name="to_depth"),
            mb.pixel_shuffle(x=x, upscale_factor=2, name="shuffled"),
            mb.pixel_unshuffle(x=x, downscale_factor=np.uint32(2), name="unshuffled"),
        )

    found = evaluated(tmp_path, body, x=X)
    close(found["to_space"], runtime("DepthToSpace", {"x": X}, blocksize=2, mode="DCR"))
    close(found["to_depth"], runtime("SpaceToDepth", {"x": X}, blocksize=2))
    close(found["shuffled"], runtime("DepthToSpace", {"x": X}, blocksize=2, mode="CRD"))
    again = runtime("DepthToSpace", {"x": found["unshuffled"]}, blocksize=2, mode="CRD")
    close(again, X)


def test_batches_of_space(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        apart = mb.space_to_batch(x=x, block_shape=[2, 3], paddings=[[1, 1], [0, 3]], name="apart")
        return apart, mb.batch_to_space(
            x=apart, block_shape=[2, 3], crops=[[1, 1], [0, 3]], name="whole"
        )

    found = evaluated(tmp_path, body, x=X)
    padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (0, 3)))
    wanted = np.concatenate([padded[:, :, i::2, j::3] for i in range(2) for j in range(3)])
    close(found["apart"], wanted)
    close(found["whole"], X)


def test_upsampling(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        sizes = {"scale_factor_height": 2, "scale_factor_width": 3}
        return (
            mb.upsample_nearest_neighbor(x=x, name="nearest", **sizes),
            mb.upsample_bilinear(x=x, align_corners=True, name="corners", **sizes),
            mb.upsample_bilinear(x=x, align_corners=False, name="centers", **sizes),
        )

    found = evaluated(tmp_path, body, x=X)
    feeds = {"x": X, "roi": np.zeros(0), "scales": np.array([1, 1, 2, 3], np.float32)}
    close(found["nearest"], X.repeat(2, axis=2).repeat(3, axis=3))
    for name, mode in (("corners", "align_corners"), ("centers", "half_pixel")):
        wanted = runtime("Resize", feeds, mode="linear", coordinate_transformation_mode=mode)
        close(found[name], wanted)


def test_norms_pools_and_activations(tmp_path: Path) -> None:
    window = {"kernel_sizes": [3, 2], "strides": [1, 2], "pad_type": "custom", "pad": [1, 1, 0, 0]}

    def body(x: Any) -> Any:
        return (
            mb.l2_norm(x=x, epsilon=0.5, name="norm"),
            mb.l2_pool(x=x, name="pool", **window),
            mb.silu(x=x, name="silu"),
            mb.crop(x=x, crop_height=[1, 0], crop_width=[2, 1], name="crop"),
        )

    found = evaluated(tmp_path, body, x=X)
    close(found["norm"], X / np.sqrt(np.square(X).sum((1, 2, 3), keepdims=True) + 0.5))
    same = {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 0, 1, 0]}
    close(found["pool"], runtime("LpPool", {"x": X}, p=2, **same))
    close(found["silu"], X * runtime("Sigmoid", {"x": X}))
    close(found["crop"], X[:, :, 1:, 2:-1])


def test_logic(tmp_path: Path) -> None:
    y = draw(2, 8, 4, 6, seed=1)

    def body(x: Any, y: Any) -> Any:
        a, b = mb.greater(x=x, y=0.0), mb.greater(x=y, y=0.0)
        return tuple(
            mb.cast(x=getattr(mb, f"logical_{n}")(x=a, y=b), dtype="int32", name=n)
            for n in ("and", "or")
        )

    found = evaluated(tmp_path, body, x=X, y=y)
    np.testing.assert_array_equal(found["and"], (X > 0) & (y > 0))
    np.testing.assert_array_equal(found["or"], (X > 0) | (y > 0))


@pytest.mark.parametrize("mode", ["update", "add", "max"])
def test_whole_slices_are_changed(tmp_path: Path, mode: str) -> None:
    x, u = draw(4, 5), draw(4, 2, seed=1)

    def body(x: Any, u: Any) -> Any:
        places = np.array([3, -4], np.int32)
        return (
            mb.scatter(data=x, indices=places, updates=u, axis=1, mode=mode, name="scattered"),
            mb.slice_update(x=x, update=u, begin=[0, 1], end=[4, 4], stride=[1, 2], name="sliced"),
        )

    found = evaluated(tmp_path, body, "iOS18", x=x, u=u)
    places = np.broadcast_to(np.array([3, 1]), (4, 2))
    feeds = {"x": x, "i": places, "u": u}
    reduction = "none" if mode == "update" else mode
    close(found["scattered"], runtime("ScatterElements", feeds, axis=1, reduction=reduction))
    wanted = x.copy()
    wanted[:, 1:4:2] = u
    close(found["sliced"], wanted)


def test_codes_and_back(tmp_path: Path) -> None:
    x, scale, zero = draw(3, 4), np.array([0.1, 0.2, 0.3], np.float32), np.array([1, -2, 3])

    def body(x: Any) -> Any:
        points = zero.astype(np.int8)
        q = mb.quantize(input=x, scale=scale, zero_point=points, axis=0, output_dtype="int8")
        return mb.dequantize(input=q, scale=scale, zero_point=points, axis=0, name="y")

    found = evaluated(tmp_path, body, x=x)["y"]
    codes = np.rint(x / scale[:, None]) + zero[:, None]
    feeds = {"q": codes.astype(np.int8), "s": scale, "z": zero.astype(np.int8)}
    close(found, runtime("DequantizeLinear", feeds, axis=0))


def test_constants_of_older_systems(tmp_path: Path) -> None:
    data = np.random.default_rng(2).integers(-128, 128, (3, 4)).astype(np.int8)
    scale, zero = np.array([0.5, 1, 2], np.float32), np.array([1, -2, 3], np.int8)
    half = draw(3, 4).astype(np.float16)

    def body(x: Any) -> Any:
        w = mb.constexpr_affine_dequantize(
            quantized_data=data, zero_point=zero, scale=scale, axis=np.int32(0)
        )
        wide = mb.constexpr_cast(source_val=half, output_dtype="fp32")
        return mb.mul(x=x, y=w, name="y"), mb.mul(x=x, y=wide, name="z")

    x = draw(3, 4, seed=3)
    found = evaluated(tmp_path, body, "iOS16", x=x)
    close(found["y"], x * scale[:, None] * (data.astype(np.float32) - zero[:, None]))
    close(found["z"], x * half)


def test_sparse_codes(tmp_path: Path) -> None:
    from coremltools.converters.mil.mil import types

    small = types.nptype_from_builtin(types.uint1), types.nptype_from_builtin(types.uint4)
    mask = (np.arange(24).reshape(4, 6) % 3 == 0).astype(small[0])
    codes = np.arange(8).astype(small[1])
    table, scale = draw(1, 1, 16, 1), np.array([[0.5], [1], [2], [4]], np.float32)
    data = np.arange(-4, 4).astype(np.int8)

    def body(x: Any) -> Any:
        m, v = mb.constexpr_lut_to_sparse(indices_mask=mask, indices_nonzero_data=codes, lut=table)
        n, w = mb.constexpr_sparse_blockwise_shift_scale(
            data_mask=mask, nonzero_data=data, scale=scale
        )
        looked = mb.constexpr_sparse_to_dense(nonzero_data=v, mask=m)
        scaled = mb.constexpr_sparse_to_dense(nonzero_data=w, mask=n)
        return mb.mul(x=x, y=looked, name="y"), mb.mul(x=x, y=scaled, name="z")

    x = draw(4, 6)
    found = evaluated(tmp_path, body, "iOS18", x=x)
    ones = np.flatnonzero(np.asarray(mask).reshape(-1).astype(np.int8))
    looked, scaled = np.zeros(24, np.float32), np.zeros(24, np.float32)
    looked[ones] = table[0, 0, np.arange(8), 0]
    scaled[ones] = data * scale[ones // 6, 0]
    close(found["y"], x * looked.reshape(4, 6))
    close(found["z"], x * scaled.reshape(4, 6))


def test_every_operator_of_the_evaluator_has_a_test() -> None:
    texts = [p.read_text() for p in Path(__file__).parent.glob("test_coreml_*.py")]
    words = set(re.findall(r"\w+", "\n".join(texts)))
    words |= {f"logical_{w}" for w in ("and", "or")}  # test_logic
    assert sorted(set(OPERATORS) - words) == []
