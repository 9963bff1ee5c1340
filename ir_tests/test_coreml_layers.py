"""Layers of packages that coremltools wrote: the evaluator against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, close, draw, runtime, save
from mmc.backends.coreml.run import run
from mmc.ir import Array

mb = builder()


CONVOLUTIONS = [
    ((2, 4, 9), (6, 4, 3), {"strides": [2], "pad": [1, 0]}),
    ((1, 4, 9, 8), (6, 2, 3, 2), {"groups": 2, "dilations": [2, 1], "pad": [1, 2, 0, 1]}),
    ((2, 4, 9, 8), (8, 1, 3, 3), {"groups": 4, "strides": [2, 1], "pad": [1, 1, 1, 1]}),
    ((1, 3, 5, 6, 4), (4, 3, 2, 3, 2), {"strides": [1, 2, 1], "pad": [0, 1, 1, 1, 0, 0]}),
]


def onnx_pads(pad: list[int]) -> list[int]:
    """Return ONNX's order: all befores, then all afters."""
    return pad[::2] + pad[1::2]


@pytest.mark.parametrize(("shape", "kernel", "options"), CONVOLUTIONS)
def test_conv(tmp_path: Path, shape: Any, kernel: Any, options: Any) -> None:
    x, w, b = draw(*shape), draw(*kernel, seed=1), draw(kernel[0], seed=2)

    def body(x: Any) -> Any:
        return mb.conv(x=x, weight=w, bias=b, pad_type="custom", name="y", **options)

    rank = len(shape) - 2
    attributes = {
        "pads": onnx_pads(options["pad"]),
        "strides": options.get("strides", [1] * rank),
        "dilations": options.get("dilations", [1] * rank),
        "group": options.get("groups", 1),
    }
    wanted = runtime("Conv", {"x": x, "w": w, "b": b}, **attributes)
    close(run(save(tmp_path, {"x": x}, body), {"x": x})["y"], wanted)


@pytest.mark.parametrize(("mode", "onnx"), [("same", "SAME_UPPER"), ("same_lower", "SAME_LOWER")])
def test_conv_same(tmp_path: Path, mode: str, onnx: str) -> None:
    x, w = draw(1, 2, 8, 7), draw(3, 2, 4, 2, seed=1)

    def body(x: Any) -> Any:
        return mb.conv(x=x, weight=w, pad_type=mode, strides=[2, 3], name="y")

    wanted = runtime("Conv", {"x": x, "w": w}, auto_pad=onnx, strides=[2, 3])
    close(run(save(tmp_path, {"x": x}, body), {"x": x})["y"], wanted)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((1, 4, 5), (4, 3, 3), {"strides": [2], "pad": [1, 0]}),
        ((2, 4, 5, 4), (4, 2, 3, 2), {"groups": 2, "strides": [2, 3], "pad": [1, 1, 0, 1]}),
        ((1, 2, 4, 4), (2, 3, 3, 3), {"dilations": [2, 1], "pad": [0, 1, 1, 0]}),
    ],
)
def test_conv_transpose(tmp_path: Path, shape: Any, kernel: Any, options: Any) -> None:
    x, w = draw(*shape), draw(*kernel, seed=1)

    def body(x: Any) -> Any:
        return mb.conv_transpose(x=x, weight=w, pad_type="custom", name="y", **options)

    rank = len(shape) - 2
    attributes = {
        "pads": onnx_pads(options["pad"]),
        "strides": options.get("strides", [1] * rank),
        "dilations": options.get("dilations", [1] * rank),
        "group": options.get("groups", 1),
    }
    wanted = runtime("ConvTranspose", {"x": x, "w": w}, **attributes)
    close(run(save(tmp_path, {"x": x}, body), {"x": x})["y"], wanted)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("exclude", [False, True])
def test_pools(tmp_path: Path, ceil: bool, exclude: bool) -> None:
    x = draw(2, 3, 10, 8)
    window = {"kernel_sizes": [3, 2], "strides": [2, 3], "pad_type": "custom", "ceil_mode": ceil}
    window["pad"] = [1, 1, 0, 0] if ceil else [1, 0, 1, 1]

    def body(x: Any) -> Any:
        mean = mb.avg_pool(x=x, exclude_padding_from_average=exclude, name="mean", **window)
        return mb.max_pool(x=x, name="top", **window), mean

    found = run(save(tmp_path, {"x": x}, body), {"x": x})
    pads = onnx_pads(window["pad"])  # type: ignore[arg-type]
    same = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": pads, "ceil_mode": int(ceil)}
    close(found["top"], runtime("MaxPool", {"x": x}, **same))
    if exclude or not ceil:  # a partial window's divisor differs otherwise
        close(
            found["mean"], runtime("AveragePool", {"x": x}, count_include_pad=not exclude, **same)
        )


def test_norms(tmp_path: Path) -> None:
    x, g, b = draw(2, 4, 5, 3), draw(4, seed=1), draw(4, seed=2)
    mean, variance = draw(4, seed=3), np.abs(draw(4, seed=4)) + np.float32(0.1)

    def body(x: Any) -> Any:
        return (
            mb.batch_norm(x=x, mean=mean, variance=variance, gamma=g, beta=b, name="batch"),
            mb.instance_norm(x=x, gamma=g, beta=b, epsilon=1e-3, name="instance"),
            mb.layer_norm(x=x, axes=[-2, -1], gamma=draw(5, 3), beta=draw(5, 3), name="layer"),
            mb.local_response_norm(x=x, size=3, alpha=0.5, beta=0.6, k=2.0, name="local"),
        )

    found = run(save(tmp_path, {"x": x}, body), {"x": x})
    both = {"x": x, "g": g, "b": b}
    all_given = both | {"m": mean, "v": variance}
    close(found["batch"], runtime("BatchNormalization", all_given, epsilon=1e-5))
    close(found["instance"], runtime("InstanceNormalization", both, epsilon=1e-3))
    layer = {"x": x, "g": draw(5, 3), "b": draw(5, 3)}
    close(found["layer"], runtime("LayerNormalization", layer, axis=2, epsilon=1e-5))
    close(found["local"], runtime("LRN", {"x": x}, size=3, alpha=0.5, beta=0.6, bias=2.0))


MODES = {
    "STRICT_ALIGN_CORNERS": "align_corners",
    "DEFAULT": "asymmetric",
    "UNALIGN_CORNERS": "half_pixel",
}


@pytest.mark.parametrize(("mode", "onnx"), MODES.items())
def test_resize(tmp_path: Path, mode: str, onnx: str) -> None:
    x = draw(1, 2, 5, 4)

    def body(x: Any) -> Any:
        sizes = {"target_size_height": 8, "target_size_width": 11}
        both = {"shape": [3, 9], "resized_dims": np.uint32(2), "sampling_mode": mode}
        return (
            mb.resize_bilinear(x=x, sampling_mode=mode, name="linear", **sizes),
            mb.resize_nearest_neighbor(x=x, name="near", **sizes),
            mb.resize(x=x, interpolation_mode="LINEAR", name="both", **both),
        )

    found = run(save(tmp_path, {"x": x}, body), {"x": x})
    none = np.zeros(0, np.float32)

    def resized(sizes: list[int], **attributes: Any) -> Array:
        feeds = {"x": x, "r": none, "s": none, "z": np.array(sizes, np.int64)}
        return runtime("Resize", feeds, **attributes)

    how = {"mode": "linear", "coordinate_transformation_mode": onnx}
    close(found["linear"], resized([1, 2, 8, 11], **how))
    close(found["both"], resized([1, 2, 3, 9], **how))
    near = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    close(found["near"], resized([1, 2, 8, 11], mode="nearest", **near))


def test_attention_is_its_definition(tmp_path: Path) -> None:
    q, k, v = draw(1, 2, 5, 8), draw(1, 2, 7, 8, seed=1), draw(1, 2, 7, 3, seed=2)
    mask = draw(5, 7, seed=3) > 0
    mask[:, 0] = True

    def body(q: Any, k: Any, v: Any) -> Any:
        return mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mask, name="y")

    scores = np.einsum("bhqe,bhke->bhqk", q.astype(np.float64), k) / np.sqrt(8)
    weights = np.exp(scores) * mask
    weights /= weights.sum(axis=-1, keepdims=True)
    feeds = {"q": q, "k": k, "v": v}
    close(run(save(tmp_path, feeds, body), feeds)["y"], weights @ v)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_lstm(tmp_path: Path, direction: str) -> None:
    ways, size = 2 if direction == "bidirectional" else 1, 3
    x, h, c = draw(5, 2, 4), draw(2, ways * size, seed=1), draw(2, ways * size, seed=2)
    wi, wh, b = (draw(ways, 12, n, seed=3 + n) for n in (4, 3, 1))
    back = {"weight_ih_back": wi[-1], "weight_hh_back": wh[-1], "bias_back": b[-1, :, 0]}

    def body(x: Any, h: Any, c: Any) -> Any:
        y, _, _ = mb.lstm(
            x=x,
            initial_h=h,
            initial_c=c,
            weight_ih=wi[0],
            weight_hh=wh[0],
            bias=b[0, :, 0],
            direction=direction,
            output_sequence=True,
            **(back if ways == 2 else {}),
        )
        return mb.identity(x=y, name="y")

    def reordered(w: Array) -> Array:
        i, f, o, z = np.split(w, 4, axis=1)
        return np.concatenate([i, o, f, z], axis=1)

    bias = np.concatenate([reordered(b)[..., 0], np.zeros((ways, 12), np.float32)], axis=1)
    state = {n: v.reshape(2, ways, size).transpose(1, 0, 2) for n, v in (("h", h), ("c", c))}
    none = {"s": np.full(2, 5, np.int32)}
    feeds = {"x": x, "w": reordered(wi), "r": reordered(wh), "b": bias} | none | state
    wanted = runtime("LSTM", feeds, hidden_size=size, direction=direction)
    found = run(save(tmp_path, {"x": x, "h": h, "c": c}, body), {"x": x, "h": h, "c": c})["y"]
    close(found, wanted.transpose(0, 2, 1, 3).reshape(5, 2, ways * size))


def test_half_precision_overflows_where_the_engine_does(tmp_path: Path) -> None:
    x = np.array([300.0, 2.0], np.float32)

    def body(x: Any) -> Any:
        return mb.real_div(x=mb.square(x=x), y=np.float16(100), name="y")

    path = save(tmp_path, {"x": x}, body, half=True)
    exact, half = run(path, {"x": x}), run(path, {"x": x}, precision="float16")
    np.testing.assert_allclose(exact["y"], [900, 0.04], rtol=1e-6)
    np.testing.assert_array_equal(half["y"], [np.inf, np.float32(np.float16(0.04))])
