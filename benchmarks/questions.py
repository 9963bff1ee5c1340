"""The three parts of digits_vqa, answering questions one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import golden_models as golden
from mmc.backends.base import backend_of
from mmc.evaluation import EACH
from mmc.files import write_npz
from mmc.values import Array
from mmc.verification import reference
from mmc.verification.execute import execute

PARTS = ("vision", "text", "fusion_decoder")
DATA = Path(golden.__file__).parent / "data"
CALIBRATED, ASKED = 256, 500
BEGIN, END = 1, 2
LENGTH = 3
Feeds = dict[str, Array]


@dataclass(frozen=True)
class Part:
    """A model, its shapes for one question, and its calibration data."""

    model: Path
    shapes: Mapping[str, tuple[int, ...]]
    calibration: Path


def questions(name: str, count: int) -> tuple[Feeds, Array]:
    """Return (N, 1, ...) inputs of the first two parts, and the answers (N, LENGTH)."""
    with np.load(DATA / f"digits_vqa_{name}.npz") as data:
        images, ids, answers = (data[k][:count] for k in ("image", "question_ids", "answer_ids"))
    feeds = {
        "image": (images.astype(np.float32) / np.float32(255))[:, None],
        "input_ids": ids[:, None],
        "attention_mask": (ids != 0).astype(np.int64)[:, None],
    }
    return feeds, answers


def runs(path: Path, feeds: Feeds, rounding: str) -> Feeds:
    """Return the outputs of an ONNX file or an artifact on every sample."""
    if path.suffix == ".onnx":
        return execute(EACH, path, feeds, inner=reference.JOB).outputs
    backend = backend_of(path)
    assert backend is not None
    given = {"precision": rounding} if rounding else {}
    return execute(EACH, path, feeds, inner=backend.job, **given).outputs


def seen(files: Mapping[str, Path], asked: Feeds, rounding: str) -> Feeds:
    """Return what the decoder is fed beside the answer so far."""
    image = runs(files["vision"], {"image": asked["image"]}, rounding)
    words = {n: asked[n] for n in ("input_ids", "attention_mask")}
    return {
        **image,
        **runs(files["text"], words, rounding),
        "attention_mask": asked["attention_mask"],
    }


def taught(files: Mapping[str, Path], asked: Feeds, answers: Array) -> Feeds:
    """Return all that the decoder is fed, with the right words before each, as in training."""
    before = np.concatenate([np.full((len(answers), 1), BEGIN), answers[:, :-1]], axis=1)
    return {"answer_ids": before[:, None].astype(np.int64), **seen(files, asked, "")}


def exact_answers(files: Mapping[str, Path], rounding: str = "") -> Array:
    """Return whether each answer, decoded greedily, is right."""
    asked, right = questions("eval", ASKED)
    context = seen(files, asked, rounding)
    said = np.zeros((ASKED, 1, LENGTH), np.int64)
    fed = said.copy()
    fed[..., 0] = BEGIN
    for step in range(LENGTH):
        logits = runs(files["fusion_decoder"], {"answer_ids": fed, **context}, rounding)["logits"]
        said[..., step] = logits[..., step, :].argmax(axis=-1)
        if step + 1 < LENGTH:
            fed[..., step + 1] = said[..., step]
    return np.array([ended(a) == ended(b) for a, b in zip(said[:, 0], right, strict=True)], float)


def ended(answer: Array) -> list[int]:
    """Return the words before the end."""
    words = [int(word) for word in answer]
    return words[: words.index(END)] if END in words else words


def originals() -> dict[str, Path]:
    """Return the ONNX files of the parts."""
    return {part: golden.path(f"digits_vqa_{part}") for part in PARTS}


@cache
def parts_of(folder: Path) -> tuple[Mapping[str, Part], Array]:
    """Return the parts with calibration data, and which answers the original has right."""
    files = originals()
    given, answers = questions("calibration", CALIBRATED)
    decoder = taught(files, given, answers)
    words = {n: given[n] for n in ("input_ids", "attention_mask")}
    parts = {}
    for part, feeds in zip(PARTS, ({"image": given["image"]}, words, decoder), strict=True):
        data = folder / f"{part}.npz"
        write_npz(data, feeds)
        parts[part] = Part(files[part], {n: v.shape[1:] for n, v in feeds.items()}, data)
    return parts, exact_answers(files)
