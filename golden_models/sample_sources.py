"""Where the samples' pictures come from, and how a model is run on them."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from golden_models.wheels import download, path, read_member
from mmc.ir import Array

Feeds = dict[str, Array]
SKIMAGE = "scikit-image==0.26.0"
FOOLBOX = "foolbox==3.3.4"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@cache
def wheel_member(wheel: str, member: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return read_member(download(wheel, Path(folder)), member)


def picture(wheel: str, member: str) -> Image.Image:
    return Image.open(io.BytesIO(wheel_member(wheel, member))).convert("RGB")


def scikit_image(name: str) -> Image.Image:
    return picture(SKIMAGE, f"skimage/data/{name}.png")


def imagenet(name: str) -> Image.Image:
    return picture(FOOLBOX, f"foolbox/data/{name}.jpg")


def nchw(image: Image.Image, mean: Array | float, scale: Array | float) -> Array:
    """Return (x - mean) / scale as (1, 3, H, W) float32; mean and scale in units of 0..255."""
    x = (np.asarray(image, np.float32) - np.float32(mean)) / np.float32(scale)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)


def imagenet_nchw(image: Image.Image) -> Array:
    mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
    return nchw(image, mean, std)


def run(name: str, feeds: Feeds) -> Feeds:
    """Return the outputs of ONNX Runtime with its optimizer off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path(name), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))
