"""Pictures of text lines, as a recognizer takes them, and how many characters of it are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont

from mmc.metrics import distance, greedy
from mmc.values import Array

Feeds = dict[str, Array]
WIDTH = 640
"""Nearly all lines fit; 320 squeezes every third, and the float model reads 2.5 % wrong then."""


def characters(path: Path) -> list[str]:
    """Return what the classes of the recognizer mean; 0 is the blank."""
    found = {p.key: p.value for p in onnx.load(path).metadata_props}
    return ["", *found["character"].split("\n"), " "]


def rendered(words: Sequence[str], count: int) -> Iterator[Image.Image]:
    """Yield lines of one to three words, in other sizes and colours than the labelled."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        text = " ".join(rng.choice(words, rng.integers(1, 4)))
        if rng.random() < 0.3:
            text += f" {rng.integers(1000, 99999)}"
        ink, paper = rng.integers(0, 110, 3), rng.integers(150, 256, 3)
        font = ImageFont.load_default(int(rng.integers(24, 34)))
        width = int(font.getlength(text)) + 20
        image = Image.new("RGB", (max(width, 40), 50), tuple(map(int, paper)))
        ImageDraw.Draw(image).text((10, 8), text, tuple(map(int, ink)), font)
        noise = rng.normal(0, rng.uniform(0, 12), (50, image.width, 3))
        yield Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def fitted(line: Image.Image, most: int = WIDTH) -> Array:
    """Return (1, 3, 48, most): at the height, at most the width, zeros to the right (PP-OCR)."""
    width = min(most, -(-line.width * 48 // line.height))
    x = np.zeros((1, 3, 48, most), np.float32)
    scaled = np.asarray(line.resize((width, 48), Image.Resampling.BILINEAR), np.float32)
    x[..., :width] = (scaled / 127.5 - 1).transpose(2, 0, 1)
    return x


def edits(outputs: Feeds, labels: Array, space: int) -> Array:
    """Return edits and length of every line, without spaces."""
    (scores,) = outputs.values()
    best = scores.argmax(axis=-1).reshape(len(labels), -1)
    found = []
    for row, label in zip(best, labels, strict=True):
        wanted = [int(c) for c in label if c]
        found.append([distance([c for c in greedy(row) if c != space], wanted), len(wanted)])
    return np.array(found, np.float64)
